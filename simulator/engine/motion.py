"""How the addresses of a loop of layers move on, where the memory has addresses."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.engine.code import LoopCode
from simulator.hardware.memory.timing import STILL, Block, Motion
from simulator.mapping.layout import Position
from simulator.mapping.program import Program


class Motions:
    """The motion of each loop, and the regions that it touches.

    positions: of the program's regions; none where addresses do not matter.
    alignment_bytes: of layers, for all to look the same.
    """

    def __init__(
        self, program: Program, positions: Sequence[Position], alignment_bytes: int
    ) -> None:
        self._regions = program.regions
        self._positions = positions
        self._alignment_bytes = alignment_bytes
        runs = {run for command in program.commands() for run in command.runs}
        self._unit_rows = tuple(
            each for run in runs for each in ((run.input_row, 1), (run.first_row, run.tiles))
        )
        self._known: dict[LoopCode, tuple[Motion, tuple[int, ...]]] = {}

    def may_skip(self, code: LoopCode) -> bool:
        """Whether layers are alike, or addresses do not matter: not from tile to tile."""
        if not self._alignment_bytes:
            return True
        motion, _ = self.of(code)
        whole = all(
            block.start % self._alignment_bytes == block.stride % self._alignment_bytes == 0
            for block in motion.blocks
        )
        return code.instances and whole

    def of(self, code: LoopCode) -> tuple[Motion, tuple[int, ...]]:
        """The motion of a loop, and the regions that it touches."""
        if not self._alignment_bytes:
            return STILL, ()
        if code not in self._known:
            self._known[code] = self._find(code)
        return self._known[code]

    def _find(self, code: LoopCode) -> tuple[Motion, tuple[int, ...]]:
        touched = {operation.command.region for operation in code.executions}
        regions = tuple(sorted(touched - {-1}))
        moving = [index for index in regions if self._regions[index].instances > 1]
        blocks, used = set(), []
        for index in moving:
            base, stride, block = self._positions[index]
            blocks.add(Block(block, block + stride * self._regions[index].instances, stride))
            used.append(Block(base, base + self._regions[index].size_bytes, stride))
        layers = min((self._regions[index].instances for index in moving), default=code.count)
        motion = Motion(tuple(sorted(blocks)), tuple(used), layers, self._unit_rows)
        return motion, regions
