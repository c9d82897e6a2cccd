"""What a whole machine is made of, as parts with paths from the machine down."""

from __future__ import annotations

from dataclasses import replace

from simulator.hardware.gpu import GpuSpec
from simulator.hardware.machine import MachineSpec
from simulator.hardware.npu import NpuSpec
from simulator.hardware.primitives import Part
from simulator.hardware.scratchpad.structure import Banked, scratchpad_parts
from simulator.hardware.vector_unit.structure import vector_unit_parts

MATRIX_UNIT = "core.matrix_unit"
SCRATCHPAD = "core.scratchpad"
ACCUMULATOR = "core.accumulator"
VECTOR_UNIT = "core.vector_unit"
REGISTER_FILE = "core.register_file"
SHARED_MEMORY = "core.shared_memory"
L2 = "chip.l2"
MEMORY = "memory"
LINKS = "links"


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
    for path, buffer in _core_buffers(machine).items():
        parts.extend(scratchpad_parts(buffer, path))
    parts.extend(vector_unit_parts(core.vector_unit, VECTOR_UNIT))
    parts = [replace(part, count=part.count * machine.cores) for part in parts]
    if isinstance(machine, GpuSpec):
        parts.extend(scratchpad_parts(machine.l2, L2))
    return tuple(parts)


def buffer_pieces(machine: MachineSpec) -> dict[str, int]:
    """Buffers of a core that are divided, each piece beside what it serves, by path."""
    if isinstance(machine, GpuSpec):
        return {REGISTER_FILE: machine.core.sub_cores}
    return {}


def _core_buffers(machine: MachineSpec) -> dict[str, Banked]:
    """Buffers of one core, by path."""
    if isinstance(machine, GpuSpec):
        core = machine.core
        return {REGISTER_FILE: core.register_file, SHARED_MEMORY: core.shared_memory}
    assert isinstance(machine, NpuSpec)
    found: dict[str, Banked] = {SCRATCHPAD: machine.core.scratchpad}
    if machine.core.accumulator is not None:
        found[ACCUMULATOR] = machine.core.accumulator
    return found
