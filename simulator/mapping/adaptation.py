"""Operators that a matrix unit needs around a GEMM, put into the graph where it needs them.

A LUT tensor core takes tables instead of activations, and weights of odd integers. So
an element-wise operator makes tables in front of the GEMM (fused behind the operator
that makes the activations, where that can be), and weights of other integers, which
are rewritten as q = (q' - c) / 2 beforehand, have c · Σx taken off behind it. So have
weights with zero points on any unit that multiplies their codes. Σx of each row (and
group, where groups of k have scales of their own) is summed up for all columns at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.formats import choose_formats
from simulator.mapping.resources import Resources
from simulator.mapping.spec import MappingSpec
from simulator.numerics import format_named
from simulator.workload.graph import graph_of
from simulator.workload.operators import MatMul, Operator, Phase, Segment, Tensor, Vector

SUM_BITS = 32
"""Of the sum of a row of activations."""


@dataclass(frozen=True, slots=True)
class _Choice:
    """A unit, the weight format that its hardware sees, and whether Σx is to be taken off.

    rank: higher goes first: codes multiplied as they are, or rewritten beforehand; then
    those converted on the vector unit.
    """

    unit: MatrixUnit[Any]
    weight_format: str
    corrected: bool
    rank: int

    @property
    def preference(self) -> tuple[int, int]:
        """The larger, the better: rank, then peak."""
        return self.rank, self.unit.macs_per_cycle * self.unit.spec.count


def adapted(phase: Phase, resources: Resources, spec: MappingSpec) -> Phase:
    """The phase with the operators that the machine's matrix units need; else as it is."""
    segments = tuple(_Adapter(segment, resources, spec).segment() for segment in phase.segments)
    return replace(phase, segments=segments)


class _Adapter:
    """One segment's operators, one after the other."""

    def __init__(self, segment: Segment, resources: Resources, spec: MappingSpec) -> None:
        self.old, self.resources, self.spec = segment, resources, spec
        self.operators: list[Operator] = []
        self.tables: dict[tuple[str, str], Tensor] = {}

    def segment(self) -> Segment:
        """The segment with what had to be added."""
        for op in self.old.operators():
            choice = self._choose(op) if isinstance(op, MatMul) else None
            if choice is None or not isinstance(op, MatMul):
                self.operators.append(op)
            else:
                self._add(op, choice)
        return replace(self.old, graph=graph_of(self.operators))

    def _choose(self, op: MatMul) -> _Choice | None:
        """The unit to adapt to: the fastest of those that take the formats best."""
        choices = []
        for unit in self._units(op):
            for inputs, weights in unit.format_pairs:
                if inputs == op.input_format:
                    ways = _ways(op.weight_format, weights)
                    zero = op.zero_points and not unit.scales_weights
                    choices += [_Choice(unit, weights, way or zero, 1) for way in ways]
            converted = choose_formats(unit, op.input_format, op.weight_format)
            if converted is not None and converted.converted_bits:
                corrected = op.zero_points and not converted.scaled
                choices.append(_Choice(unit, op.weight_format, corrected, 0))
        return max(choices, key=lambda choice: choice.preference, default=None)

    def _units(self, op: MatMul) -> Sequence[MatrixUnit[Any]]:
        for pattern, fixed in self.spec.operators.items():
            if fixed.unit is not None and fnmatchcase(op.name, pattern):
                return [self.resources.matrix_units[self.resources.unit_index(fixed.unit)]]
        return self.resources.matrix_units

    def _add(self, op: MatMul, choice: _Choice) -> None:
        weight, activations, *others = op.inputs
        operand, prepared = activations, ""
        if choice.unit.preparation is not None:
            prepared = choice.unit.preparation.function
            operand = self._tables(op, activations, choice.unit)
        grouped = any(0 < op.weight_group < shape.k for shape in op.shapes)
        sums = [self._row_sums(op, activations)] if choice.corrected else []
        multiply = replace(
            op,
            inputs=(weight, operand, *others, *(sums if grouped else ())),
            weight_format=choice.weight_format,
            prepared=prepared,
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
        function, bits = unit.preparation.function, unit.preparation.bits_per_element
        key = (activations.name, function)
        if key not in self.tables:
            name = f"{op.name}_tables"
            self.tables[key] = Tensor(name, activations.elements, bits, "activation")
            made = (self.tables[key],)
            self.operators.append(
                Vector(name, (activations,), made, function, activations.elements)
            )
        return self.tables[key]

    def _row_sums(self, op: MatMul, activations: Tensor) -> Tensor:
        """Σx of every row, or of every group of it."""
        name = f"{op.name}_row_sums"
        rows = sum(
            shape.count * shape.m * -(-shape.k // (op.weight_group or shape.k))
            for shape in op.shapes
        )
        sums = Tensor(name, rows, SUM_BITS, "activation")
        self.operators.append(
            Vector(name, (activations,), (sums,), "row_sum", activations.elements)
        )
        return sums


def _ways(stored: str, taken: str) -> list[bool]:
    """Ways to take stored codes as another format: as they are (False), or corrected (True)."""
    if stored == taken:
        return [False]
    codes, wanted = format_named(stored), format_named(taken)
    integers = codes.kind == wanted.kind == "int" and codes.bits == wanted.bits
    if not integers or stored == "ternary_base3":  # five in a byte are not two bits each
        return []
    if wanted.step == 2:
        return [True] if codes.step == 1 else []
    return [False] if stored == "ternary" and wanted.signed else []
