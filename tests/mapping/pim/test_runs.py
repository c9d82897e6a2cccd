"""Experiments on a memory that computes: laws of every result, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.config import CyclelabError, Document
from simulator.experiment import build_experiment
from simulator.report.result import OperatorResult, Result
from simulator.runner import run_experiment
from simulator.workload.phases import Request
from tests.mapping.pim.machines import (
    FP16,
    attention_macs,
    decoding,
    executed,
    machine,
    mapped,
    model,
    phases,
    run_commands,
)
from tests.mapping.result_laws import check_result, findings
from tests.mapping.small import transformer

SMALL = {
    "hidden_size": 128,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 128,
}
SETTINGS: dict[str, list[str]] = {
    "as shipped": [],
    "barrier": ["mapping.pim.barrier=true"],
    "as published": [
        "machine.memory.device.pim.timing=as_published",
        "mapping.pim.barrier=true",
        "mapping.pim.writes=as_published",
    ],
    "taking turns": ["mapping.pim.requests=round_robin"],
    "on matrix units": ["mapping.pim.attention=units"],
    "one row buffer": ["machine.memory.device=hbm2-newton-single"],
}


def run(folder: Path, workload: dict[str, Any], *overrides: str) -> Result:
    """Simulate a grouped-query model of two layers on four channels."""
    document = {
        "name": "test",
        "machine": "neupims",
        "workload": {"model": transformer(folder, **SMALL), "precision": FP16} | workload,
    }
    given = ["machine.memory.channels=4", *overrides]
    return run_experiment(build_experiment(Document.from_data(document, "experiment"), given))


def attention(result: Result, phase: str) -> list[OperatorResult]:
    """All that attention does in a phase, layer by layer."""
    return [
        op for op in result.operators if op.phase == phase and "attention" in op.name.split(".")[-1]
    ]


DECODING: dict[str, Any] = {
    "requests": [
        {"context_tokens": 99, "decode_steps": 2, "count": 3},
        {"context_tokens": 600, "decode_steps": 1},
    ]
}


@pytest.mark.parametrize("case", SETTINGS)
def test_every_law_holds(case: str, tmp_path: Path) -> None:
    """Two steps: four requests, then the three that go on. 2 layers, 4 query heads of 64."""
    result = run(tmp_path, DECODING, *SETTINGS[case])
    check_result(result)
    assert [phase.name for phase in result.phases] == ["decode[0]", "decode[1]"]
    contexts = {"decode[0]": 3 * 100 + 601, "decode[1]": 3 * 101}
    for phase in result.phases:
        found = attention(result, phase.name)
        assert sum(op.macs for op in found) == 2 * 2 * 4 * 64 * contexts[phase.name]
        assert {op.unit for op in found if op.macs} == {
            "systolic_array" if case == "on matrix units" else "pim"
        }
        assert phase.dram is not None
        assert bool(phase.dram["unit_tiles"]) == (case != "on matrix units")


def test_a_prompt_then_tokens(tmp_path: Path) -> None:
    """The prefill is the matrix units' part, the tokens behind it are the memory's."""
    result = run(tmp_path, {"prefill_tokens": 64, "decode_steps": 2, "batch": 2})
    check_result(result)
    by_phase = {
        phase.name: {op.unit for op in attention(result, phase.name) if op.macs}
        for phase in result.phases
    }
    assert by_phase == {
        "prefill": {"systolic_array"},
        "decode[0]": {"pim"},
        "decode[1]": {"pim"},
    }


def test_a_mixed_batch(tmp_path: Path) -> None:
    requests = [{"prefill_tokens": 32}, {"context_tokens": 50, "decode_steps": 2}]
    result = run(tmp_path, {"requests": requests})
    check_result(result)
    mixed, decode = result.phases
    assert (mixed.kind, decode.kind) == ("mixed", "decode")
    assert mixed.dram is not None and decode.dram is not None
    assert not mixed.dram["unit_tiles"] and decode.dram["unit_tiles"]


def test_a_run_is_the_same_every_time_and_event_by_event(tmp_path: Path) -> None:
    once, again = run(tmp_path, DECODING), run(tmp_path, DECODING)
    assert once.to_dict() == again.to_dict()
    every = run(tmp_path, DECODING, "simulation.every_event=true")
    assert findings(every) == findings(once)


def test_units_of_the_memory_bound_attention(tmp_path: Path) -> None:
    """A COMP of 32 banks and 16 lanes every 2 cycles: 256 MACs a cycle and channel."""
    result = run(tmp_path, DECODING)
    for op in attention(result, "decode[0]"):
        assert op.compute_bound_cycles == -(-op.macs // (4 * 256))
        assert op.cycles >= op.compute_bound_cycles


# -- what is refused -------------------------------------------------------------------
def test_a_cache_that_does_not_fit(tmp_path: Path) -> None:
    few_rows = "machine.memory.device.organisation.counts.rows=64"
    with pytest.raises(CyclelabError, match="the KV cache does not fit channel 0 of the memory"):
        run(tmp_path, {"context_tokens": 999, "decode_steps": 1, "batch": 4}, few_rows)


def test_a_channel_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "listed.csv").write_text("seq_len,ch_idx\n50,9\n")
    running = {"file": str(tmp_path / "listed.csv"), "channels": "listed"}
    with pytest.raises(CyclelabError, match="on channel 9; the memory has 4 channels, 0 to 3"):
        run(tmp_path, {"running": running})


@pytest.mark.parametrize("found", ["int8", "bf16"])
def test_a_cache_in_a_format_that_the_units_lack(found: str, tmp_path: Path) -> None:
    """Their operands are FP16; the matrix units take the cache as it is or not at all."""
    workload = DECODING | {"precision": FP16 | {"kv_cache": found}}
    message = f"multiply fp16, but the KV cache is {found}"
    with pytest.raises(CyclelabError, match=message):
        run(tmp_path, workload)


def test_tiles_that_never_fit_between_refreshes() -> None:
    """300 cycles apart: a tile of 4 heads of 64, 266 and 4 × 14, is never begun."""
    with pytest.raises(CyclelabError, match="never fits between refreshes 300 cycles apart"):
        npu = machine(1, "device.timing.cycles.nREFI=600")
        mapped(phases(model(), decoding(100))[0], npu)


@pytest.mark.parametrize("heads", [1, 2])
def test_heads_beyond_a_row_are_multiplied_once(heads: int) -> None:
    """1,024 elements in rows of 512: nothing is done twice, whoever does it."""
    phase = phases(model(heads=heads, head_dim=1024), [*decoding(40), Request(0, 9, 1)])[0]
    program = mapped(phase)
    runs = run_commands(program)
    assert sum(command.macs for command in runs) in (0, attention_macs(phase))
    executed(program)
