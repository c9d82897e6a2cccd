"""Sizing of units to equal area or peak."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import simulator as sim
from simulator.cli import main
from simulator.config import CyclelabError
from simulator.cost import load_technology
from simulator.cost.area import area
from simulator.experiment import Experiment
from simulator.explore.case import CaseSpec
from simulator.explore.compare import CannotRunError, compare
from simulator.explore.equal import nearest_size
from simulator.explore.machines import machines_on
from simulator.explore.main_units import main_units
from simulator.explore.sizing import experiments_of
from simulator.explore.spec import ComparisonSpec, Equal, load_comparison
from simulator.hardware.cpu import CpuSpec
from tests.explore.comparisons import written


def sized(
    folder: Path, equal: Equal, overrides: tuple[str, ...] = (), **changes: str
) -> dict[str, Experiment]:
    spec = load_comparison(written(folder, **changes))
    return experiments_of(spec.model_copy(update={"equal": equal}), overrides)


def amount(experiment: Experiment, equal: Equal) -> float:
    return main_units(experiment.spec.machine).amount(experiment.technology, equal)


def area_mm2(experiment: Experiment) -> float:
    return amount(experiment, "area")


def peak(experiment: Experiment) -> float:
    return amount(experiment, "peak")


@pytest.mark.parametrize(
    ("target", "most", "found"), [(4.4, 9, 4), (4.6, 9, 5), (0.1, 9, 1), (99, 9, 9), (4.5, 9, 5)]
)
def test_nearest_whole_number(target: float, most: int, found: int) -> None:
    assert nearest_size(float, target, most) == found


def test_equal_area_within_half_a_step(tmp_path: Path) -> None:
    experiments = sized(tmp_path, "area")
    first = area_mm2(experiments["unpacked"])
    narrow, tables = (
        experiments[name].spec.machine.core.matrix_units[0] for name in list(experiments)[1:]
    )
    # Arrays change their columns, and keep their number; cores the other way round.
    assert (narrow.count, tables.columns) == (2, 64)  # type: ignore[attr-defined]
    assert narrow.columns == pytest.approx(166, abs=1)  # type: ignore[attr-defined]
    assert area_mm2(experiments["narrow"]) == pytest.approx(first, rel=0.5 / 166)
    assert area_mm2(experiments["tables"]) == pytest.approx(first, rel=0.5 / 345)


def test_equal_peak(tmp_path: Path) -> None:
    experiments = sized(tmp_path, "peak")
    # 2 · 128 · 128 MACs are 256 cores of 2 · 64 · 4 / 4.
    assert experiments["tables"].spec.machine.core.matrix_units[0].count == 256
    assert [peak(each) for each in experiments.values()] == [32768] * 3


def test_not_equal_is_as_given(tmp_path: Path) -> None:
    experiments = sized(tmp_path, "none")
    assert experiments["tables"].spec.machine.core.matrix_units[0].count == 345


def test_settings_come_before_sizes(tmp_path: Path) -> None:
    experiments = sized(tmp_path, "peak", ("machine.cores=2",))
    assert [peak(each) for each in experiments.values()] == [65536] * 3
    assert experiments["tables"].spec.machine.core.matrix_units[0].count == 256


def test_copies_on_a_gpu_are_divided_among_its_sub_cores() -> None:
    spec = machines_on("bitnet_3b_on_a100_lut", ["a100_lut_8x", "a100_lut_4x"])
    spec = spec.model_copy(update={"equal": "area"})
    own = ("machine.core.matrix_units.0.depth=3", "machine.core.matrix_units.0.rows=3")
    first, second = experiments_of(spec, own).values()
    assert second.spec.machine.core.matrix_units[0].count == 32
    assert peak(first) == peak(second)


def test_two_technologies_have_no_equal_area(tmp_path: Path) -> None:
    with pytest.raises(CyclelabError, match="npu_w8a8 is at 16nm, gemmini_16x16 at 22nm"):
        sized(tmp_path, "area", npu_w4a8_lut="gemmini_16x16")
    equal = sized(tmp_path, "area", ("technology=16nm",), npu_w4a8_lut="gemmini_16x16")
    assert area_mm2(equal["tables"]) == pytest.approx(area_mm2(equal["unpacked"]), rel=0.01)


def test_more_than_there_can_be(tmp_path: Path) -> None:
    narrow = "bipolar4, machine.core.matrix_units.0.columns: 1"
    # 4096 cores of 2 · 1 · 4 / 4 MACs per cycle are 8,192, not 32,768.
    with pytest.raises(
        CyclelabError, match=r"'tables'.*count above 4,096.*lut_tensor_core.*the smaller mach"
    ):
        sized(tmp_path, "peak", bipolar4=narrow)


def test_a_baseline_is_sized_before_what_is_sized_to_it() -> None:
    """b is sized to a, so that c, which is compared with b, has the area of a, too."""
    narrow = {"machine": "npu_w8a8", "machine.core.matrix_units.0.columns": 16}
    spec = ComparisonSpec(
        name="chain",
        title="",
        equal="area",
        experiment={"extends": "llama2_7b_w4a8", "workload": {"layers": 1}},
        cases=(
            CaseSpec(name="a", set={"machine": "npu_w8a8"}),
            CaseSpec(name="b", set=narrow),
            CaseSpec(name="c", set={"machine": "npu_w4a8"}, per="b"),
        ),
    )
    sized = experiments_of(spec)
    areas = [area_mm2(each) for each in sized.values()]
    assert areas[1] == pytest.approx(areas[0])
    assert areas[2] == pytest.approx(areas[0], rel=0.01)


def test_what_cannot_be_made_small_enough_is_not_called_equal() -> None:
    spec = machines_on("llama2_7b_on_a100", ["a100", "h100"])
    message = (
        r"tensor_core units of h100 at their smallest \(count 4\) have 2\.4 times the area .* a100"
        r".*; let the larger machine, h100, stand first, or take --equal none"
    )
    with pytest.raises(CyclelabError, match=message):
        experiments_of(spec.model_copy(update={"equal": "area"}))


def test_large_factors_are_written_out() -> None:
    """A tensor core takes hundreds of times the area of Gemmini's array."""
    spec = machines_on("llama2_7b_w4a8", ["gemmini_16x16", "a100"])
    with pytest.raises(CyclelabError, match=r"have \d,\d00 times the power") as raised:
        experiments_of(spec.model_copy(update={"equal": "power"}), ["technology=16nm"])
    assert "e+" not in str(raised.value)


RESIZED = (
    "npu_w8a8",
    "mixpe_int8",
    ("technology=16nm", "workload.layers=1", "workload.prefill_tokens=64"),
)


def test_what_only_its_size_keeps_from_running(capsys: pytest.CaptureFixture[str]) -> None:
    """MixPE's accumulator is too small for so many columns as the NPU's power allows."""
    *machines, settings = RESIZED
    options = [part for setting in settings for part in ("--set", setting)]
    assert main(["compare", *machines, *options, "--equal", "power"]) == 2
    error = capsys.readouterr().err
    start = r"mixpe_int8 cannot run llama2_7b_w4a8 when sized to equal power \(columns \d+\): "
    assert re.search(start, error) and "--experiment" not in error
    assert "as it is given, it can: take --equal none, or let another machine stand" in error


def test_a_file_says_the_size_too(tmp_path: Path) -> None:
    changes = {
        "equal: none": "equal: power",
        "npu_w4a8_lut": "mixpe_int8",
        "bipolar4": "int4",
        "gemms: [{name: gemm, m: 256, n: 512, k: 512}]": "\n    ".join(
            ("model: llama-2-7b", "layers: 1", "prefill_tokens: 64")
        ),
    }
    place = r"small\.yaml:\d+: case 'tables': sized to equal power \(columns \d+\): no mapping"
    with pytest.raises(CannotRunError, match=place) as raised:
        compare(load_comparison(written(tmp_path, **changes)), ["technology=16nm"])
    assert "take --equal none" in str(raised.value)


def test_size_is_not_blamed_for_formats(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["compare", "llama2_7b_on_a100", "a100", "npu_w8a8", "--set", "workload.layers=1"]
    assert main([*asked, "--equal", "peak"]) == 2
    error = capsys.readouterr().err
    assert "npu_w8a8 cannot run llama2_7b_on_a100: no matrix unit" in error


def test_the_first_case_is_compared_with_nothing() -> None:
    with pytest.raises(ValueError, match=r"cases\.0\.per: the first case"):
        ComparisonSpec(
            name="circle",
            title="",
            experiment={},
            cases=(CaseSpec(name="a", per="b"), CaseSpec(name="b")),
        )


def test_arrays_beside_a_cache_are_main_units() -> None:
    """All arrays that look up, at their own clock; what they do is `sram_pim`'s."""
    machine = sim.load("sail_llama2_7b").spec.machine
    assert isinstance(machine, CpuSpec) and machine.arrays is not None
    units, slices = main_units(machine), machine.llc.slices
    assert units.count == slices * machine.arrays.arrays_per_slice and units.name == "sram_pim"
    assert units.clock_hz == pytest.approx(machine.arrays.clock.frequency_hz)
    parts = area(machine.parts(), load_technology("7nm"))
    own = sum(mm2.value for path, mm2 in parts.items() if path.startswith("chip.sram_pim."))
    assert units.area_mm2(load_technology("7nm")).value == pytest.approx(own)
    alone = main_units(sim.load("sail_llama2_7b_n1").spec.machine)
    assert alone.count == 16 and alone.name != "sram_pim"


def test_arrays_are_sized_by_their_number_per_slice() -> None:
    spec = machines_on("sail_llama2_7b", ["neoverse_n1_sram_pim", "xeon_neural_cache"])
    overrides = ["machine.arrays.array={rows: 128, columns: 512}", "technology=7nm"]
    first, second = experiments_of(spec.model_copy(update={"equal": "peak"}), overrides).values()
    arrays = second.spec.machine.arrays  # type: ignore[attr-defined]
    # One array more or less of each slice is what they differ by at least.
    assert peak(second) == pytest.approx(peak(first), rel=0.51 / arrays.arrays_per_slice)
