"""A small CPU: two cores of two pipes with four INT8 products each, two slices, at 1 GHz."""

from __future__ import annotations

from typing import Any

from simulator.config import Document, validate
from simulator.hardware.cpu import CpuSpec
from tests.mapping.small import FUNCTIONS

LATENCY = 100
BARRIER = 50  # 5e-8 s
SLICE_LATENCY = 18
CACHE_LATENCY = SLICE_LATENCY + 2 * 1  # two stops on a ring: half a hop on average, rounded up
BYTES_PER_CYCLE = 4000
"""Of main memory: whatever is small comes in one cycle."""
WIDE = 1 << 20


def cpu_document(**changes: Any) -> dict[str, Any]:
    """The CPU as plain data. changes: `unit`, `core`, `llc`, `memory` update those mappings."""
    unit = {
        "kind": "simd_dot",
        "rows": 1,
        "columns": 2,
        "depth": 4,
        "input_format": "int8",
        "weight_format": "int8",
        "accumulator_format": "int32",
    }
    functions = {name: {"cycles_per_element": 1, "adds": 1} for name in (*FUNCTIONS, "unpack")}
    core: dict[str, Any] = {
        "matrix_units": [unit | changes.pop("unit", {})],
        "vector_unit": {"lanes": 4, "latency_cycles": 0, "functions": functions},
        "private_cache": {"capacity_bytes": 65536, "bytes_per_cycle": WIDE},
        "register_block": {"rows": 4, "columns": 4},
    }
    llc = {
        "slices": 2,
        "slice_bytes": 1 << 19,
        "slice_bytes_per_cycle": WIDE,
        "core_bytes_per_cycle": WIDE,
        "slice_latency_cycles": SLICE_LATENCY,
        "network": {"topology": "ring", "link_bytes_per_cycle": WIDE, "hop_cycles": 1},
    }
    memory = {
        "device": "ddr4",
        "capacity_bytes": 1 << 40,
        "bandwidth_bytes_per_s": BYTES_PER_CYCLE * 1e9,
        "latency_s": 1e-7,
    }
    return {
        "kind": "cpu",
        "name": "small_cpu",
        "technology": "45nm",
        "clock": {"frequency_hz": 1e9},
        "cores": 2,
        "core": core | changes.pop("core", {}),
        "llc": llc | changes.pop("llc", {}),
        "barrier_s": 5e-8,
        "memory": memory | changes.pop("memory", {}),
        **changes,
    }


def arrays_document(array: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Two arrays beside each slice, in the cores' clock, with wide ways to and from them."""
    return {
        "clock": {"frequency_hz": 1e9},
        "array": {"kind": "sram_pim", **(array or {})},
        "arrays_per_slice": 2,
        "feed_bytes_per_cycle": WIDE,
        "drain_bytes_per_cycle": WIDE,
        **changes,
    }


def cpu(**changes: Any) -> CpuSpec:
    """The checked machine of `cpu_document`."""
    return validate(CpuSpec, Document.from_data(cpu_document(**changes), "machine"))
