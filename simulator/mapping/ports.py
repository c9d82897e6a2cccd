"""Ports of a core's buffers: how long they take to move a command's bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.scratchpad.spec import ScratchpadSpec
from simulator.mapping.unit_work import gang_traffic


@dataclass(frozen=True, slots=True)
class Ports:
    """Those of a scratchpad, and of an accumulator if there is one for partial sums."""

    scratchpad: ScratchpadSpec
    accumulator: ScratchpadSpec | None

    def cycles(self, read_bytes: int, write_bytes: int, psum: tuple[int, int]) -> int:
        """Cycles to move a command's bytes.

        psum: partial-sum bytes read and written, at the accumulator if there is one.
        """
        if self.accumulator is None:
            return _cycles(self.scratchpad, read_bytes + psum[0], write_bytes + psum[1])
        return max(
            _cycles(self.scratchpad, read_bytes, write_bytes),
            _cycles(self.accumulator, psum[0], psum[1]),
        )

    def tile_cycles(self, unit: MatrixUnit[Any], tile: Tile, group: int) -> int:
        """Cycles for one tile on a gang of units.

        Sums of earlier tiles are read, if there are no groups whose sums leave apart.
        """
        traffic = gang_traffic(unit, tile, accumulate=not group, group=group)
        reads = traffic.input_read_bytes + traffic.weight_read_bytes
        return self.cycles(reads, 0, (traffic.psum_read_bytes, traffic.psum_write_bytes))


def _cycles(spec: ScratchpadSpec, read_bytes: int, write_bytes: int) -> int:
    reads = -(-read_bytes // spec.read_bytes_per_cycle)
    writes = -(-write_bytes // spec.write_bytes_per_cycle)
    return reads + writes if spec.ports == 1 else max(reads, writes)
