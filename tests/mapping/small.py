"""Small machines and workloads whose cycles and bytes can be worked out with a pencil."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simulator.config import Document, validate
from simulator.experiment import Experiment, build_experiment
from simulator.hardware.npu import NpuSpec
from simulator.mapping import Mapper, MappingSpec, Program
from simulator.report.result import Result
from simulator.runner import run_experiment
from simulator.workload import WorkloadSpec, load_workload
from simulator.workload.operators import Phase

FUNCTIONS = (
    "add",
    "dequantise",
    "gelu",
    "gelu_multiply",
    "layernorm",
    "multiply",
    "quantise",
    "relu",
    "rmsnorm",
    "rope",
    "row_sum",
    "scale_add",
    "silu",
    "silu_multiply",
    "softmax",
    "topk_softmax",
)
"""The shipped functions; here each takes one slot of a lane per element."""

INT8 = {"weights": "int8", "activations": "int8", "kv_cache": "int8", "residual": "int8"}

SIDE = 4
BYTES_PER_CYCLE = 4
LATENCY = 10


def machine_document(*, accumulator_bytes: int | None = 1 << 20, **changes: Any) -> dict[str, Any]:
    """A 4x4 int8 array at 1 GHz over a memory of 4 bytes per cycle and 10 cycles of latency.

    changes: `core`, `unit`, `scratchpad`, `dma` and `memory` update those mappings,
    anything else the machine itself. accumulator_bytes: None for no accumulator.
    """
    unit = {
        "kind": "systolic_array",
        "rows": SIDE,
        "columns": SIDE,
        "dataflow": "weight_stationary",
        "input_format": "int8",
        "weight_format": "int8",
        "accumulator_format": "int32",
        "double_buffer": True,
    }
    wide = {"read_bytes_per_cycle": 1 << 20, "write_bytes_per_cycle": 1 << 20}
    core: dict[str, Any] = {
        "matrix_units": [unit | changes.pop("unit", {})],
        "vector_unit": {
            "lanes": 4,
            "latency_cycles": 0,
            "functions": {name: {"cycles_per_element": 1, "adds": 1} for name in FUNCTIONS},
        },
        "scratchpad": {"capacity_bytes": 1 << 20, **wide, **changes.pop("scratchpad", {})},
        "dma": {"outstanding": 8, **changes.pop("dma", {})},
    }
    if accumulator_bytes is not None:
        core["accumulator"] = {"capacity_bytes": accumulator_bytes, **wide}
    memory = {
        "device": "hbm2",
        "capacity_bytes": 1 << 40,
        "bandwidth_bytes_per_s": BYTES_PER_CYCLE * 1e9,
        "latency_s": LATENCY * 1e-9,
    }
    return {
        "name": "small",
        "technology": "45nm",
        "clock": {"frequency_hz": 1e9},
        "core": core | changes.pop("core", {}),
        "memory": memory | changes.pop("memory", {}),
        **changes,
    }


def machine(**changes: Any) -> NpuSpec:
    """The checked machine of `machine_document`."""
    return validate(NpuSpec, Document.from_data(machine_document(**changes), "machine"))


def gemms(*sizes: tuple[int, int, int] | tuple[int, int, int, int]) -> dict[str, Any]:
    """A workload of int8 GEMMs `(m, n, k[, count])` called `gemm`, `gemm_2`, …"""
    keys = ("m", "n", "k", "count")
    listed = [dict(zip(keys, size, strict=False)) for size in sizes]
    return {"gemms": listed, "precision": INT8}


def transformer(folder: Path, **changes: Any) -> str:
    """Write a two-layer llama of width 16 (changes: keys of config.json); returns its path."""
    config = {
        "model_type": "llama",
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 40,
        "max_position_embeddings": 4096,
    }
    path = folder / "config.json"
    path.write_text(json.dumps(config | changes), encoding="utf-8")
    return str(path)


def experiment(
    workload: dict[str, Any],
    machine: dict[str, Any] | str | None = None,
    mapping: dict[str, Any] | None = None,
    every_event: bool = False,
    timeline_commands: int = 16_000,
) -> Experiment:
    """A checked experiment; the small machine if none is given."""
    document = {
        "name": "test",
        "machine": machine if machine is not None else machine_document(),
        "workload": workload,
        "mapping": mapping or {},
        "simulation": {"every_event": every_event, "timeline_commands": timeline_commands},
    }
    return build_experiment(Document.from_data(document, "experiment"))


def run(
    workload: dict[str, Any],
    machine: dict[str, Any] | str | None = None,
    mapping: dict[str, Any] | None = None,
    every_event: bool = False,
    timeline_commands: int = 16_000,
) -> Result:
    """Simulate; arguments as `experiment`."""
    return run_experiment(experiment(workload, machine, mapping, every_event, timeline_commands))


def phases(workload: dict[str, Any]) -> tuple[Phase, ...]:
    """Phases of a workload."""
    spec = validate(WorkloadSpec, Document.from_data(workload, "workload"))
    return load_workload(spec).phases


def programs(
    workload: dict[str, Any], spec: NpuSpec | None = None, **mapping: Any
) -> list[Program]:
    """The programs that the workload's phases become; mapping: keys of `MappingSpec`."""
    mapper = Mapper(spec or machine(), MappingSpec(**mapping))
    return [mapper.map(phase) for phase in phases(workload)]
