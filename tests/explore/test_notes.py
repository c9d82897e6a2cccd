"""What is said below the tables: clocks, technologies, work, units that idle, lone phases."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.explore.compare import compare
from simulator.explore.machines import machines_on
from simulator.explore.outcome import Outcome
from simulator.explore.rows import csv_rows, document
from simulator.explore.spec import load_comparison
from simulator.explore.table import tables, text
from tests.explore.comparisons import written

GEMMS = "gemms: [{name: gemm, m: 256, n: 512, k: 512}]"


def found(folder: Path, **changes: str) -> Outcome:
    return compare(load_comparison(written(folder, **changes)))


def flat(outcome: Outcome) -> str:
    """The text in one line."""
    return " ".join(text(outcome).replace("\N{NO-BREAK SPACE}", " ").split())


def test_clocks_that_differ(tmp_path: Path) -> None:
    faster = "npu_w4a8, machine.clock.frequency_hz: 1.41e9}"
    shown = flat(found(tmp_path, **{"npu_w4a8}": faster}))
    assert "clocks differ: 940 MHz 'unpacked', 'tables'; 1.41 GHz 'narrow'" in shown


def test_one_clock_and_busy_units_are_not_worth_a_note(tmp_path: Path) -> None:
    shown = flat(found(tmp_path))
    assert "clocks" not in shown and "idle" not in shown


def test_technologies_that_differ_for_some(tmp_path: Path) -> None:
    """The words of `surely` stand in some rows, dashes in others: both are explained."""
    shown = flat(found(tmp_path, npu_w4a8_lut="gemmini_16x16", bipolar4="int8"))
    assert "technologies differ: 16nm 'unpacked', 'narrow'; 22nm 'tables'" in shown
    assert "surely: whether less or more" in shown
    assert "surely: – between technologies that differ" in shown


def test_technologies_that_differ_for_all(tmp_path: Path) -> None:
    changes = {
        "npu_w4a8}": "gemmini_16x16, workload.precision.weights: int8}",
        "npu_w4a8_lut": "gemmini_16x16",
        "bipolar4": "int8",
    }
    shown = flat(found(tmp_path, **changes))
    assert "technologies differ: 16nm 'unpacked'; 22nm 'narrow', 'tables'" in shown
    assert "less or more" not in shown and "surely: –" in shown


def test_work_that_differs(tmp_path: Path) -> None:
    """Twice the MACs for one; 256 · 512 · 512 and 0.05 % more are the same work."""
    large = GEMMS.replace("512}", "1024}").partition(": ")[2]
    outcome = found(tmp_path, **{"npu_w4a8}": f"npu_w4a8, workload.gemms: {large}}}"})
    assert [case.phases[0].macs_ratio for case in outcome.cases] == [1, 2, 1]
    assert "work differs in gemms: 'narrow' 2.000× the MACs of the baseline" in flat(outcome)
    same = [{"name": "gemm", "m": 2001, "n": 512, "k": 512}]
    slightly = {"npu_w4a8}": f"npu_w4a8, workload.gemms: {same}}}", "m: 256": "m: 2000"}
    assert "work differs" not in flat(found(tmp_path, **slightly))


def test_the_document_has_what_was_found(tmp_path: Path) -> None:
    changes = {"npu_w4a8}": "npu_w4a8, machine.clock.frequency_hz: 1.41e9}"}
    notes = document(found(tmp_path, **changes))["notes"]
    assert notes[0].startswith("ratios are to 'unpacked'; machines are as they are given")
    assert "clocks differ: 940 MHz 'unpacked', 'tables'; 1.41 GHz 'narrow'" in notes
    assert notes[-1] == "A note." and not any("surely" in note for note in notes)


def test_sizes_are_said_in_english(tmp_path: Path) -> None:
    for equal in ("area", "peak", "power"):
        shown = flat(found(tmp_path, **{"equal: none": f"equal: {equal}"}))
        assert f"main units are sized to the {equal} of the baseline's" in shown


def test_a_case_may_be_a_second_baseline(tmp_path: Path) -> None:
    """As it is given, its ratios 1, and another is compared with it."""
    changes = {
        "equal: none": "equal: area",
        "set: {machine: npu_w4a8}": (
            "per: narrow\n    set: {machine: npu_w4a8, machine.core.matrix_units.0.columns: 64}"
        ),
        "- name: tables": "- name: tables\n    per: narrow",
    }
    _, narrow, tables = found(tmp_path, **changes).cases
    assert narrow.is_baseline and narrow.phases[0].seconds_ratio == 1
    assert narrow.units.macs_per_cycle == 2 * 128 * 64
    assert tables.units.area_mm2.value == pytest.approx(narrow.units.area_mm2.value, rel=0.01)


def test_main_units_that_idle() -> None:
    """The A100's first tensor cores are those of FP16, but activations are INT8."""
    spec = machines_on("llama2_7b_w4a8", ["npu_w8a8", "a100"])
    outcome = compare(spec, ["workload.layers=1"])
    first, gpu = outcome.cases
    assert all(phase.main_macs == 0 < phase.macs for phase in gpu.phases)
    assert all(phase.main_macs == phase.macs for phase in first.phases)
    shown = flat(outcome)
    assert "main units idle in prefill, decode[0]: 'a100' (432 × M8 N4 K8)" in shown
    assert {row["main_macs"] for row in csv_rows(outcome) if row["case"] == "a100"} == {0}


def test_attention_may_run_elsewhere() -> None:
    spec = machines_on("llama2_7b_w4a8", ["npu_w8a8", "npu_w4a8"])
    prefill, _ = compare(spec, ["workload.layers=1"]).cases[1].phases
    assert 0 < prefill.main_macs < prefill.macs and not prefill.main_units_idle


def test_a_phase_that_only_the_baseline_has(tmp_path: Path) -> None:
    model = "model: llama-2-7b\n    layers: 1\n    prefill_tokens: 8\n    decode_steps: 1"
    none = "workload.prefill_tokens: 0, workload.context_tokens: 8}"
    changes = {
        GEMMS: model,
        "npu_w4a8}": f"npu_w4a8, {none}",
        "bipolar4}": f"bipolar4, {none}",
    }
    outcome = found(tmp_path, **changes)
    assert outcome.phases == ("decode[0]",) and outcome.lone_phases == ("prefill",)
    assert [head[0] for head, _ in tables(outcome)] == ["machine", "decode[0]", "decode[0]"]
    assert "prefill: only in 'unpacked', so compared with nothing" in flat(outcome)
    assert len(csv_rows(outcome)) == 4
