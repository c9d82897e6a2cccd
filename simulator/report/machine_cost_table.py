"""Costs of a machine as tables: areas down to parts, and a byte at every level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.cost import ZERO, Estimate
from simulator.cost.machine import MachineCost, MoveCost
from simulator.report.cost_table import bounds_only, clipped, plain_bounds, share
from simulator.report.units import columns, estimate, significant


def machine_lines(cost: MachineCost) -> list[str]:
    """All tables of a machine but those of its units."""
    return [
        *machine_table(cost.area_by_component, cost.static_w),
        "",
        *move_table(cost.moves),
        "",
        f"a multiply-add in a lane of the vector unit: {_with_bounds(cost.vector_pj)} pJ",
    ]


def machine_table(area_by_component: Mapping[str, Estimate], static_w: Estimate) -> list[str]:
    """Areas of a machine, by component down to its parts, largest first within each."""
    total = sum(area_by_component.values(), ZERO)
    rows = [
        (clipped(path), significant(area.value), bounds_only(area), share(area, total))
        for path, area in _hierarchy(area_by_component)
    ]
    rows.append(("all", significant(total.value), bounds_only(total), ""))
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

    def visit(prefix: tuple[str, ...], depth: int, name: str) -> None:
        children = [key for key in sums if len(key) == len(prefix) + 1 and key[:-1] == prefix]
        for key in sorted(children, key=lambda key: -sums[key].value):
            label = f"{name}.{key[-1]}" if name else key[-1]
            only = [k for k in sums if k[: len(key)] == key and len(k) == len(key) + 1]
            if len(only) == 1 and sums[only[0]] == sums[key]:  # a child that is all of it
                visit(key, depth, label)
            else:
                found.append(("  " * depth + label, sums[key]))
                visit(key, depth + 1, "")

    visit((), 0, "")
    return found


def move_table(moves: tuple[MoveCost, ...]) -> list[str]:
    """A byte into and out of each level of the memory, and on its way over the die."""
    rows = [
        (
            move.path,
            f"{move.count:,} × {move.what}" if move.count > 1 else move.what,
            significant(move.read_pj_per_byte.value),
            significant(move.write_pj_per_byte.value),
            significant(move.wires_pj_per_byte.value),
            _with_bounds(move.read_pj_per_byte + move.wires_pj_per_byte),
        )
        for move in moves
    ]
    head = ("pJ per byte", "is", "read", "write", "wires", "read, over wires")
    return columns(head, rows, left={0, 1})


def machine_document(cost: MachineCost) -> dict[str, Any]:
    """The same as plain data."""
    return {
        "static_power_w": plain_bounds(cost.static_w),
        "area_mm2": {path: plain_bounds(area) for path, area in cost.area_by_component.items()},
        "moves": [
            {
                "path": move.path,
                "what": move.what,
                "count": move.count,
                "read_pj_per_byte": plain_bounds(move.read_pj_per_byte),
                "write_pj_per_byte": plain_bounds(move.write_pj_per_byte),
                "wires_pj_per_byte": plain_bounds(move.wires_pj_per_byte),
            }
            for move in cost.moves
        ],
        "vector_multiply_add_pj": plain_bounds(cost.vector_pj),
    }


def _with_bounds(quantity: Estimate) -> str:
    low, high = (significant(bound, 2) for bound in (quantity.low, quantity.high))
    return f"{significant(quantity.value)} ({low}–{high})"
