"""Units that do not fit their device, and matrices that do not fit the units: one clear line."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.config import ConfigError
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.load import load_device
from simulator.hardware.dram.pim.channel import check_fit, simulate_runs
from simulator.hardware.dram.pim.closed_form import tile_cycles
from simulator.hardware.dram.pim.gemv import GemvLayout, Run
from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram.devices import device
from tests.hardware.dram.pim.mixes import NAMES, pim_device

DUAL, SINGLE = NAMES
HEAD = "extends: hbm2-neupims-dual\nname: mine\n"
PLAIN = "extends: hbm2-2000\nname: mine\n"
ATTACC = "extends: hbm3-attacc-bank\nname: mine\n"
SAMSUNG = "extends: hbm2-samsung-pim\nname: mine\n"
UNITS = (
    "pim:\n"
    "  {{source: mine, row_buffers: 2, lanes: 16, operand_bits: 16, activate_scope: rank,\n"
    "  precharge_scope: rank, composite: {0}, input: row, input_latency: nRC,\n"
    "  comp_interval: nCCDL, pipeline: nCL, slack: {{any: 1, activate: 1, precharge: 1}},\n"
    "  fit_test: {{precharge: 1, activate: 1, first: 1, comp: 1, least_comps: 1, result: 1}}}}\n"
)
CONSTRAINT = "constraints:\n  - {{level: {0}, before: [{1}], after: [{2}], delay: nRC}}\n"
BAD_DEVICES = {
    "units without their commands": (
        PLAIN + UNITS.format("true"),
        "pim: there is no command GWRITE, G_ACT, PIM_PRECHARGE, COMPS_READRES, which it needs",
    ),
    "units without simple commands": (
        PLAIN + UNITS.format("false"),
        "pim: there is no command GWRITE, G_ACT, PIM_PRECHARGE, COMP, READRES, which it needs",
    ),
    "commands without units": (
        PLAIN + "commands:\n  COMP: {}\n",
        "mine.yaml:4: commands.COMP: a command of units that compute, and the device has no "
        "`pim` block",
    ),
    "moment without units": (
        PLAIN + CONSTRAINT.format("channel", "FIRST_COMP", "RD"),
        "mine.yaml:4: constraints.0.before: the device has no command 'FIRST_COMP'",
    ),
    "moment that waits": (
        HEAD + CONSTRAINT.format("channel", "COMP", "COMPS_DONE"),
        "mine.yaml:4: constraints.0.after: COMPS_DONE is a moment, behind which others wait; "
        "expected a command",
    ),
    "group at one bank": (
        HEAD + CONSTRAINT.format("bank", "G_ACT", "ACT"),
        "mine.yaml:4: constraints.0.level: G_ACT goes to a whole bank group, so that nothing can "
        "hold at one bank alone; expected 'bank_group' or a level above it",
    ),
    "channel at one rank": (
        HEAD + CONSTRAINT.format("rank", "RD", "COMP"),
        "mine.yaml:4: constraints.0.level: COMP goes to a whole channel, so that nothing can hold "
        "at one rank alone; expected 'channel'",
    ),
    "moment at one bank group": (
        HEAD + CONSTRAINT.format("bank_group", "COMPS_DONE", "RD"),
        "mine.yaml:4: constraints.0.level: COMPS_DONE goes to a whole channel, so that nothing "
        "can hold at one bank group alone; expected 'channel'",
    ),
    "rows closed in whole groups": (
        HEAD + "pim: {precharge_scope: bank_group}\n",
        "PIM_PRECHARGE goes to a whole bank group, so that nothing can hold at one bank alone; "
        "expected 'bank_group' or a level above it",
    ),
    "unknown timing": (
        HEAD + CONSTRAINT.format("rank", "ACT", "RD").replace("delay", "only: new, delay"),
        "mine.yaml:4: constraints.0.only: found 'new', expected one of: corrected, as_published "
        "or null",
    ),
    "products without an interval": (
        HEAD + "pim: {comp_interval: nRC - nRC}\n",
        "pim.comp_interval: nRC - nRC is 0, expected at least 1",
    ),
    "a timing that is not there": (
        HEAD + "pim: {slack: {any: nRCC}}\n",
        "pim.slack.any: timing 'nRCC' is missing, which 'nRCC' needs; did you mean 'nRC'?",
    ),
    "a negative timing": (
        HEAD + "pim: {fit_test: {comp: nBL - nRC}}\n",
        "pim.fit_test.comp: nBL - nRC is -46, expected at least 0",
    ),
    "three row buffers": (
        HEAD + "pim: {row_buffers: 3}\n",
        "mine.yaml:3: pim.row_buffers: found 3, expected one of: 1, 2",
    ),
    "requests beside without slack": (
        HEAD + "pim: {slack: null}\n",
        "pim.slack: missing, with which requests go on beside the units",
    ),
    "requests beside without a fit test": (
        HEAD + "pim: {fit_test: null}\n",
        "pim.fit_test: missing, with which requests go on beside the units",
    ),
    "composite commands and registers": (
        HEAD + "pim: {sum_registers: 8}\n",
        "pim.sum_registers: COMPS_READRES (`composite`) reads its sums at once",
    ),
    "composite commands and sums by lane": (
        HEAD + "pim: {tree: false}\n",
        "pim.tree: COMPS_READRES (`composite`) reads one sum per bank",
    ),
    "composite commands and shared inputs": (
        HEAD + "pim: {input_banks: 4}\n",
        "pim.input_banks: COMPS_READRES (`composite`) reads one sum per bank",
    ),
    "a vector of a row in two buffers": (
        ATTACC + "pim: {input: row}\n",
        "pim.double_buffered: the next vector comes over the bus, so that `input` must be 'bus', "
        "found 'row'",
    ),
    "sums kept nowhere": (
        SAMSUNG + "pim: {sum_registers: null}\n",
        "pim.sum_registers: missing, where sums are kept over chunks of inputs",
    ),
    "sums kept over rows": (
        SAMSUNG + "pim: {vector_operands: null}\n",
        "pim.vector_operands: missing, where sums are kept over chunks of inputs",
    ),
    "fewer sums than banks": (
        SAMSUNG + "pim: {sum_registers: 1}\n",
        "pim.sum_registers: 1 are fewer than the 2 banks of a unit, each of which has a sum",
    ),
    "shared inputs of a whole row": (
        ATTACC + "pim: {vector_operands: null}\n",
        "pim.vector_operands: missing, of which each of `input_banks` has its own",
    ),
    "a vector that ends within a COMP": (
        ATTACC + "pim: {vector_operands: 100}\n",
        "pim.vector_operands: 100, expected whole COMPs of 16 lanes",
    ),
    "modes without their command": (
        ATTACC + "pim: {mode: {enter: 1, leave: 1}}\n",
        "pim: there is no command PIM_MODE, which it needs",
    ),
    "too many lanes": (
        HEAD + "pim: {lanes: 1024}\n",
        "pim.lanes: 1024 lanes of 16 bits take 16384 bits at once, expected at most 8 bursts of "
        "512 bits",
    ),
}


@pytest.mark.parametrize("problem", BAD_DEVICES)
def test_a_bad_device_gets_one_line(problem: str, tmp_path: Path) -> None:
    text, message = BAD_DEVICES[problem]
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_device(path)
    assert str(caught.value).endswith(message)
    assert "\n" not in str(caught.value)


def test_a_command_that_is_mistyped_is_sought_among_those_of_units(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD + "commands:\n  G_ACTT: {}\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="PIM_HEADER, PIM_MODE; did you mean 'G_ACT'"):
        load_device(path)


def test_units_that_do_not_divide_the_banks() -> None:
    spec = device("hbm3-attacc-bank", "pim.banks_per_unit=3")
    with pytest.raises(ValueError, match="64 banks, which are no whole number of units of 3 with"):
        GemvLayout(spec, 1, 1)


def test_registers_take_a_row() -> None:
    spec = device("hbm2-samsung-pim", "organisation.counts.rows=64")
    GemvLayout(spec, 62 * 64, 128)
    with pytest.raises(ValueError, match="hbm2-samsung-pim has 63"):
        GemvLayout(spec, 63 * 64, 128)


def test_a_segment_that_the_registers_do_not_hold() -> None:
    message = "segment is 256, but units hold 128 operands; leave it out"
    with pytest.raises(ValueError, match=message):
        GemvLayout(device("hbm2-samsung-pim"), 5, 512, 256)


# -- matrices ----------------------------------------------------------------------
BAD_MATRICES: dict[str, tuple[dict[str, int], str]] = {
    "no outputs": ({"outputs": 0, "inputs": 5}, "outputs is 0, expected at least 1"),
    "negative inputs": ({"outputs": 5, "inputs": -1}, "inputs is -1, expected at least 1"),
    "segments that leave a rest": (
        {"outputs": 5, "inputs": 100, "segment": 30},
        "segment is 30, expected a divisor of the 100 inputs",
    ),
    "empty segments": (
        {"outputs": 5, "inputs": 100, "segment": 0},
        "segment is 0, expected a divisor of the 100 inputs",
    ),
    "segments longer than a row": (
        {"outputs": 5, "inputs": 1200, "segment": 600},
        "segment is 600, but a row of a bank holds 512 operands; leave it out, so that partial "
        "sums are added outside",
    ),
    "more rows than there are": (
        {"outputs": 32 * 32768, "inputs": 512},
        "the matrix takes 32,768 rows of every bank (1,073,741,824 bytes), from row 1 up; "
        "hbm2-neupims-dual has 32,768",
    ),
    "rows beyond the last": (
        {"outputs": 33, "inputs": 512, "first_row": 32767},
        "the matrix takes 2 rows of every bank (65,536 bytes), from row 32767 up; "
        "hbm2-neupims-dual has 32,768",
    ),
}


@pytest.mark.parametrize("problem", BAD_MATRICES)
def test_a_matrix_that_cannot_be_is_refused(problem: str) -> None:
    sizes, message = BAD_MATRICES[problem]
    with pytest.raises(ValueError) as caught:
        GemvLayout(pim_device(DUAL, "corrected"), **sizes)
    assert str(caught.value) == message


def test_a_matrix_may_fill_the_banks() -> None:
    layout = GemvLayout(pim_device(DUAL, "corrected"), outputs=32 * 32767, inputs=512)
    assert layout.rows == 32767


def test_a_memory_without_units_multiplies_nothing() -> None:
    plain = device("hbm2-2000")
    message = r"the DRAM device 'hbm2-2000' has no units that compute \(no `pim`\)"
    with pytest.raises(ValueError, match=message):
        GemvLayout(plain, 1, 1)
    with pytest.raises(ValueError, match=message):
        simulate_runs(plain, ControllerSpec(), [])
    with pytest.raises(ValueError, match=message):
        tile_cycles(plain, 1, 1)


def test_another_way_to_open_and_close_has_no_closed_form() -> None:
    two_results = pim_device(SINGLE, "corrected", "pim.results=2")
    with pytest.raises(ValueError, match="hbm2-newton-single opens and closes rows in another way"):
        tile_cycles(two_results, 1, 1)


# -- refresh -----------------------------------------------------------------------
def expected_cycles(segments: int, comps: int) -> int:
    """Corrected: nRTP per bank closed, nFAW per group but the first, nRCD, then the segments."""
    return 32 * 5 + 3 * 30 + 14 + segments * (max(2 * comps, 12) + 2)


def refuse(spec: DramDeviceSpec, refresh: str, segments: int, comps: int) -> str:
    controller = ControllerSpec(refresh=refresh)
    with pytest.raises(ValueError) as caught:
        simulate_runs(spec, controller, [Run(0, 0, 1, 1, segments, comps)])
    return str(caught.value)


def test_a_tile_that_never_fits_between_refreshes_is_refused() -> None:
    """1950 cycles for 264 and segments of 8 COMPs, 18 cycles each: 93 fit and 94 do not."""
    spec = pim_device(DUAL, "corrected")
    assert expected_cycles(93, 8) < 1950 <= expected_cycles(94, 8) == 1956
    check_fit(spec, ControllerSpec(refresh="staggered"), [Run(0, 0, 1, 1, 93, 8)])
    assert refuse(spec, "staggered", 94, 8) == (
        "a tile of 94 × 8 COMPs takes 1956 cycles on hbm2-neupims-dual, which never fits "
        "between refreshes 1950 cycles apart"
    )
    check_fit(spec, ControllerSpec(refresh="all_bank"), [Run(0, 0, 1, 1, 94, 8)])
    assert "between refreshes 3900 cycles apart" in refuse(spec, "all_bank", 300, 8)
    check_fit(spec, ControllerSpec(refresh="none"), [Run(0, 0, 1, 1, 10_000, 8)])


def test_published_headers_count_in_powers_of_two() -> None:
    """33 segments of 8 count as 512 COMPs and 64 results: 264 + 1024 + 126 cycles."""
    spec = pim_device(SINGLE, "as_published", "timing.cycles.nREFI=2800")
    check_fit(spec, ControllerSpec(refresh="staggered"), [Run(0, 0, 1, 1, 32, 8)])
    assert "takes 1414 cycles on hbm2-newton-single" in refuse(spec, "staggered", 33, 8)
