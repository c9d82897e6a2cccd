"""Where tensors lie: every transfer has a place, and what is written is read there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings

from simulator.config import CyclelabError, Document, list_presets
from simulator.engine.addresses import AddressBook
from simulator.engine.check import check_program
from simulator.experiment import build_experiment, load_experiment
from simulator.mapping import Mapper, Program
from simulator.mapping.layout import lay_out
from simulator.mapping.program import Command, Loop, QueueKind, Region
from simulator.mapping.regions import RESIDUAL
from simulator.workload import load_workload
from simulator.workload.operators import Phase
from tests.mapping.random_experiments import experiments
from tests.mapping.small import INT8, gemms, machine, programs, transformer
from tests.mapping.token_game import executed

SHIPPED = [n for n in list_presets("experiments") if load_experiment(n).spec.serving is None]
ALIGNMENT = 256


class Moved(NamedTuple):
    """One execution of a transfer, by its address."""

    command: Command
    instance: int
    start: int

    @property
    def end(self) -> int:
        return self.start + self.command.transfer_bytes


@cache
def shipped(name: str) -> list[tuple[Phase, Program]]:
    experiment = load_experiment(name)
    folder = experiment.document.locate(("workload",)).origin.directory
    mapper = Mapper(experiment.spec.machine, experiment.spec.mapping)
    phases = load_workload(experiment.spec.workload, folder).phases
    return [(phase, mapper.map(phase)) for phase in phases]


def walk(program: Program) -> Iterator[Moved]:
    """All transfers in program order, with their addresses."""
    book = AddressBook(program.regions, lay_out(program.regions, ALIGNMENT))
    for item in program.body:
        layers = item.count if isinstance(item, Loop) and item.instances else 1
        body = item.body if isinstance(item, Loop) and item.instances else (item,)
        for layer in range(layers):
            for command in executed(body):
                if command.transfer_bytes:
                    start = book.take(
                        command.region, layer, command.transfer_bytes, is_store(program, command)
                    )
                    yield Moved(command, layer, start)


def is_store(program: Program, command: Command) -> bool:
    return program.queues[command.queue].kind is QueueKind.STORE


def region_of(program: Program, command: Command) -> Region:
    return program.regions[command.region]


def check_regions(program: Program) -> None:
    """Every transfer has a place that is large enough and of its kind, and nothing else has."""
    check_program(program)
    used = set()
    for command in program.commands():
        if not command.transfer_bytes:
            assert command.region == -1 and command.tensor == ""
            continue
        region = region_of(program, command)
        used.add(command.region)
        assert command.transfer_bytes <= region.size_bytes
        assert command.tensor == region.tensor
    assert used == set(range(len(program.regions))), "no region without a purpose"
    names = [region.name for region in program.regions]
    assert len(set(names)) == len(names)


def check_addresses(program: Program) -> None:
    """Every transfer stays inside the instance of its region that is its layer's."""
    positions = lay_out(program.regions, ALIGNMENT)
    for moved in walk(program):
        region = region_of(program, moved.command)
        base, stride, _ = positions[moved.command.region]
        start = base + moved.instance % region.instances * stride
        assert start <= moved.start < moved.end <= start + region.size_bytes


def check_producers(program: Program) -> None:
    """Activations are read where they were written before, inputs of the phase apart.

    So are queries that the same command writes as keys and values of a KV cache.
    """
    written: set[int] = set()
    for command in executed(program.body):
        region = region_of(program, command)
        if not command.transfer_bytes or region.tensor != "activation":
            continue
        if is_store(program, command):
            written.add(command.region)
        elif not region.name.startswith("queries"):
            assert command.region in written, region.name


def total_bytes(program: Program, kind: str) -> int:
    return sum(r.size_bytes * r.instances for r in program.regions if r.tensor == kind)


def by_name(program: Program) -> dict[str, Region]:
    return {region.name: region for region in program.regions}


# -- every program -----------------------------------------------------------------
@pytest.mark.parametrize("name", SHIPPED)
def test_every_transfer_of_a_shipped_experiment_has_a_place(name: str) -> None:
    for _, program in shipped(name):
        check_regions(program)
        check_producers(program)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_experiments_fit_their_memory(name: str) -> None:
    capacity = load_experiment(name).spec.machine.memory.capacity_bytes
    for _, program in shipped(name):
        lay_out(program.regions, 4096, capacity)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(experiments())
def test_any_program(tmp_path: Path, drawn: tuple[dict[str, Any], dict[str, Any] | None]) -> None:
    document, model = drawn
    if model is not None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(model))
        document["workload"]["model"] = str(path)
    try:
        spec = build_experiment(Document.from_data(document, "experiment")).spec
        mapper = Mapper(spec.machine, spec.mapping)
        workload = load_workload(spec.workload)
        mapped = [mapper.map(phase) for phase in workload.phases]
    except CyclelabError:
        return
    for phase, program in zip(workload.phases, mapped, strict=True):
        check_regions(program)
        check_addresses(program)
        if model is not None:
            check_producers(program)
        if phase.kind == "prefill":  # of all requests; later, some may have finished
            assert total_bytes(program, "kv") >= phase.kv_bytes_after


# -- how large they are ------------------------------------------------------------
LAYERS, HIDDEN, INNER, VOCABULARY = 32, 4096, 11008, 32000
MATMUL_WEIGHTS = LAYERS * (4 * HIDDEN**2 + 3 * HIDDEN * INNER) + VOCABULARY * HIDDEN


def test_weights_of_llama_2_7b() -> None:
    assert MATMUL_WEIGHTS == 6_607_077_376
    for phase, program in shipped("llama2_7b_on_tpu"):
        weights = [r for r in program.regions if r.tensor == "weight"]
        matrices = [r for r in weights if r.name.endswith(("proj_weight", "head_weight"))]
        assert sum(r.size_bytes * r.instances for r in matrices) == 2 * MATMUL_WEIGHTS
        # The rest: two norms per layer and the last one, and a row of the table per token.
        rest = 2 * HIDDEN * (2 * LAYERS + 1 + phase.tokens)
        assert total_bytes(program, "weight") == 2 * MATMUL_WEIGHTS + rest


def test_kv_cache_of_llama_2_7b() -> None:
    for phase, program in shipped("llama2_7b_on_tpu"):
        (cache_region,) = (r for r in program.regions if r.tensor == "kv")
        assert cache_region.instances == LAYERS
        assert cache_region.size_bytes * LAYERS == phase.kv_bytes_after


def test_rounded_tiles_need_more_than_the_tensor() -> None:
    # 5 x 5 weights of 4 bits are 13 bytes; in tiles of 3 x 3, 3 x 2, 2 x 3 and 2 x 2 they are
    # 5 + 3 + 3 + 2 = 13, and in tiles of 1 x 1 each takes a byte of its own: 25.
    workload = gemms((4, 5, 5)) | {"precision": INT8 | {"weights": "int4"}}
    spec = machine(unit={"weight_format": "int4"})
    for side, size in ((3, 13), (1, 25)):
        tiles = {"gemm": {"m": 4, "n": side, "k": side}}
        (program,) = programs(workload, spec, operators=tiles)
        assert by_name(program)["gemms.gemm_weight"].size_bytes == size


def test_experts_lie_in_one_region_per_matrix(tmp_path: Path) -> None:
    model = transformer(tmp_path, model_type="mixtral", num_local_experts=4, num_experts_per_tok=4)
    workload = {"model": model, "prefill_tokens": 8, "precision": INT8}
    (program,) = programs(workload)
    # All four experts are used: gate and up, 2 x 24 x 16 bytes each, in two layers.
    region = by_name(program)["layers.gate_up_proj_weight"]
    assert (region.size_bytes, region.instances) == (4 * 2 * 24 * 16, 2)


# -- producers and consumers -------------------------------------------------------
def spilled(folder: Path, **changes: Any) -> list[Program]:
    """A prefill and a decode step of a small model that keeps nothing on chip."""
    workload = {
        "model": transformer(folder, **changes),
        "prefill_tokens": 12,
        "decode_steps": 1,
        "precision": INT8 | {"residual": "bf16"},
    }
    return programs(workload, keep_activations=False)


def test_the_residual_stream_is_one_region(tmp_path: Path) -> None:
    for program in spilled(tmp_path):
        users: dict[str, set[str]] = defaultdict(set)
        for command in program.commands():
            if command.transfer_bytes and region_of(program, command).name == RESIDUAL:
                info = program.operators[command.operator]
                users["store" if is_store(program, command) else "load"].add(
                    f"{info.block}.{info.name}"
                )
        assert users["store"] == {"embedding.token_embedding", "layers.down_proj"}
        assert users["load"] == {"layers.input_norm", "layers.out_proj", "output.final_norm"}


def test_attention_reads_the_cache_where_it_is_written(tmp_path: Path) -> None:
    for program, tokens in zip(spilled(tmp_path), (12, 13), strict=True):
        found = {
            (command.label, region_of(program, command).name)
            for command in program.commands()
            if command.tensor == "kv"
        }
        cache_name = "layers.keys+values"
        labels = ("load keys", "load values", "store outputs")
        assert found == {(label, cache_name) for label in labels}
        # Keys and values of 2 heads of 4 bytes for every token so far, in each layer.
        region = by_name(program)[cache_name]
        assert (region.size_bytes, region.instances) == (2 * tokens * 8, 2)


def test_what_one_command_moves_lies_together(tmp_path: Path) -> None:
    """Without fusion, a sum loads both addends at once: one region is read, and written by both."""
    workload = {
        "model": transformer(tmp_path),
        "prefill_tokens": 12,
        "precision": INT8 | {"residual": "bf16"},
    }
    (program,) = programs(workload, keep_activations=False, fuse_elementwise=False)
    check_producers(program)
    addends = {
        region_of(program, command).name
        for command in program.commands()
        if command.transfer_bytes
        and not is_store(program, command)
        and program.operators[command.operator].name == "attention_residual"
    }
    (name,) = addends
    assert {"attention_projected", RESIDUAL} <= set(name.split("+"))


def test_queries_of_an_encoder_are_read_where_they_are_written(tmp_path: Path) -> None:
    model = transformer(tmp_path, model_type="bert", num_key_value_heads=4)
    workload = {
        "model": model,
        "prefill_tokens": 12,
        "precision": INT8 | {"residual": "bf16"},
    }
    (program,) = programs(workload, keep_activations=False)
    assert "queries+keys+values" in by_name(program)
    assert total_bytes(program, "kv") == 0


# -- addresses ---------------------------------------------------------------------
@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("capacity", [400, 4000, 1 << 20])
def test_one_pass_over_weights_touches_every_byte_once(
    tmp_path: Path, cores: int, capacity: int
) -> None:
    workload = {
        "model": transformer(tmp_path, attention_bias=True),
        "prefill_tokens": 5,
        "precision": INT8 | {"residual": "bf16"},
    }
    spec = machine(cores=cores, scratchpad={"capacity_bytes": capacity})
    (program,) = programs(workload, spec)
    check_addresses(program)
    moved: dict[tuple[int, int], list[Moved]] = defaultdict(list)
    for each in walk(program):
        if each.command.tensor == "weight":
            moved[each.command.region, each.instance].append(each)
    positions = lay_out(program.regions, ALIGNMENT)
    single = 0
    for (index, instance), transfers in moved.items():
        region = program.regions[index]
        passes, rest = divmod(sum(m.end - m.start for m in transfers), region.size_bytes)
        assert rest == 0, "weights are read in whole passes"
        if passes == 1:
            single += 1
            at = positions[index].base_bytes + instance * positions[index].stride_bytes
            for start, end in sorted((m.start, m.end) for m in transfers):
                assert start == at, "neither gaps nor bytes that are read twice"
                at = end
    assert single > 0
    expected = sum(r.instances for r in program.regions if r.tensor == "weight")
    assert len(moved) == expected, "every layer reads weights of its own"


def test_layers_lie_apart(tmp_path: Path) -> None:
    for program in spilled(tmp_path, num_hidden_layers=3):
        touched: dict[int, set[tuple[int, int]]] = defaultdict(set)
        for moved in walk(program):
            if moved.command.tensor != "activation":
                touched[moved.command.region].add((moved.instance, moved.start))
        for index, found in touched.items():
            layers = range(program.regions[index].instances)
            starts = [{start for layer, start in found if layer == own} for own in layers]
            assert all(starts), "every layer is touched"
            for own, following in pairwise(starts):
                assert max(own) < min(following), program.regions[index].name
