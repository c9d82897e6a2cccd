"""Operators that a matrix unit needs around a GEMM, put into the graph where it needs them.

A LUT tensor core takes tables instead of activations, and weights of odd integers. So
an element-wise operator makes tables in front of the GEMM (fused behind the operator
that makes the activations, where that can be), and weights of other integers, which
are rewritten as q = (q' - c) / 2 beforehand, have c · Σx taken off behind it. So have
unsigned weights on units that take signed ones, rewritten as q = q' - c, and weights
with zero points on any unit that multiplies their codes. Σx of each row (and
group, where groups of k have scales of their own) is summed up for all columns at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from fractions import Fraction
from operator import is_
from typing import Any

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import MatrixUnit, Tile
from simulator.hardware.vector_unit.work import VectorWork, vector_cycles
from simulator.mapping.errors import FixedChoiceError, NoLinksError
from simulator.mapping.formats import choose_formats, taken_as
from simulator.mapping.resources import Resources
from simulator.mapping.spec import MappingSpec
from simulator.mapping.tiling import gang_interval
from simulator.workload.bits import Bits, bits_each
from simulator.workload.graph import graph_of
from simulator.workload.operators import (
    Collective,
    MatMul,
    Operator,
    Phase,
    Segment,
    Tensor,
    Vector,
)

SUM_BITS = 32
"""Of the sum of a row of activations."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """A unit (by index), the weight format that its hardware sees, and what it needs.

    shifted, converted: whether codes are rewritten beforehand, or on the way there.
    corrected: whether Σx is to be taken off. scaled: whether weights are multiplied by
        their scales, so that sums need not be. cycles: roughly what the operator takes.
    """

    unit: int
    weight_format: str
    shifted: bool
    converted: bool
    corrected: bool
    scaled: bool
    prepared: bool
    cycles: int

    @property
    def is_plain(self) -> bool:
        """Whether the graph may stay as it is."""
        return not (self.shifted or self.corrected or self.prepared)


def adapted(phase: Phase, resources: Resources[Any], spec: MappingSpec) -> Phase:
    """The phase with the operators that the machine's matrix units need; else as it is.

    Raises NoLinksError for collectives on a machine without links.
    """

    def adapt(segments: Sequence[Segment]) -> tuple[Segment, ...]:
        found = (_Adapter(segment, resources, spec).segment() for segment in segments)
        return tuple(segment for segment in found if len(segment.graph))

    return replace(phase, segments=adapt(phase.segments), parts=tuple(map(adapt, phase.parts)))


class _Adapter:
    """One segment's operators, one after the other."""

    def __init__(self, segment: Segment, resources: Resources[Any], spec: MappingSpec) -> None:
        self.old, self.resources, self.spec = segment, resources, spec
        self.operators: list[Operator] = []
        self.tables: dict[tuple[str, str, Bits], Tensor] = {}

    def segment(self) -> Segment:
        """The segment with what had to be added; itself if that is nothing."""
        before = self.old.operators()
        for op in before:
            if isinstance(op, Collective) and self._is_free(op):
                continue
            choice = self._choose(op) if isinstance(op, MatMul) else None
            if choice is None or not isinstance(op, MatMul):
                self.operators.append(op)
            else:
                self._add(op, choice)
        if len(before) == len(self.operators) and all(map(is_, before, self.operators)):
            return self.old
        return replace(self.old, graph=graph_of(self.operators))

    def _is_free(self, op: Collective) -> bool:
        """Whether a collective takes no time: then what it is made of is what it makes.

        Raises NoLinksError if it takes some, but the machine has no links.
        """
        if self.spec.collectives == "counted":
            if self.resources.machine.links is None:
                raise NoLinksError(self.resources.machine.name, op.name)
            return False
        if op.function == "send":
            return True
        share, whole = op.inputs[0].name, op.outputs[0].name
        self.operators = [_renamed(each, share, whole) for each in self.operators]
        return True

    def _choose(self, op: MatMul) -> _Choice | None:
        """The unit to adapt to, the one that ought to be fastest; None for no adaptation.

        Of equal ones, one that takes weights as they are: to convert them takes room as well.
        Where no unit needs any, the planner tries them all and decides.
        """
        choices = [c for index in self._units(op) for c in self._choices(op, index)]
        if all(choice.is_plain for choice in choices):
            return None
        return min(choices, key=lambda choice: (choice.cycles, choice.converted))

    def _units(self, op: MatMul) -> Sequence[int]:
        for pattern, fixed in self.spec.operators.items():
            if fixed.unit is not None and fnmatchcase(op.name, pattern):
                try:
                    return self.resources.units_named(fixed.unit)
                except CyclelabError as error:
                    raise FixedChoiceError(pattern, "unit", str(error)) from None
        return range(len(self.resources.matrix_units))

    def _choices(self, op: MatMul, index: int) -> Iterator[_Choice]:
        """Ways in which a unit takes an operator's formats."""
        unit = self.resources.matrix_units[index]
        for inputs, weights in unit.format_pairs:
            taken = taken_as(op.weight_format, weights) if inputs == op.input_format else None
            if taken is None:
                continue
            scaled, shifted = unit.scales_weights, taken == "shifted"
            # Zero points are the unit's own business if scales are, and hold what is shifted.
            corrected = shifted and not op.zero_points if scaled else shifted or op.zero_points
            cycles = self._cycles(op, unit, corrected, scaled, False)
            prepared = unit.preparation is not None
            yield _Choice(index, weights, shifted, False, corrected, scaled, prepared, cycles)
        converted = choose_formats(unit, op.input_format, op.weight_format)
        if converted is not None and converted.converted_bits:
            scaled, weights = converted.scaled, op.weight_format
            corrected = op.zero_points and not scaled
            cycles = self._cycles(op, unit, corrected, scaled, True)
            prepared = unit.preparation is not None
            yield _Choice(index, weights, False, True, corrected, scaled, prepared, cycles)

    def _cycles(
        self, op: MatMul, unit: MatrixUnit[Any], corrected: bool, scaled: bool, converts: bool
    ) -> int:
        """The longer of products and vector work, each at best."""
        products = 0
        work: list[VectorWork] = []
        for shape in op.shapes:
            outputs = shape.count * shape.m * shape.n
            products += shape.count * gang_interval(unit, Tile(shape.m, shape.n, shape.k))
            group = 0 if scaled else op.group_of(shape.k)
            groups = -(-shape.k // group) if group else 0
            work.append(VectorWork("scale_add", outputs * (groups + corrected * max(1, groups))))
            work.append(VectorWork("row_sum", corrected * shape.count * shape.m * shape.k))
            if unit.preparation is not None:
                elements = shape.count * shape.m * shape.k
                work.append(VectorWork(unit.preparation.function, elements))
            if converts:
                work.append(VectorWork("dequantise", shape.count * shape.k * shape.n))
        r = self.resources
        vector = vector_cycles(r.core.vector_unit, [each for each in work if each.elements])
        return max(products, vector * r.vector_period_fs // r.period_fs)

    def _add(self, op: MatMul, choice: _Choice) -> None:
        weight, activations, *others = op.inputs
        unit = self.resources.matrix_units[choice.unit]
        operand = self._tables(op, activations, unit) if choice.prepared else activations
        grouped = not choice.scaled and any(op.group_of(s.k) for s in op.shapes)
        sums = [self._row_sums(op, activations)] if choice.corrected else []
        multiply = replace(
            op,
            inputs=(weight, operand, *others, *(sums if grouped else ())),
            weight_format=choice.weight_format,
            unit=choice.unit,
            corrected=choice.corrected,
        )
        if not sums or grouped:  # sums of groups are corrected one by one
            self.operators.append(multiply)
            return
        raw = tuple(
            Tensor(f"{t.name}_uncorrected", t.elements, t.bits_per_element, "activation")
            for t in op.outputs
        )
        self.operators.append(replace(multiply, outputs=raw))
        elements = sum(tensor.elements for tensor in raw)
        self.operators.append(
            Vector(f"{op.name}_correction", (*raw, *sums), op.outputs, "scale_add", elements)
        )

    def _tables(self, op: MatMul, activations: Tensor, unit: MatrixUnit[Any]) -> Tensor:
        """The tables of an operand, made once for all that read them."""
        assert unit.preparation is not None
        function, filled_up = unit.preparation.function, _filled_up(op, unit.granularity.k)
        exact = unit.preparation.bits_per_element * filled_up
        bits = bits_each(exact.numerator, exact.denominator)
        key = (activations.name, function, bits)
        if key not in self.tables:
            name = f"{op.name}_tables"
            self.tables[key] = Tensor(name, activations.elements, bits, "activation")
            made, elements = (self.tables[key],), round(activations.elements * filled_up)
            alone = self.spec.tables == "separate"
            self.operators.append(
                Vector(name, (activations,), made, function, elements, alone=alone)
            )
        return self.tables[key]

    def _row_sums(self, op: MatMul, activations: Tensor) -> Tensor:
        """Σx of every row, or of every group of it."""
        name = f"{op.name}_row_sums"
        rows = sum(
            shape.count * shape.m * -(-shape.k // (op.group_of(shape.k) or shape.k))
            for shape in op.shapes
        )
        sums = Tensor(name, rows, SUM_BITS, "activation")
        self.operators.append(
            Vector(name, (activations,), (sums,), "row_sum", activations.elements)
        )
        return sums


def _filled_up(op: MatMul, depth: int) -> Fraction:
    """Elements of k with each group (or all of k) filled up to whole tables, over k."""
    filled = total = 0
    for shape in op.shapes:
        group = op.group_of(shape.k) or shape.k
        whole, rest = divmod(shape.k, group)
        rows = shape.count * shape.m
        filled += rows * depth * (whole * -(-group // depth) + -(-rest // depth))
        total += rows * shape.k
    return Fraction(filled, total)


def _renamed(op: Operator, old: str, new: str) -> Operator:
    """The operator with an output of another name."""
    outputs = (replace(t, name=new) if t.name == old else t for t in op.outputs)
    return replace(op, outputs=tuple(outputs))
