"""Units with registers: cycle by cycle by hand, in closed form, and random runs."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.pim.channel import PimResult, simulate_runs
from simulator.hardware.dram.pim.closed_form import tile_cycles
from simulator.hardware.dram.pim.gemv import GemvLayout, Run
from tests.hardware.dram.devices import device
from tests.hardware.dram.pim.register_rules import register_violations
from tests.hardware.dram.table import Table

BANK, GROUP, BUFFER = "hbm3-attacc-bank", "hbm3-attacc-bank-group", "hbm3-attacc-buffer"
SAMSUNG = "hbm2-samsung-pim"
NAMES = (BANK, GROUP, BUFFER, SAMSUNG)
NO_REFRESH = ControllerSpec(refresh="none")


@cache
def one_output_block(name: str, inputs: int, outputs: int) -> PimResult:
    layout = GemvLayout(device(name), outputs, inputs)
    return simulate_runs(layout.device, NO_REFRESH, layout.runs(), log_commands=4000)


def commands(name: str, result: PimResult) -> list[tuple[int, str]]:
    names = Table(device(name)).names
    return [(tick, names[number]) for tick, number, _, _ in result.log.tolist()]


def test_a_tile_at_bank_level_command_by_command() -> None:
    """32 outputs of 128 inputs: 16 groups of four banks, two outputs each, of two COMPs."""
    result = one_output_block(BANK, 128, 32)
    expected = [
        *((1 + 4 * burst, "GWRITE") for burst in range(8)),  # 256 B in bursts of 32, nCCDL apart
        (29, "G_ACT"),  # in all 64 banks, two cycles long, on the row bus
        *((30 + 19 + 6 * comp, "COMP") for comp in range(4)),  # nRCD, then limited by power
        *((68 + 2 * burst, "READRES") for burst in range(8)),  # a burst for each group, nCCDS
    ]
    assert commands(BANK, result) == expected
    assert result.cycles == 68 + 14 + 19 + 2  # nCL + nBL behind the last burst of results


def test_results_come_out_beside_the_next_tile() -> None:
    """Two tiles of 16 outputs per group: 32 COMPs each, the second tile's behind a new row."""
    result = one_output_block(BANK, 128, 512)
    log = commands(BANK, result)
    comps = [tick for tick, name in log if name == "COMP"]
    first = [49 + 6 * comp for comp in range(32)]
    # PIM_PRECHARGE nRTP behind the last COMP, nRP to G_ACT and nRCD to the next one.
    assert comps == first + [first[-1] + 8 + 19 + 19 + 6 * comp for comp in range(32)]
    results = [tick for tick, name in log if name == "READRES"]
    assert results[:8] == [236 + 2 * burst for burst in range(8)]  # right behind 235
    assert results[8:] == [comps[-1] + 1 + 2 * burst for burst in range(8)]


def test_the_next_vector_is_loaded_beside_the_tile_before() -> None:
    runs = [Run(0, 0, 1, 1, 16, 2, 8, 16), Run(0, 0, 2, 1, 16, 2, 8, 16)]
    result = simulate_runs(device(BANK), NO_REFRESH, runs, log_commands=1000)
    loads = [tick for tick, name in commands(BANK, result) if name == "GWRITE"]
    assert loads[:8] == [1 + 4 * burst for burst in range(8)]
    # At once, nCCDL apart; at 49 the column bus has the first COMP.
    assert loads[8:] == [33, 37, 41, 45, 50, 54, 58, 62]


@pytest.mark.parametrize(
    ("name", "comps", "interval"), [(BANK, 2, 6), (GROUP, 8 * 4, 6), (BUFFER, 8 * 32, 2)]
)
def test_units_further_out_take_banks_in_turn(name: str, comps: int, interval: int) -> None:
    """Keys of a head at each level of AttAcc: COMPs of a sum, and how far they are apart."""
    layout = GemvLayout(device(name), 2048, 128)
    assert layout.runs()[0].comps == comps
    result = one_output_block(name, 128, 2048)
    ticks = [tick for tick, command in commands(name, result) if command == "COMP"]
    assert ticks[1] - ticks[0] == interval
    assert result.comps * 16 * 64 // (1 if name == BANK else 4 if name == GROUP else 32) == (
        2048 * 128
    )


def test_hbm_pim_command_by_command() -> None:
    """64 outputs of 128 inputs: a vector in eight registers, eight sums per unit, 64 COMPs."""
    result = one_output_block(SAMSUNG, 128, 64)
    log = commands(SAMSUNG, result)
    expected = [
        # Four writes lead to all-bank mode, one has the instructions: each opens a row (10),
        # writes (8 + 2), recovers (16) and closes it (14).
        *((1 + 50 * write, "PIM_MODE") for write in range(5)),
        (201 + 40 - 1, "G_ACT"),  # of the registers' row, two cycles long
        *((241 + 10 + 4 * burst, "GWRITE") for burst in range(9)),  # one starts the block
        (283 + 26, "PIM_PRECHARGE"),
        (309 + 14 - 1, "G_ACT"),
        *((323 + 14 + 4 * comp, "COMP") for comp in range(64)),  # four sums of 8, twice
        *((589 + 15 + 4 * burst, "READRES") for burst in range(8)),  # into the banks
        *((632 + 50 + 50 * write, "PIM_MODE") for write in range(3)),
    ]
    assert log == expected


def test_a_chunk_of_hbm_pim_takes_363_cycles() -> None:
    """64 COMPs 4 apart, then the registers' row and back: nRTP + nRP + nRCDWR, 8 writes 4 apart,
    and write recovery, nRP and nRCD."""
    chunk = 63 * 4 + (5 + 14 + 10) + 7 * 4 + (26 + 14 + 14)
    assert chunk == 363
    one, five = one_output_block(SAMSUNG, 128, 64), one_output_block(SAMSUNG, 640, 64)
    assert five.cycles - one.cycles == 4 * chunk
    assert five.commands["READRES"] == one.commands["READRES"] == 8, "sums stay in registers"


@pytest.mark.parametrize("name", NAMES)
@given(segments=st.integers(1, 16), comps=st.integers(4, 32))
@settings(max_examples=15)
def test_tiles_take_what_the_closed_form_says(name: str, segments: int, comps: int) -> None:
    """Cycles per tile once the first is done: what 6 tiles take more than 3."""
    spec = device(name)

    def cycles(tiles: int) -> float:
        run = Run(0, 0, 1, tiles, segments, comps, 1, segments, spec.pim.keep_sums)
        return simulate_runs(spec, NO_REFRESH, [run]).cycles

    assert (cycles(6) - cycles(3)) / 3 == tile_cycles(spec, segments, comps)


def test_values_of_the_closed_form() -> None:
    assert tile_cycles(device(BANK), 16, 2) == 31 * 6 + 8 + 19 + 19 == 232
    assert tile_cycles(device(BANK, "timing.cycles.nCOMP=4"), 16, 2) == 31 * 4 + 46 == 170
    assert tile_cycles(device(GROUP), 4, 32) == 127 * 6 + 46
    assert tile_cycles(device(BUFFER), 4, 256) == 1023 * 2 + 46


def test_a_refresh_waits_for_the_tile_at_hand_or_interrupts_it() -> None:
    layout = GemvLayout(device(BANK), 256 * 40, 128)
    waits = simulate_runs(layout.device, ControllerSpec(refresh="all_bank"), layout.runs())
    assert waits.commands["G_ACT"] == 40
    assert 0 < waits.refresh_late_cycles <= tile_cycles(layout.device, 16, 2)
    other = device(BANK, "pim.finish_tiles=false")
    interrupted = simulate_runs(other, ControllerSpec(refresh="all_bank"), layout.runs())
    assert interrupted.commands["G_ACT"] > 40
    assert interrupted.refresh_late_cycles < 50


@st.composite
def some_runs(draw: st.DrawFn, name: str) -> list[Run]:
    keeps = device(name).pim.keep_sums
    found = []
    for _ in range(draw(st.integers(1, 5))):
        segments, tiles = draw(st.integers(1, 6)), draw(st.integers(1, 4))
        found.append(
            Run(
                input_bank=0,
                input_row=0,
                first_row=draw(st.integers(1, 5)),
                tiles=tiles,
                segments=segments,
                comps=draw(st.sampled_from([1, 2, 5, 8, 32])),
                inputs=draw(st.sampled_from([0, 1, 8])),
                sums=segments * tiles if keeps else draw(st.integers(1, 9)),
                keeps=keeps and draw(st.booleans()),
            )
        )
    return found


@pytest.mark.parametrize("name", NAMES)
@given(data=st.data())
@settings(max_examples=25)
def test_random_runs_break_no_rule(name: str, data: st.DataObject) -> None:
    spec = device(
        name,
        f"timing.cycles.nREFI={data.draw(st.sampled_from([1500, 3900]))}",
        f"pim.finish_tiles={data.draw(st.sampled_from(['true', 'false']))}",
    )
    runs = data.draw(some_runs(name))
    refresh = data.draw(st.sampled_from(["all_bank", "staggered", "none"]))
    result = simulate_runs(spec, ControllerSpec(refresh=refresh), runs, log_commands=9000)
    assert register_violations(spec, result.log, runs) == []
    assert result.tiles == sum(run.tiles for run in runs)
    done = result.log[:, 1].tolist().count(COMMANDS["COMP"])
    assert result.comps == done == sum(run.tiles * run.segments * run.comps for run in runs)
