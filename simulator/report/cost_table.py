"""Costs of units and machines as tables, at most 100 columns wide."""

from __future__ import annotations

from typing import Any

from simulator.cost import Estimate
from simulator.cost.logic import UM2_PER_MM2
from simulator.cost.unit import UnitCost
from simulator.report.units import columns, estimate, percent, si, significant

FJ_PER_PJ = 1e3
LONGEST_PATH = 34


def unit_table(title: str, cost: UnitCost, clock_hz: float | None) -> list[str]:
    """Parts of one unit, their sum, and densities; at a clock also per second and watt."""
    area, energy = cost.area_um2, cost.energy_pj_per_mac
    rows = []
    for part in cost.parts:
        rows.append(
            (
                clipped(part.path),
                part.what,
                f"{part.count:,}" if part.count else "",
                significant(part.area_um2.value) if part.count else "",
                share(part.area_um2, area) if part.count else "",
                significant(FJ_PER_PJ * part.energy_pj_per_mac.value),
                share(part.energy_pj_per_mac, energy),
            )
        )
    rows.append(
        ("all", "", "", significant(area.value), "", significant(FJ_PER_PJ * energy.value), "")
    )
    header = ("part", "is", "count", "area µm²", "share", "fJ/MAC", "share")
    lines = [title, *columns(header, rows, left={0, 1}), ""]
    lines.append(f"area {_bounds(area, 'µm²')}, {_bounds(energy.scaled(FJ_PER_PJ), 'fJ')} per MAC")
    lines[-1] += f", leakage {estimate(cost.leakage_w, 'W')}"
    if clock_hz:
        lines.append(_densities(cost, clock_hz))
    return lines


def _densities(cost: UnitCost, clock_hz: float) -> str:
    """Peak, peak per area and per power, of the unit alone and busy all the time."""
    tops = cost.peak_tops(clock_hz)
    return (
        f"at {si(clock_hz, 'Hz')}: {significant(tops)} TOPS, "
        f"{significant(tops * UM2_PER_MM2 / cost.area_um2.value)} TOPS/mm², "
        f"{significant(tops / cost.busy_power_w(clock_hz).value)} TOPS/W busy"
    )


def clipped(path: str) -> str:
    """The end of a path that is too long for a table."""
    return path if len(path) <= LONGEST_PATH else "…" + path[1 - LONGEST_PATH :]


def share(part: Estimate, whole: Estimate) -> str:
    """A part of a whole in percent."""
    return percent(part.value / whole.value) if whole.value else "–"


def _bounds(quantity: Estimate, unit: str) -> str:
    return f"{significant(quantity.value)} {unit} ({bounds_only(quantity)})"


def bounds_only(quantity: Estimate) -> str:
    """Low and high."""
    return f"{significant(quantity.low)}–{significant(quantity.high)}"


def cost_document(cost: UnitCost) -> dict[str, Any]:
    """A unit's cost as plain data."""
    return {
        "area_um2": plain_bounds(cost.area_um2),
        "energy_pj_per_mac": plain_bounds(cost.energy_pj_per_mac),
        "leakage_w": plain_bounds(cost.leakage_w),
        "macs_per_cycle": cost.macs_per_cycle,
        "parts": [
            {
                "path": part.path,
                "primitive": part.what,
                "count": part.count,
                "area_um2": plain_bounds(part.area_um2),
                "energy_pj_per_mac": plain_bounds(part.energy_pj_per_mac),
            }
            for part in cost.parts
        ],
    }


def plain_bounds(quantity: Estimate) -> dict[str, float]:
    """An estimate as plain data."""
    return {"value": quantity.value, "low": quantity.low, "high": quantity.high}
