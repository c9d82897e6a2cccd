"""What a whole machine is made of, as parts with paths from the machine down."""

from __future__ import annotations

from dataclasses import replace

from simulator.hardware.machine import MachineSpec
from simulator.hardware.primitives import Part
from simulator.hardware.scratchpad.structure import scratchpad_parts
from simulator.hardware.vector_unit.structure import vector_unit_parts

MATRIX_UNIT = "core.matrix_unit"
SCRATCHPAD = "core.scratchpad"
ACCUMULATOR = "core.accumulator"
VECTOR_UNIT = "core.vector_unit"
MEMORY = "memory"


def machine_parts(machine: MachineSpec) -> tuple[Part, ...]:
    """Parts of all cores; main memory, control, wires and I/O are not among them."""
    core = machine.core
    parts: list[Part] = []
    for unit in core.build_matrix_units():
        prefix = f"{MATRIX_UNIT}.{unit.spec.kind}"
        parts.extend(
            replace(part, path=f"{prefix}.{part.path}", count=part.count * unit.spec.count)
            for part in unit.structure()
        )
    parts.extend(scratchpad_parts(core.scratchpad, SCRATCHPAD))
    if core.accumulator is not None:
        parts.extend(scratchpad_parts(core.accumulator, ACCUMULATOR))
    parts.extend(vector_unit_parts(core.vector_unit, VECTOR_UNIT))
    return tuple(replace(part, count=part.count * machine.cores) for part in parts)
