"""Random runs of units with random requests beside them: nothing illegal, nothing lost."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.pim.gemv import Run
from tests.hardware.dram.laws import check_places
from tests.hardware.dram.pim.mixes import (
    NAMES,
    TIMINGS,
    Mix,
    Served,
    mixes,
    pim_device,
    serve_mix,
)
from tests.hardware.dram.pim.unit_rules import Work, unit_violations

DUAL, SINGLE = NAMES
NO_REFRESH = ControllerSpec(refresh="none")
STAGGERED = ControllerSpec(refresh="staggered")
NO_INPUT = Run(input_bank=0, input_row=0, first_row=1, tiles=2, segments=1, comps=1, inputs=0)
"""Tiles in rows 1 and 2."""


@pytest.mark.parametrize("timing", TIMINGS)
@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=30)
def test_units_beside_requests_break_no_rule_and_lose_nothing(
    name: str, timing: str, data: st.DataObject
) -> None:
    mix = data.draw(mixes(name, timing))
    served = check_mix(mix)
    again = serve_mix(mix)
    np.testing.assert_array_equal(again.log, served.log)


def check_counts(mix: Mix, served: Served) -> None:
    """Every tile and every product once, every request once and where it was asked for."""
    runs = [run for _, run in mix.work]
    assert served.tiles == sum(run.tiles for run in runs)
    assert served.comps == sum(run.tiles * run.segments * run.comps for run in runs)
    asked = tuple((mix.stream[:, 1] == op).sum() for op in range(2))
    assert (served.result.reads, served.result.writes) == asked
    check_places(mix.stream, served.result, served.log)


def check_mix(mix: Mix) -> Served:
    served = serve_mix(mix)
    assert served.left == 0, "something waits for ever"
    assert unit_violations(mix.device, served.log, mix.work) == []
    check_counts(mix, served)
    return served


@pytest.mark.parametrize("timing", TIMINGS)
def test_a_row_that_was_opened_for_a_request_is_not_closed_before_it(timing: str) -> None:
    """A request opens row 2, that of the last tile, while the units work in row 1.

    Its turn on the bus is behind the 32 precharges ahead of that tile, by when nRAS is over.
    """
    spec = pim_device(DUAL, timing)
    work = tuple(Work(0, replace(NO_INPUT, tiles=t, segments=s)) for t, s in ((1, 4), (2, 1)))
    for arrive, write in product(range(0, 150, 25), (0, 1)):
        check_mix(Mix(spec, NO_REFRESH, work, np.array([[arrive, write, 0, 2, 0]])))


@pytest.mark.parametrize("timing", TIMINGS)
def test_requests_that_are_there_first_do_not_stop_units_with_one_row_buffer(timing: str) -> None:
    """They need other rows than are open, and are served before the units begin."""
    stream = np.array([[0, 0, 0, row, 0] for row in range(4)])
    served = check_mix(Mix(pim_device(SINGLE, timing), STAGGERED, (Work(3, NO_INPUT),), stream))
    reads = served.log[:, 1] == COMMANDS["RD"]
    units = served.log[:, 1] == COMMANDS["PIM_HEADER"]
    assert served.log[reads, 0].max() < served.log[units, 0].min()


@pytest.mark.parametrize("write", [False, True])
def test_units_wait_for_a_bank_that_precharges_itself(write: bool) -> None:
    """Corrected, one row buffer: the last access to bank 0 closes its row by itself.

    Rows of the other groups of the rank were opened later, so that its group is the first.
    """
    op = int(write)
    accesses = [(20 * burst, op, 0, 3, burst) for burst in range(5)] + [(88, op, 0, 3, 5)]
    later = [(60, 0, bank, 3, 0) for bank in (4, 8, 12)]
    closed = NO_REFRESH.model_copy(update={"page": "closed", "page_cap": 5})
    for submitted in range(89, 99):
        work = (Work(submitted, NO_INPUT),)
        stream = np.array(sorted(accesses + later))
        check_mix(Mix(pim_device(SINGLE, "corrected"), closed, work, stream))
