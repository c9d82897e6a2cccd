"""A tile on a gang of identical matrix units: shares, the slowest share, sums."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from simulator.hardware.bill import MATRIX_UNIT
from simulator.hardware.matrix_unit import MatrixUnit, OperandTraffic, Tile
from simulator.hardware.primitives import Action, ActionCounts
from simulator.mapping.tiling import group_tiles

REMEMBERED = 4096
"""Tiles of which each of these is remembered; the same ones come again phase by phase."""


class GangTiming(NamedTuple):
    """Cycles from a tile's first load to its last output, and until the next tile."""

    cycles: int
    interval_cycles: int


@lru_cache(maxsize=REMEMBERED)
def gang_timing(unit: MatrixUnit[Any], tile: Tile, group: int = 0) -> GangTiming:
    """Timing of the slowest share; with groups, of their tiles one after the other."""
    busy = last = cycles = 0
    for part, times in group_tiles(tile, group):
        timings = [unit.timing(share.tile) for share in unit.split(part, unit.spec.count)]
        slowest = max(timings, key=lambda timing: (timing.cycles, timing.interval_cycles))
        last, cycles = slowest.interval_cycles, slowest.cycles
        busy += times * last
    return GangTiming(busy - last + cycles, busy)


@lru_cache(maxsize=REMEMBERED)
def gang_traffic(
    unit: MatrixUnit[Any], tile: Tile, accumulate: bool, group: int = 0
) -> OperandTraffic:
    """Bytes that all shares move together; each group's sums leave apart."""
    parts = [
        (unit.traffic(share.tile, accumulate=accumulate), share.units * times)
        for part, times in group_tiles(tile, group)
        for share in unit.split(part, unit.spec.count)
    ]
    return OperandTraffic(
        sum(part.input_read_bytes * units for part, units in parts),
        sum(part.weight_read_bytes * units for part, units in parts),
        sum(part.psum_read_bytes * units for part, units in parts),
        sum(part.psum_write_bytes * units for part, units in parts),
    )


def gang_actions(unit: MatrixUnit[Any], tile: Tile, group: int = 0) -> ActionCounts:
    """Actions of all shares, with paths from the machine down; a fresh copy."""
    return ActionCounts(dict(_gang_actions(unit, tile, group).counts))


@lru_cache(maxsize=REMEMBERED)
def _gang_actions(unit: MatrixUnit[Any], tile: Tile, group: int) -> ActionCounts:
    total = ActionCounts()
    for part, times in group_tiles(tile, group):
        for share in unit.split(part, unit.spec.count):
            total.merge(unit_actions(unit, share.tile), share.units * times)
    return total


@lru_cache(maxsize=REMEMBERED)
def unit_actions(unit: MatrixUnit[Any], tile: Tile) -> ActionCounts:
    """Actions of one unit with paths from the machine down; shared, so not to be changed."""
    prefix = f"{MATRIX_UNIT}.{unit.spec.kind}"
    return ActionCounts(
        {
            Action(f"{prefix}.{action.path}", action.primitive, action.verb): count
            for action, count in unit.actions(tile).counts.items()
        }
    )
