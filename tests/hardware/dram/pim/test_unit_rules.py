"""The checker of logs with units: it accepts what is legal, and sees what is out of place."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.pim.gemv import Run
from tests.hardware.dram.pim.mixes import NAMES, pim_device
from tests.hardware.dram.pim.unit_rules import Work, unit_violations

DUAL, SINGLE = NAMES
Rows = list[tuple[int, str, int, int]]
WORK = (Work(0, Run(0, 9, 1, 1, 2, 8)),)
"""A vector in row 9 of bank 0, one tile in row 1, two segments of 8 COMPs."""
OPENING: Rows = [
    (112 + 30 * (group // 2) + group % 2, "G_ACT", 16 * (group % 2) + 4 * (group // 2), 1)
    for group in range(8)
]
LEGAL: Rows = [
    (1, "ACT", 0, 9),
    (15, "GWRITE", 0, 9),
    (111, "PIM_HEADER", 0, 1),
    *OPENING,  # the last at 203
    (217, "COMPS_READRES", 0, 1),
    (235, "COMPS_READRES", 0, 1),
    (256, "PIM_PRECHARGE", 0, -1),
]
ENTRIES = {name: at for at, (_, name, _, _) in enumerate(LEGAL)}
ILLEGAL: dict[str, tuple[str, tuple[int, str, int, int], str]] = {
    "input before its row": ("GWRITE", (14, "GWRITE", 0, 9), "within 14 ticks of ACT"),
    "input of a closed bank": ("ACT", (1, "ACT", 1, 9), "GWRITE of bank 0 row 9 at 15 while row"),
    "input of another row": ("ACT", (1, "ACT", 0, 8), "while row 8 is open"),
    "another input": ("GWRITE", (15, "GWRITE", 0, 8), "instead of Step"),
    "tile before its input": ("PIM_HEADER", (110, "PIM_HEADER", 0, 1), "within 96 ticks"),
    "another tile": ("PIM_HEADER", (111, "PIM_HEADER", 0, 2), "instead of Step"),
    "a group too few": ("G_ACT", (203, "PIM_PRECHARGE", 28, -1), "while banks [28, 29, 30, 31]"),
    "another row of a group": ("G_ACT", (203, "G_ACT", 28, 2), "have another row open"),
    "a group twice": ("G_ACT", (203, "G_ACT", 16, 1), "while the units have row 1 of bank 16"),
    "groups too near": ("G_ACT", (202, "G_ACT", 28, 1), "within 30 ticks of G_ACT of bank 24"),
    "the row of the input": ("ACT", (1, "ACT", 0, 1), "row 1 of bank 0 is open for requests"),
    "segments too near": ("COMPS_READRES", (234, "COMPS_READRES", 0, 1), "of COMPS_DONE at 233"),
    "rows closed too early": ("PIM_PRECHARGE", (255, "PIM_PRECHARGE", 0, -1), "COMPS_DONE at 251"),
    "a tile too many": ("PIM_PRECHARGE", (256, "PIM_HEADER", 0, 2), "expected 4"),
    "refresh of open rows": ("PIM_PRECHARGE", (400, "REFab", 16, -1), "while banks [16, 17"),
    "rows of the units opened": ("PIM_PRECHARGE", (300, "ACT", 5, 1), "while the units have row 1"),
}


def found(name: str, rows: Rows, work: tuple[Work, ...] = WORK) -> list[str]:
    log = [(tick, COMMANDS[command], bank, row) for tick, command, bank, row in rows]
    spec = pim_device(name, "corrected")
    return unit_violations(spec, np.array(log, dtype=np.int64), work)


def test_a_legal_log_is_accepted() -> None:
    assert found(DUAL, LEGAL) == []
    assert found(DUAL, [*LEGAL, (300, "ACT", 5, 2)]) == []


@pytest.mark.parametrize("problem", ILLEGAL)
def test_a_command_out_of_place_is_seen(problem: str) -> None:
    name, command, words = ILLEGAL[problem]
    rows = [*LEGAL[: ENTRIES[name]], command, *LEGAL[ENTRIES[name] + 1 :]]
    assert any(words in line for line in found(DUAL, rows))


def test_work_before_it_is_there_is_seen() -> None:
    assert "before its run was there" in found(DUAL, LEGAL, (Work(20, WORK[0].run),))[0]


def test_work_that_is_not_done_is_seen() -> None:
    assert "3 commands of units, expected 4" in found(DUAL, LEGAL[:-2])[0]


# -- one row buffer ----------------------------------------------------------------
ONE_TILE = (Work(0, Run(0, 9, 1, 1, 1, 1, inputs=0)),)
BLOCKED: Rows = [
    (1, "ACT", 5, 3),
    (15, "RD", 5, 3),
    (35, "PRE", 5, -1),
    (50, "PIM_HEADER", 0, 1),
    *[(tick - 61, name, bank, row) for tick, name, bank, row in OPENING],  # from 51 to 142
    (156, "COMP", 0, 1),
    (162, "READRES", 0, 1),
]


def test_a_legal_log_of_one_row_buffer_is_accepted() -> None:
    closing: Rows = [(tick, "PIM_PRECHARGE", tick - 167, -1) for tick in range(167, 199)]
    later: Rows = [(199, "ACT", 4, 1), (213, "RD", 4, 1)]
    assert found(SINGLE, [*BLOCKED, *closing, *later], ONE_TILE) == []


@pytest.mark.parametrize(
    ("at", "command", "words"),
    [
        (-1, (161, "READRES", 0, 1), "within 6 ticks of FIRST_COMP at 156"),
        (2, (90, "PRE", 5, -1), "row 3 of bank 5 is open for requests"),
        (2, (80, "PRE", 5, -1), "within 14 ticks of PRE of bank 5"),
        (2, (60, "RD", 5, 3), "while the units work from 50 to 162"),
    ],
)
def test_what_one_row_buffer_forbids_is_seen(
    at: int, command: tuple[int, str, int, int], words: str
) -> None:
    rows = [*BLOCKED]
    rows[at] = command
    rows.sort(key=lambda row: row[0])
    assert any(words in line for line in found(SINGLE, rows, ONE_TILE))


def test_units_wait_for_a_bank_that_precharges_itself() -> None:
    """RDA: nRTP + nRP = 19 cycles until the row buffer is free."""
    rows: Rows = [(1, "ACT", 20, 3), (60, "RDA", 20, 3), (70, "PIM_HEADER", 0, 1)]
    for last, legal in ((78, False), (79, True)):
        opening: Rows = [
            (last + tick - 112, name, (bank + 20) % 32, row) for tick, name, bank, row in OPENING
        ]
        lines = found(SINGLE, [*rows, *opening], ONE_TILE)
        assert any("precharges itself" in line for line in lines) != legal
