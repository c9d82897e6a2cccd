"""Costs of units and machines as tables, at most 100 columns wide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.cost import ZERO, Estimate
from simulator.cost.unit import UnitCost
from simulator.report.units import columns, estimate, percent, si, significant

FJ_PER_PJ = 1e3
UM2_PER_MM2 = 1e6
OPERATIONS_PER_MAC = 2
LONGEST_PATH = 34


def unit_table(title: str, cost: UnitCost, clock_hz: float | None) -> list[str]:
    """Parts of one unit, their sum, and densities; at a clock also per second and watt."""
    area, energy = cost.area_um2, cost.energy_pj_per_mac
    rows = []
    for part in cost.parts:
        rows.append(
            (
                _clip(part.path),
                part.what,
                f"{part.count:,}",
                significant(part.area_um2.value),
                _share(part.area_um2, area),
                significant(FJ_PER_PJ * part.energy_pj_per_mac.value),
                _share(part.energy_pj_per_mac, energy),
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
    macs_per_s = cost.macs_per_cycle * clock_hz
    tops = OPERATIONS_PER_MAC * macs_per_s / 1e12
    watts = cost.energy_pj_per_mac.scaled(macs_per_s * 1e-12) + cost.leakage_w
    return (
        f"at {si(clock_hz, 'Hz')}: {significant(tops)} TOPS, "
        f"{significant(tops * UM2_PER_MM2 / cost.area_um2.value)} TOPS/mm², "
        f"{significant(tops / watts.value)} TOPS/W busy"
    )


def machine_table(area_by_component: Mapping[str, Estimate], static_w: Estimate) -> list[str]:
    """Areas of a machine, by component down to its parts, largest first within each."""
    total = sum(area_by_component.values(), ZERO)
    rows = [
        (_clip(path), significant(area.value), _bounds_only(area), _share(area, total))
        for path, area in _hierarchy(area_by_component)
    ]
    rows.append(("all", significant(total.value), _bounds_only(total), ""))
    lines = columns(("component", "area mm²", "low–high", "share"), rows, left={0})
    return [*lines, "", f"static power {estimate(static_w, 'W')}"]


def _hierarchy(areas: Mapping[str, Estimate]) -> list[tuple[str, Estimate]]:
    """Every prefix of every path with its sum, parents before children, large before small."""
    sums: dict[tuple[str, ...], Estimate] = {}
    for path, area in areas.items():
        parts = tuple(path.split("."))
        for depth in range(1, len(parts) + 1):
            sums[parts[:depth]] = sums.get(parts[:depth], ZERO) + area
    found: list[tuple[str, Estimate]] = []

    def visit(prefix: tuple[str, ...]) -> None:
        children = [key for key in sums if len(key) == len(prefix) + 1 and key[:-1] == prefix]
        for key in sorted(children, key=lambda key: -sums[key].value):
            only = [k for k in sums if k[: len(key)] == key and len(k) == len(key) + 1]
            if not (len(only) == 1 and sums[only[0]] == sums[key]):  # a child that is all of it
                found.append(("  " * len(prefix) + key[-1], sums[key]))
                visit(key)
            else:
                visit(key)

    visit(())
    return found


def _clip(path: str) -> str:
    return path if len(path) <= LONGEST_PATH else "…" + path[1 - LONGEST_PATH :]


def _share(part: Estimate, whole: Estimate) -> str:
    return percent(part.value / whole.value) if whole.value else "–"


def _bounds(quantity: Estimate, unit: str) -> str:
    return f"{significant(quantity.value)} {unit} ({_bounds_only(quantity)})"


def _bounds_only(quantity: Estimate) -> str:
    return f"{significant(quantity.low)}–{significant(quantity.high)}"


def cost_document(cost: UnitCost) -> dict[str, Any]:
    """A unit's cost as plain data."""
    return {
        "area_um2": _plain(cost.area_um2),
        "energy_pj_per_mac": _plain(cost.energy_pj_per_mac),
        "leakage_w": _plain(cost.leakage_w),
        "macs_per_cycle": cost.macs_per_cycle,
        "parts": [
            {
                "path": part.path,
                "primitive": part.what,
                "count": part.count,
                "area_um2": _plain(part.area_um2),
                "energy_pj_per_mac": _plain(part.energy_pj_per_mac),
            }
            for part in cost.parts
        ],
    }


def _plain(quantity: Estimate) -> dict[str, float]:
    return {"value": quantity.value, "low": quantity.low, "high": quantity.high}
