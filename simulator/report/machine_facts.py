"""The machine and the workload of a Result in a few words, and the machine's roofs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.report.result import Result
from simulator.report.units import count, percent, seconds, si

SHOWN_WORKLOAD_ITEMS = 10


def clock_hz(result: Result) -> float:
    """The clock that all cycles of the result count."""
    return float(result.machine["clock_hz"])


def peak_macs_per_second(result: Result) -> float:
    """Peak multiply-accumulates per second of all cores."""
    return float(result.machine["peak_macs_per_cycle"]) * clock_hz(result)


def bandwidth_bytes_per_second(result: Result) -> float:
    """Peak bandwidth of main memory."""
    return float(result.machine["memory_bandwidth_bytes_per_s"])


def balance_macs_per_byte(result: Result, macs: int, cycles_at_peak: float) -> float:
    """MACs per byte of memory traffic from which on the matrix units are the limit.

    macs, cycles_at_peak: some work and what it takes at the peak of the units that it runs
        on, which may be slower than the machine's fastest.
    """
    return macs / cycles_at_peak * clock_hz(result) / bandwidth_bytes_per_second(result)


def machine_line(result: Result) -> list[str]:
    """Name, units, clock, peak and memory, as short parts."""
    machine = result.machine
    cores = int(machine.get("cores", 1))
    parts = [str(machine.get("name", "machine"))]
    if cores > 1:
        parts.append(f"{count(cores)} cores")
    parts += [_unit(unit) for unit in machine.get("matrix_units", ())]
    parts.append(si(clock_hz(result), "Hz"))
    parts.append(f"peak {si(peak_macs_per_second(result), 'MAC/s')}")
    memory = f"memory {si(bandwidth_bytes_per_second(result), 'B/s')}"
    if machine.get("memory_device"):
        memory += f" ({machine['memory_device']})"
    parts.append(memory)
    if machine.get("memory_latency_s"):
        parts.append(f"latency {seconds(float(machine['memory_latency_s']))}")
    return parts


def idle_lines(machine: Mapping[str, Any]) -> list[str]:
    """In a sentence, main units without work, and what they would take; mostly nothing."""
    idle = machine.get("idle_units")
    if not idle:
        return []
    operands = ", ".join(" by ".join(pair) for pair in idle["operands"])
    return [
        f"{idle['unit']} has no work: it multiplies {idle['takes']}, which no operator has "
        f"({operands}); what ran has {percent(idle['peak_ratio'])} of its peak"
    ]


def workload_line(result: Result) -> list[str]:
    """Name of the workload, its plain settings and its formats, as short parts."""
    name = str(result.workload.get("name", "workload"))
    settings = [
        f"{key.replace('_', ' ')} {count(value) if type(value) is int else value}"
        for key, value in result.workload.items()
        if key not in ("name", "description", "source")
        and isinstance(value, str | int | float)
        and value not in ("", name)
    ]
    return [name, *settings[:SHOWN_WORKLOAD_ITEMS], *_formats(result)]


def _formats(result: Result) -> list[str]:
    """Number formats of weights, activations and, where there is a model, its KV cache."""
    formats = result.workload.get("precision") or {}
    shown = ["weights", "activations", *(["kv_cache"] if "model" in result.workload else [])]
    return [f"{key.replace('_', ' ')} {formats[key]}" for key in shown if key in formats]


def _unit(unit: Any) -> str:
    if not isinstance(unit, dict):
        return str(unit)
    name = str(unit.get("name") or unit.get("kind", "matrix unit"))
    if unit.get("approximate_products"):
        name += " (approximate products)"
    number = int(unit.get("count", 1))
    return f"{number} × {name}" if number > 1 else name
