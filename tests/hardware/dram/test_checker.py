"""The checker itself: it accepts what is legal, and sees each command that is moved."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram import workloads
from tests.hardware.dram.checker import violations
from tests.hardware.dram.devices import NAMES, device, logged
from tests.hardware.dram.workloads import Shape

Rows = list[tuple[int, str, int, int]]


def found(spec: DramDeviceSpec, rows: Rows) -> list[str]:
    log = [(tick, COMMANDS[name], bank, row) for tick, name, bank, row in rows]
    return violations(spec, np.array(log, dtype=np.int64))


# DDR4-3200: nRCD 22, nRAS 52, nRP 22, nRTP 12, nRRDS 4, nFAW 34, nCCDL 8.
LEGAL: Rows = [
    (1, "ACT", 0, 5),
    (23, "RD", 0, 5),
    (31, "RD", 0, 5),
    (53, "PRE", 0, -1),
    (75, "ACT", 0, 6),
    (97, "WR", 0, 6),
]
ILLEGAL: dict[str, tuple[int, tuple[int, str, int, int], str]] = {
    "column command early": (1, (22, "RD", 0, 5), "within 22 ticks"),
    "column commands too near": (2, (30, "RD", 0, 5), "within 8 ticks"),
    "row closed early": (3, (52, "PRE", 0, -1), "within 52 ticks"),
    "row opened early": (4, (74, "ACT", 0, 6), "within 22 ticks"),
    "another row": (1, (23, "RD", 0, 4), "while row 5 is open"),
    "another bank": (1, (23, "RD", 1, 5), "while row None is open"),
    "an open bank": (2, (80, "ACT", 0, 5), "while row 5 is open"),
    "refresh of an open bank": (5, (400, "REFab", 0, -1), "while banks [0] are open"),
    "two commands at once": (2, (23, "PRE", 4, -1), "bus is taken"),
    "time that runs back": (5, (70, "WR", 0, 6), "is logged behind"),
}


def test_a_legal_log_is_accepted() -> None:
    assert found(device("ddr4-3200"), LEGAL) == []


@pytest.mark.parametrize("problem", ILLEGAL)
def test_a_command_out_of_place_is_seen(problem: str) -> None:
    at, command, words = ILLEGAL[problem]
    rows = [*LEGAL[:at], command, *LEGAL[at + 1 :]]
    assert any(words in line for line in found(device("ddr4-3200"), rows))


def test_a_fifth_activation_within_the_window_is_seen() -> None:
    rows: Rows = [(1 + 8 * step, "ACT", bank, 0) for step, bank in enumerate((0, 4, 8, 12))]
    spec = device("ddr4-3200")
    assert found(spec, [*rows, (35, "ACT", 1, 0)]) == []
    assert "4 ACT" in found(spec, [*rows, (34, "ACT", 1, 0)])[0]


def test_commands_to_a_bank_that_is_refreshed_are_seen() -> None:
    spec = device("ddr4-3200")
    assert found(spec, [(1, "REFab", 0, -1), (577, "ACT", 0, 0)]) == []
    assert "refreshed" in found(spec, [(1, "REFab", 0, -1), (300, "PRE", 3, -1)])[0]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(1, "ACT1", 0, 0), (10, "ACT2", 0, 0)], "not completed within 8 ticks"),
        ([(1, "ACT1", 0, 0), (3, "PRE", 0, -1), (5, "ACT2", 0, 0)], "comes between"),
        ([(1, "ACT2", 0, 0)], "does not follow its ACT1"),
        ([(1, "ACT1", 0, 0), (3, "ACT2", 0, 0), (17, "RD", 0, 0)], "the data clock stands still"),
        ([(1, "ACT1", 0, 0), (16, "RD", 0, 0)], "while row None is open"),
    ],
)
def test_lpddr5_commands_out_of_place_are_seen(rows: Rows, words: str) -> None:
    assert any(words in line for line in found(device("lpddr5-6400"), rows))


def test_a_legal_lpddr5_log_is_accepted() -> None:
    """The data clock runs for 17 + 2 + 1 cycles behind a read."""
    rows: Rows = [(1, "ACT1", 0, 0), (3, "ACT2", 0, 0), (16, "CAS_RD", 0, -1), (17, "RD", 0, 0)]
    spec = device("lpddr5-6400")
    assert found(spec, [*rows, (37, "RD", 0, 0)]) == []
    assert "stands still" in found(spec, [*rows, (38, "RD", 0, 0)])[0]


@pytest.mark.parametrize(
    ("rows", "legal"),
    [
        ([(1, "ACT", 0, 0), (4, "PRE", 1, -1)], True),  # ACT takes ticks 1 to 3
        ([(1, "ACT", 1, 0), (4, "PRE", 1, -1)], False),
        ([(1, "PRE", 1, -1), (2, "PRE", 2, -1)], False),  # nPPD
        ([(2, "ACT", 0, 0)], False),
        ([(1, "PREA", 0, -1), (2, "PRE", 32, -1)], True),  # the other pseudo channel
        ([(1, "REFab", 0, -1), (2, "PRE", 3, -1)], False),
    ],
)
def test_hbm3_edges(rows: Rows, legal: bool) -> None:
    assert (found(device("hbm3-6400"), rows) == []) == legal


@pytest.mark.parametrize("name", NAMES)
def test_nearly_no_command_of_a_busy_channel_could_be_earlier(name: str) -> None:
    """A conflict stream is bound all along: each command a tick earlier breaks a rule."""
    spec = device(name)
    stream = workloads.conflict(Shape.of(spec), 12)
    _, log = logged(spec, stream, ControllerSpec(refresh="none"))
    assert violations(spec, log) == []
    kinds = ("PRE", "ACT", "ACT1", "RD") if not spec.data_clock else ("PRE", "ACT1")
    numbers = [COMMANDS[kind] for kind in kinds]
    for at in np.flatnonzero(np.isin(log[:, 1], numbers))[1:].tolist():
        assert violations(spec, moved(log, at)), f"command {at} could be earlier"


def moved(log: NDArray[np.int64], at: int) -> NDArray[np.int64]:
    """The log with one command a tick earlier."""
    changed = log.copy()
    changed[at, 0] -= 1
    return changed
