"""What a machine costs: area by component, power when it idles, and moving a byte."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from simulator.cost.area import area
from simulator.cost.dram import read_pj_per_bit, write_pj_per_bit
from simulator.cost.energy import static_power_w
from simulator.cost.estimate import ZERO, Estimate
from simulator.cost.floorplan import Floorplan, floorplan, wire_energy_j
from simulator.cost.logic import BITS_PER_BYTE
from simulator.cost.technology import Technology
from simulator.hardware.bill import MEMORY, VECTOR_UNIT
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.machine import MachineSpec
from simulator.hardware.primitives import Part, Primitive

PJ_PER_J = 1e12


@dataclass(frozen=True, slots=True)
class MoveCost:
    """Energy of a byte at a level of the memory: out of it, into it, and on the way.

    wires_pj_per_byte: of either. what: a bank in words, or the device.
    """

    path: str
    what: str
    count: int
    read_pj_per_byte: Estimate
    write_pj_per_byte: Estimate
    wires_pj_per_byte: Estimate


@dataclass(frozen=True, slots=True)
class MachineCost:
    """One machine.

    static_w: leakage, and background power of an ideal memory; a memory of commands has
        its own. vector_pj: one multiply-add of a lane, and its registers.
    """

    area_by_component: Mapping[str, Estimate]
    static_w: Estimate
    moves: tuple[MoveCost, ...]
    vector_pj: Estimate


def machine_cost(machine: MachineSpec, technology: Technology) -> MachineCost:
    """Price a machine; raises as `Technology` does."""
    parts = machine.parts()
    areas = area(parts, technology)
    plan = floorplan(areas, machine.cores, machine.buffer_pieces())
    buffers = [part for part in parts if part.primitive.kind == "sram"]
    moves = [_buffer(part, plan, technology) for part in buffers]
    installed: tuple[Part, ...] = ()
    if not isinstance(machine.memory, DramMemorySpec):
        capacity = machine.memory.capacity_bytes
        memory = Primitive("dram", device=machine.memory.device_name, capacity_bytes=capacity)
        installed = (Part(MEMORY, memory, 1),)
    return MachineCost(
        area_by_component=areas,
        static_w=static_power_w((*parts, *installed), technology),
        moves=(*moves, _memory(machine, plan, technology)),
        vector_pj=_vector(parts, technology),
    )


def _buffer(part: Part, plan: Floorplan, technology: Technology) -> MoveCost:
    bank = part.primitive
    share = BITS_PER_BYTE / bank.bits
    return MoveCost(
        path=part.path,
        what=bank.describe(),
        count=part.count,
        read_pj_per_byte=technology.action_energy_pj(bank, "read").scaled(share),
        write_pj_per_byte=technology.action_energy_pj(bank, "write").scaled(share),
        wires_pj_per_byte=_wires(plan.lengths_mm[part.path], technology),
    )


def _memory(machine: MachineSpec, plan: Floorplan, technology: Technology) -> MoveCost:
    """Main memory, whole rows at a time where it is priced by commands."""
    memory = machine.memory
    if isinstance(memory, DramMemorySpec):
        per_bit = read_pj_per_bit(memory.device), write_pj_per_bit(memory.device)
        both = per_bit[0].scaled(BITS_PER_BYTE), per_bit[1].scaled(BITS_PER_BYTE)
    else:
        device = Primitive("dram", device=memory.device_name)
        both = (
            technology.action_energy_pj(device, "read"),
            technology.action_energy_pj(device, "write"),
        )
    wires = _wires(plan.memory_mm, technology)
    return MoveCost(MEMORY, memory.device_name, 1, *both, wires)


def _wires(length_mm: float, technology: Technology) -> Estimate:
    return wire_energy_j(BITS_PER_BYTE * length_mm, technology).scaled(PJ_PER_J)


def _vector(parts: tuple[Part, ...], technology: Technology) -> Estimate:
    total = ZERO
    for part in parts:
        if part.path.startswith(VECTOR_UNIT):
            verb = "write" if part.primitive.kind == "flip_flop" else "operate"
            total = total + technology.action_energy_pj(part.primitive, verb)
    return total
