"""What can be read off a result, by the names that studies and sweeps use."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from simulator.config import CyclelabError, nearest
from simulator.hardware.bill import MEMORY
from simulator.report.aggregate import phase_groups
from simulator.report.result import MEMORY_UNITS, Result
from simulator.report.utilisation import unit_uses

UM2_PER_MM2 = 1e6
SRAM_PIM = "sram_pim"


@dataclass(frozen=True, slots=True)
class Measure:
    """A number of a result: what it is called in tables, its unit, how it is read.

    of: None where a result has no such number, such as tokens per second of GEMMs.
    """

    title: str
    unit: str
    of: Callable[[Result], float | None]


def _peak_tops(result: Result) -> float | None:
    """Two operations per MAC of the first matrix unit, at the clock."""
    if not result.machine["matrix_units"]:
        return None
    unit = result.machine["matrix_units"][0]
    macs = unit["macs_per_cycle"] * result.machine["cores"]
    return float(2 * macs * result.machine["clock_hz"] / 1e12)


def _unit_area(result: Result) -> float | None:
    """mm² of the first kind of matrix unit, all of them in the machine."""
    if not result.machine["matrix_units"]:
        return None
    kind = result.machine["matrix_units"][0]["kind"]
    prefix = f"core.matrix_unit.{kind}."
    return sum(v.value for path, v in result.area_by_component.items() if path.startswith(prefix))


def _layers_cycles(result: Result) -> float:
    """Of everything inside of layers: no embedding, no head."""
    return sum(op.exclusive_cycles for op in result.operators if op.in_layers)


def _layers_ms(result: Result) -> float:
    """Time of everything inside of layers."""
    return float(1e3 * _layers_cycles(result) / result.machine["clock_hz"])


def _matmul_cycles(result: Result) -> float:
    """Exclusive cycles of all GEMMs."""
    return sum(op.exclusive_cycles for op in result.operators if op.kind == "matmul")


def _compute_bound(result: Result) -> float:
    """Cycles of all GEMMs at the peak of their units."""
    return sum(op.compute_bound_cycles for op in result.operators if op.kind == "matmul")


def _layers_share(in_memory: bool) -> Callable[[Result], float]:
    """Share of the layers' time that MACs take at the peak of their units.

    Those of a memory that computes, or all others.
    """

    def share(result: Result) -> float:
        layers = [op for op in result.operators if op.in_layers]
        own = [op for op in layers if (op.unit == MEMORY_UNITS) == in_memory]
        at_peak = sum(op.utilisation * op.active_cycles for op in own)
        return at_peak / max(1, sum(op.exclusive_cycles for op in layers))

    return share


def _memory_units_busy(result: Result) -> float | None:
    """Share of the time in which units in the memory have work, on average over channels.

    None without such units, or where several phases have them.
    """
    busy = [
        use.busy
        for phase in phase_groups(result)
        for use in unit_uses(result, phase)
        if use.name == MEMORY_UNITS
    ]
    return busy[0] if len(busy) == 1 else None


def _memory_mj(result: Result) -> float:
    """Of main memory, with what computes in it."""
    paths = result.energy_by_component.items()
    return 1e3 * sum(v.value for path, v in paths if path.partition(".")[0] == MEMORY)


def _memory_power(result: Result) -> float:
    """Watts of main memory."""
    return 1e-3 * _memory_mj(result) / result.seconds


def _energy_delay(result: Result) -> float:
    """Joules of all devices × seconds of the run."""
    return sum(p.energy_j.value * p.sharers for p in result.phases) * result.seconds


def _energy_per_token(result: Result) -> float | None:
    """Joules of all devices that share the layers, per token that the run makes."""
    made = sum(phase.generated for phase in result.phases)
    energy_j = sum(p.energy_j.value * p.sharers for p in result.phases)
    return energy_j / made if made else None


def _bound(quantity: str, bound: str) -> Callable[[Result], float]:
    """The lower or upper bound of an estimate of the whole run."""
    return lambda result: float(getattr(getattr(result, quantity), bound))


def _arrays_busy(result: Result) -> float:
    """Cycles of their own clock in which arrays beside a cache write, build, look up and read."""
    return sum(
        cycles
        for phase in result.phases
        for queue, cycles in phase.busy_cycles.items()
        if queue.rpartition(".")[2] == SRAM_PIM
    )


def _tokens_per_dram_pass(result: Result) -> float | None:
    """Tokens per second of the whole batch if weights and KV cache came at full bandwidth."""
    moved = sum(op.bytes["dram_read"] for op in result.operators)
    tokens = sum(phase.generated for phase in result.phases)
    if not tokens or not moved:
        return None
    return float(tokens * result.machine["memory_bandwidth_bytes_per_s"] / moved)


MEASURES = {
    "area_mm2": Measure("area", "mm²", lambda result: result.area_mm2.value),
    "area_low_mm2": Measure("area at least", "mm²", _bound("area_mm2", "low")),
    "area_high_mm2": Measure("area at most", "mm²", _bound("area_mm2", "high")),
    "energy_j": Measure("energy", "J", lambda result: result.energy_j.value),
    "energy_low_j": Measure("energy at least", "J", _bound("energy_j", "low")),
    "energy_high_j": Measure("energy at most", "J", _bound("energy_j", "high")),
    "energy_per_token_j": Measure("energy per token", "J", _energy_per_token),
    "edp_js": Measure("energy-delay product", "J·s", _energy_delay),
    "power_w": Measure("power", "W", lambda result: result.power_w.value),
    "seconds": Measure("time", "s", lambda result: result.seconds),
    "time_to_first_token_s": Measure(
        "time to first token", "s", lambda result: result.time_to_first_token_s
    ),
    "time_per_output_token_s": Measure(
        "time per output token", "s", lambda result: result.time_per_output_token_s
    ),
    "utilisation": Measure("MACs at peak", "of the time", lambda result: result.utilisation),
    "tokens_per_second": Measure("throughput", "tokens/s", lambda result: result.tokens_per_s),
    "tokens_per_second_of_dram": Measure("main memory allows", "tokens/s", _tokens_per_dram_pass),
    "tokens_per_usd": Measure(
        "tokens for a dollar", "tokens/$", lambda result: result.tokens_per_usd
    ),
    "arrays_busy_cycles": Measure("arrays at work", "cycles", _arrays_busy),
    "milliseconds": Measure("time", "ms", lambda result: 1e3 * result.seconds),
    "microseconds": Measure("time", "µs", lambda result: 1e6 * result.seconds),
    "layers_milliseconds": Measure("layers", "ms", _layers_ms),
    "layers_cycles": Measure("layers", "cycles", _layers_cycles),
    "cycles": Measure("cycles", "cycles", lambda result: result.cycles),
    "energy_mj": Measure("energy", "mJ", lambda result: 1e3 * result.energy_j.value),
    "memory_energy_mj": Measure("energy of main memory", "mJ", _memory_mj),
    "memory_power_w": Measure("power of main memory", "W", _memory_power),
    "layers_utilisation": Measure("MACs of layers at peak", "of the NPU", _layers_share(False)),
    "memory_units_utilisation": Measure(
        "MACs of layers at peak", "of the memory", _layers_share(True)
    ),
    "memory_units_busy": Measure("units of the memory busy", "of the time", _memory_units_busy),
    "peak_tops": Measure("peak of the matrix units", "TOPS", _peak_tops),
    "unit_area_mm2": Measure("area of the matrix units", "mm²", _unit_area),
    "gemm_cycles": Measure("GEMM", "cycles", _matmul_cycles),
    "gemm_bound_cycles": Measure("GEMM at peak", "cycles", _compute_bound),
}


def measure_named(name: str) -> Measure:
    """A measure; raises CyclelabError with the nearest name for an unknown one."""
    if name not in MEASURES:
        hint = nearest(name, MEASURES)
        raise CyclelabError(
            f"unknown measure {name!r}; known: {', '.join(MEASURES)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
    return MEASURES[name]


def measures_of(result: Result) -> dict[str, float]:
    """All measures that a result has, by name."""
    found = {name: measure.of(result) for name, measure in MEASURES.items()}
    return {name: float(value) for name, value in found.items() if value is not None}
