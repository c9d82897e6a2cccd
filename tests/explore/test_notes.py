"""What is said below the tables: clocks, units that idle, phases without a counterpart."""

from __future__ import annotations

from pathlib import Path

from simulator.explore.compare import compare
from simulator.explore.machines import machines_on
from simulator.explore.outcome import Outcome
from simulator.explore.rows import csv_rows
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
