"""What every program obeys: tokens, buffers, work and bytes, for any workload and machine."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from simulator.config import CyclelabError, Document
from simulator.experiment import ExperimentSpec, build_experiment
from simulator.mapping import Mapper, Program
from simulator.mapping.program import Loop, QueueKind
from simulator.workload import load_workload
from tests.mapping.random_experiments import experiments
from tests.mapping.small import INT8, gemms, machine, programs, transformer
from tests.mapping.token_game import check_tokens, executed, moved_bytes, queue_of


def instances(program: Program) -> Counter[int]:
    """How often each operator is executed: once, or once per layer."""
    found: Counter[int] = Counter()
    for item in program.body:
        times = item.count if isinstance(item, Loop) and item.instances else 1
        inside = item.body if isinstance(item, Loop) else (item,)
        for operator in {command.operator for command in executed(inside)}:
            found[operator] = max(found[operator], times)
    return found


def check_program(program: Program) -> None:
    """Tokens, multiply-accumulates, and bytes: at least the compulsory ones."""
    check_tokens(program)
    macs: Counter[int] = Counter()
    for command in executed(program.body):
        macs[command.operator] += command.macs
        assert command.latency_cycles >= 0 and command.compute_cycles <= command.cycles
        assert (command.transfer_bytes > 0) <= (
            queue_of(program, command).kind in (QueueKind.LOAD, QueueKind.STORE)
        )
    for index, times in instances(program).items():
        info = program.operators[index]
        if info.kind == "matmul":
            assert macs[index] == times * info.macs, info.name
        else:
            # Attention: at least what the mask lets through.
            assert macs[index] >= times * info.macs, info.name
        read, written = moved_bytes(program, index)
        assert read >= times * info.read_bytes, info.name
        assert written >= times * info.write_bytes, info.name


def map_all(spec: ExperimentSpec) -> list[Program]:
    mapper = Mapper(spec.machine, spec.mapping)
    return [mapper.map(phase) for phase in load_workload(spec.workload).phases]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(experiments())
def test_any_program(tmp_path: Path, drawn: tuple[dict[str, Any], dict[str, Any] | None]) -> None:
    document, model = drawn
    if model is not None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(model))
        document["workload"]["model"] = str(path)
    try:
        mapped = map_all(build_experiment(Document.from_data(document, "experiment")).spec)
    except CyclelabError:
        return
    for program in mapped:
        check_program(program)


# -- exactly the bytes that were planned -----------------------------------------
SIZES = [(1, 33, 65), (40, 40, 40), (37, 5, 61), (64, 128, 32, 3), (3, 200, 7)]


@pytest.mark.parametrize("cores", [1, 2, 3])
@pytest.mark.parametrize("capacity", [200, 3000, 1 << 20])
def test_loads_are_the_planned_traffic(cores: int, capacity: int) -> None:
    spec = machine(cores=cores, scratchpad={"capacity_bytes": capacity})
    (program,) = programs(gemms(*SIZES), spec, keep_activations=False)
    check_program(program)
    for index, info in enumerate(program.operators):
        assert sum(moved_bytes(program, index)) == info.mapping["traffic_bytes"], info


@pytest.mark.parametrize("capacity", [300, 3000, 1 << 20])
@pytest.mark.parametrize("buffers", [1, 2, 3])
def test_attention_loads_are_the_planned_traffic(
    tmp_path: Path, capacity: int, buffers: int
) -> None:
    workload = {
        "model": transformer(tmp_path),
        "prefill_tokens": 37,
        "decode_steps": 1,
        "batch": 2,
        "precision": INT8 | {"residual": "bf16"},
    }
    spec = machine(scratchpad={"capacity_bytes": capacity, "buffers": buffers})
    for program in programs(workload, spec, keep_activations=False, fuse_attention="always"):
        check_program(program)
        (index,) = (i for i, op in enumerate(program.operators) if op.kind == "attention")
        info = program.operators[index]
        assert sum(moved_bytes(program, index)) == 2 * int(str(info.mapping["traffic_bytes"]))


# -- attention computes what the mask lets through, in whole blocks -----------------
@pytest.mark.parametrize("query_tokens, keys", [(8, 8), (16, 8), (8, 16), (64, 64)])
def test_masked_blocks_are_left_out(tmp_path: Path, query_tokens: int, keys: int) -> None:
    # 64 queries against 64 keys. A block of b queries from q on sees q + b keys; whole
    # blocks beyond are left out, and the last block computed is cut at the mask's reach.
    workload = {
        "model": transformer(tmp_path, num_hidden_layers=1),
        "prefill_tokens": 64,
        "precision": INT8 | {"residual": "bf16"},
    }
    blocks = {"attention": {"query_tokens": query_tokens, "keys": keys}}
    (program,) = programs(workload, operators=blocks)
    (index,) = (i for i, op in enumerate(program.operators) if op.kind == "attention")
    pairs = sum(query_tokens * end for end in range(query_tokens, 65, query_tokens))
    # 4 query heads of 4 elements, scores and context.
    macs = sum(c.macs for c in executed(program.body) if c.operator == index)
    assert macs == 4 * 4 * 2 * pairs
    assert program.operators[index].macs == 4 * 4 * 2 * (64 * 65 // 2)


def test_encoder_attention_is_a_whole_rectangle(tmp_path: Path) -> None:
    config = {"model_type": "bert", "num_hidden_layers": 1, "num_key_value_heads": 4}
    workload = {
        "model": transformer(tmp_path, **config),
        "prefill_tokens": 24,
        "precision": INT8 | {"residual": "bf16"},
    }
    (program,) = programs(workload)
    (index,) = (i for i, op in enumerate(program.operators) if op.kind == "attention")
    macs = sum(c.macs for c in executed(program.body) if c.operator == index)
    assert macs == program.operators[index].macs == 4 * 4 * 2 * 24 * 24
