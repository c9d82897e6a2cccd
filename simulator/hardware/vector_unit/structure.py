"""What a vector unit is made of: per lane one fused multiply-add and its registers."""

from __future__ import annotations

from simulator.hardware.primitives import Part, Primitive
from simulator.hardware.vector_unit.spec import VectorUnitSpec
from simulator.numerics import format_named

REGISTERS_PER_LANE = 4
"""Words of the lane's format: the three operands of `a * b + c` and its result."""


def lane_registers(spec: VectorUnitSpec) -> Primitive:
    """Return the operand and result registers of one lane, as one bank."""
    return Primitive("flip_flop", bits=REGISTERS_PER_LANE * format_named(spec.format).bits)


def vector_unit_parts(spec: VectorUnitSpec, path: str) -> tuple[Part, ...]:
    """Return the lanes' parts, at the paths that `vector_actions` counts at.

    A register file, the permutation network and tables for special functions are
    not in it. Raises CyclelabError for an unknown format.
    """
    lane = f"{path}.lane"
    return (
        Part(f"{lane}.multiplier", Primitive("multiplier", (spec.format,) * 2), spec.lanes),
        Part(f"{lane}.adder", Primitive("adder", (spec.format,)), spec.lanes),
        Part(f"{lane}.registers", lane_registers(spec), spec.lanes),
    )
