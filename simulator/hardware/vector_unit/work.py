"""Cycles and actions of vector functions: closed forms over elements and rows."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from simulator.config import CyclelabError, nearest
from simulator.hardware.primitives import Action, ActionCounts, Primitive
from simulator.hardware.vector_unit.spec import VectorFunctionSpec, VectorUnitSpec
from simulator.hardware.vector_unit.structure import lane_registers


@dataclass(frozen=True, slots=True)
class VectorWork:
    """`function` applied to `elements` output elements in `rows` rows."""

    function: str
    elements: int
    rows: int = 1


COMPOSED = {
    "softcap": ("multiply", "silu"),
    "capped_softmax": ("multiply", "silu", "softmax"),
}
"""Functions that cost what others do one behind the other, on units that do not list them.

A soft cap is c·tanh(x/c) = 2c·sigmoid(2x/c) - c: the argument is scaled, and a SiLU, which is
x·sigmoid(x), has all the rest, but that its last multiplication is a multiply-add here.
"""


def function_named(spec: VectorUnitSpec, name: str) -> VectorFunctionSpec:
    """Cost of a function, or of those it is composed of.

    Raises CyclelabError when the unit lacks it.
    """
    try:
        return spec.functions[name]
    except KeyError:
        if name in COMPOSED:
            return _one_behind_the_other(*(function_named(spec, part) for part in COMPOSED[name]))
        hint = nearest(name, spec.functions)
        raise CyclelabError(
            f"the vector unit has no function {name!r}; it has: {', '.join(sorted(spec.functions))}"
            + (f"; did you mean {hint!r}?" if hint else "")
        ) from None


@lru_cache(maxsize=64)
def _one_behind_the_other(*functions: VectorFunctionSpec) -> VectorFunctionSpec:
    def total(key: str) -> float:
        return float(sum(Fraction(str(getattr(function, key))) for function in functions))

    return VectorFunctionSpec(
        cycles_per_element=total("cycles_per_element"),
        multiplies=total("multiplies"),
        adds=total("adds"),
        row_latency_cycles=sum(function.row_latency_cycles for function in functions),
    )


def vector_cycles(spec: VectorUnitSpec, work: Iterable[VectorWork]) -> int:
    """Issue cycles of the vector unit: per function, elements x cost / lanes, plus rows."""
    total = 0
    for item in work:
        function = function_named(spec, item.function)
        cycles, of_elements = _exactly(function.cycles_per_element)
        issued = -(-cycles * item.elements // (of_elements * spec.lanes))
        total += issued + item.rows * function.row_latency_cycles
    return total


@lru_cache(maxsize=1024)
def _exactly(number: float) -> tuple[int, int]:
    """Numerator and denominator of a number as it was written."""
    return Fraction(str(number)).as_integer_ratio()


def vector_actions(spec: VectorUnitSpec, work: Iterable[VectorWork], path: str) -> ActionCounts:
    """Lane multiplies and adds, and one write of a lane's registers per issue slot.

    path: the unit's place in the machine.
    """
    multiply, add, registers = _lane_actions(spec.format, lane_registers(spec), path)
    counts = ActionCounts()
    for item in work:
        function = function_named(spec, item.function)
        counts.add(multiply, math.ceil(function.multiplies * item.elements))
        counts.add(add, math.ceil(function.adds * item.elements))
        counts.add(registers, lane_slots(spec, item))
    return counts


@lru_cache(maxsize=64)
def _lane_actions(
    number_format: str, registers: Primitive, path: str
) -> tuple[Action, Action, Action]:
    """A multiply, an add and a write of the registers of a lane."""
    return (
        Action(f"{path}.lane.multiplier", Primitive("multiplier", (number_format,) * 2)),
        Action(f"{path}.lane.adder", Primitive("adder", (number_format,))),
        Action(f"{path}.lane.registers", registers, "write"),
    )


def lane_slots(spec: VectorUnitSpec, item: VectorWork) -> int:
    """Issue slots of lanes that some work takes."""
    function = function_named(spec, item.function)
    cycles, of_elements = _exactly(function.cycles_per_element)
    return -(-cycles * item.elements // of_elements)
