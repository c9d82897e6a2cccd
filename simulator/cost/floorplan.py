"""How far data travels on a die: lengths of wires between parts, from areas alone.

Parts are squares, side by side. Bits that leave a buffer come from any of its banks to
the middle of one of its edges, 3/4 of its side on average (half of it across, a quarter
along), and go on across half the side of what the buffer serves: its core, or the whole
chip where cores share it. Bits that enter take the same way back. Main memory sits at the
edge of the chip: what comes from it crosses half of what the chip is wider than a core,
or nothing, if a buffer that all cores share takes it over there. Wires within a unit,
from PE to PE, are not counted: they are as long as a PE is wide. How far lengths may be
off is `wires.length_spread`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from simulator.cost.energy import JOULES_PER_PJ
from simulator.cost.estimate import Estimate
from simulator.cost.logic import BITS_PER_BYTE
from simulator.cost.technology import Technology
from simulator.hardware.primitives import ActionCounts, Primitive

UM_PER_MM = 1e3
BANK_TO_EDGE = 0.75
ACROSS = 0.5
CORE = "core"
WIRES = "wires"
"""Component that energies of wires are booked on, by the buffer at their end."""


@dataclass(frozen=True, slots=True)
class Floorplan:
    """lengths_mm: of the way to and from a buffer, by its path.

    memory_mm: from the edge of the chip, where memory is, to the buffers that take it.
    """

    lengths_mm: Mapping[str, float]
    memory_mm: float

    def bit_mm(self, counts: ActionCounts) -> dict[str, float]:
        """Bits times millimetres of all accesses to buffers and to main memory, by path."""
        found: dict[str, float] = {}
        for action, count in counts.counts.items():
            kind = action.primitive.kind
            if kind == "sram":
                length = self.lengths_mm[action.path] * action.primitive.bits
                found[action.path] = found.get(action.path, 0.0) + count * length
            elif kind == "dram" and self.memory_mm:
                found[action.path] = found.get(action.path, 0.0) + self.memory_bit_mm(count)
        return found

    def memory_bit_mm(self, moved_bytes: float) -> float:
        """Bits times millimetres of bytes to or from main memory."""
        return BITS_PER_BYTE * moved_bytes * self.memory_mm


def floorplan(
    areas_mm2: Mapping[str, Estimate], cores: int, pieces: Mapping[str, int]
) -> Floorplan:
    """Lengths of a machine of so many equal cores, from areas by path as `area` has them.

    Paths start with `core`, for what all cores have together, or with `chip`. pieces:
    into how many a buffer of a core is divided, each of which serves its share of the
    core; 1 if it is not named.
    """
    chip_mm2 = sum(area.value for area in areas_mm2.values())
    cores_mm2 = sum(area.value for path, area in areas_mm2.items() if path.startswith(CORE))
    lengths = {}
    for path, area in areas_mm2.items():
        in_core = path.startswith(CORE)
        copies = cores * pieces.get(path, 1) if in_core else 1
        served_mm2 = (cores_mm2 if in_core else chip_mm2) / copies
        lengths[path] = BANK_TO_EDGE * sqrt(area.value / copies) + ACROSS * sqrt(served_mm2)
    cache = any(not path.startswith(CORE) for path in areas_mm2)
    around = 0.0 if cache else sqrt(chip_mm2) - sqrt(cores_mm2 / cores)
    return Floorplan(lengths, ACROSS * around)


def wire_energy_j(bit_mm: float, technology: Technology) -> Estimate:
    """Joules of bits moved, times millimetres."""
    one = technology.action_energy_pj(Primitive("wire", bits=1, length_um=UM_PER_MM), "move")
    return one.times(technology.length_spread).scaled(bit_mm * JOULES_PER_PJ)
