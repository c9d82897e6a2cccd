"""Figures: the numbers of a point that are stored, by the names that sweeps use."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.config import CyclelabError, nearest
from simulator.report.aggregate import PhaseGroup, phase_groups
from simulator.report.efficiency import efficiency_of
from simulator.report.measures import MEASURES, Measure, measures_of
from simulator.report.result import Result

KINDS = ("prefill", "decode", "encode", "mixed", "gemm")
OF_PHASE = {
    "cycles": ("cycles", "cycles"),
    "seconds": ("time", "s"),
    "energy_j": ("energy", "J"),
    "energy_low_j": ("energy at least", "J"),
    "energy_high_j": ("energy at most", "J"),
    "tokens_per_second": ("throughput", "tokens/s"),
    "utilisation": ("MACs at peak", "of the time"),
    "macs": ("MACs", "MACs"),
    "dram_read_bytes": ("read from main memory", "B"),
    "dram_write_bytes": ("written to main memory", "B"),
    "energy_per_token_j": ("energy per token", "J"),
    "edp_js": ("energy-delay product", "J·s"),
    "tops_per_w": ("per watt", "TOPS/W"),
    "tops_per_mm2": ("per area", "TOPS/mm²"),
}
"""Figures of the phases of one kind (`decode.seconds`): title and unit."""

Figures = Mapping[str, float]


def figures_of(result: Result) -> dict[str, float]:
    """Measures by name, and figures of phases as `decode.seconds`; what there is not, is not."""
    found = measures_of(result)
    for group in phase_groups(result):
        for name, value in _of_group(group, result).items():
            if value is not None:
                found.setdefault(f"{group.kind}.{name}", float(value))
    return found


def _of_group(group: PhaseGroup, result: Result) -> dict[str, float | None]:
    efficiency = efficiency_of(group, result.area_mm2)
    per_token, per_w = efficiency.energy_per_token_j, efficiency.tops_per_w
    per_mm2 = efficiency.tops_per_mm2
    return {
        "cycles": group.cycles,
        "seconds": group.seconds,
        "energy_j": group.energy_j.value,
        "energy_low_j": group.energy_j.low,
        "energy_high_j": group.energy_j.high,
        "tokens_per_second": group.tokens_per_s,
        "utilisation": group.utilisation,
        "macs": group.macs,
        "dram_read_bytes": group.dram_read_bytes,
        "dram_write_bytes": group.dram_write_bytes,
        "energy_per_token_j": None if per_token is None else per_token.value,
        "edp_js": efficiency.edp_js.value,
        "tops_per_w": None if per_w is None else per_w.value,
        "tops_per_mm2": None if per_mm2 is None else per_mm2.value,
    }


def check_figure(name: str) -> Measure | None:
    """The measure of a name, None for a figure of a phase; raises CyclelabError, with the
    nearest name, for what is neither."""
    if name in MEASURES:
        return MEASURES[name]
    kind, dot, own = name.partition(".")
    if dot and own in OF_PHASE and kind in KINDS:
        return None
    known = [*MEASURES, *(f"{kind}.{each}" for kind in KINDS for each in OF_PHASE)]
    hint = nearest(name, known)
    raise CyclelabError(
        f"unknown measure {name!r}; known: {', '.join(MEASURES)}; of phases, such as "
        f"decode.seconds: {', '.join(OF_PHASE)}" + (f"; did you mean {hint!r}?" if hint else "")
    )


def title_and_unit(name: str) -> tuple[str, str]:
    """What a figure is called, and its unit."""
    measure = check_figure(name)
    if measure is not None:
        return measure.title, measure.unit
    kind, _, own = name.partition(".")
    title, unit = OF_PHASE[own]
    return f"{kind}: {title}", unit
