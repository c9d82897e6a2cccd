"""A small GPU: two SMs of two sub-cores, each with a 2x2x2 INT8 tensor core, at 1 GHz."""

from __future__ import annotations

from typing import Any

from simulator.config import Document, validate
from simulator.hardware.gpu import GpuSpec
from tests.mapping.small import FUNCTIONS

LATENCY = 100
L2_LATENCY = 20
LAUNCH = 50  # 5e-8 s


def gpu_document(**changes: Any) -> dict[str, Any]:
    """The GPU as plain data. changes: `unit`, `core`, `l2` and `memory` update those mappings."""
    unit = {
        "kind": "tensor_core",
        "count": 2,
        "rows": 2,
        "columns": 2,
        "depth": 2,
        "input_format": "int8",
        "weight_format": "int8",
        "accumulator_format": "int32",
    }
    core: dict[str, Any] = {
        "sub_cores": 2,
        "matrix_units": [unit | changes.pop("unit", {})],
        "vector_unit": {
            "lanes": 4,
            "latency_cycles": 0,
            "functions": {name: {"cycles_per_element": 1, "adds": 1} for name in FUNCTIONS},
        },
        "register_file": {
            "capacity_bytes": 65536,
            "read_bytes_per_cycle": 1 << 20,
            "write_bytes_per_cycle": 1 << 20,
        },
        "shared_memory": {"capacity_bytes": 65536, "bytes_per_cycle": 1 << 20},
        "max_threads": 512,
        "max_blocks": 4,
        "spare_registers_per_thread": 8,
    }
    l2 = {
        "capacity_bytes": 1 << 20,
        "bytes_per_cycle": 1 << 20,
        "sm_bytes_per_cycle": 1 << 20,
        "latency_cycles": L2_LATENCY,
    }
    memory = {
        "device": "hbm2",
        "capacity_bytes": 1 << 40,
        "bandwidth_bytes_per_s": 4e12,
        "latency_s": 1e-7,
    }
    return {
        "kind": "gpu",
        "name": "small_gpu",
        "technology": "45nm",
        "clock": {"frequency_hz": 1e9},
        "cores": 2,
        "core": core | changes.pop("core", {}),
        "l2": l2 | changes.pop("l2", {}),
        "launch_overhead_s": 5e-8,
        "memory": memory | changes.pop("memory", {}),
        **changes,
    }


def gpu(**changes: Any) -> GpuSpec:
    """The checked machine of `gpu_document`."""
    return validate(GpuSpec, Document.from_data(gpu_document(**changes), "machine"))
