"""A tile on a gang of identical matrix units: shares, the slowest share, sums."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from simulator.hardware.bill import MATRIX_UNIT
from simulator.hardware.matrix_unit import MatrixUnit, OperandTraffic, Tile, TileTiming
from simulator.hardware.primitives import Action, ActionCounts


def gang_timing(unit: MatrixUnit[Any], tile: Tile) -> TileTiming:
    """Timing of the slowest share."""
    timings = [unit.timing(share.tile) for share in unit.split(tile, unit.spec.count)]
    return max(timings, key=lambda timing: (timing.cycles, timing.interval_cycles))


def gang_traffic(unit: MatrixUnit[Any], tile: Tile, accumulate: bool) -> OperandTraffic:
    """Bytes that all shares move together."""
    parts = [
        (unit.traffic(share.tile, accumulate=accumulate), share.units)
        for share in unit.split(tile, unit.spec.count)
    ]
    return OperandTraffic(
        sum(part.input_read_bytes * units for part, units in parts),
        sum(part.weight_read_bytes * units for part, units in parts),
        sum(part.psum_read_bytes * units for part, units in parts),
        sum(part.psum_write_bytes * units for part, units in parts),
    )


def gang_actions(unit: MatrixUnit[Any], tile: Tile) -> ActionCounts:
    """Actions of all shares, with paths from the machine down; a fresh copy."""
    total = ActionCounts()
    for share in unit.split(tile, unit.spec.count):
        total.merge(unit_actions(unit, share.tile), share.units)
    return total


@lru_cache(maxsize=4096)
def unit_actions(unit: MatrixUnit[Any], tile: Tile) -> ActionCounts:
    """Actions of one unit with paths from the machine down; shared, so not to be changed."""
    prefix = f"{MATRIX_UNIT}.{unit.spec.kind}"
    return ActionCounts(
        {
            Action(f"{prefix}.{action.path}", action.primitive, action.verb): count
            for action, count in unit.actions(tile).counts.items()
        }
    )
