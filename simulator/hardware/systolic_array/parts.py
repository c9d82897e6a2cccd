"""What a systolic array is made of. Paths here are those that actions name, too.

Operands, sums and the registers that hold them are counted; control (valid
bits, counters, clock gates) is not.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.hardware.dequantiser import SCALE, dequantiser, scale_register
from simulator.hardware.primitives import Part, Primitive
from simulator.hardware.systolic_array.multipliers import MULTIPLIERS, Parts
from simulator.hardware.systolic_array.spec import SystolicArraySpec
from simulator.numerics import NumberFormat, format_named

ADDER = "pe.adder"
ACCUMULATOR = "pe.accumulator"
SHADOW = "pe.shadow_output"
EDGE_ADDER = "edge.adder"


@dataclass(frozen=True, slots=True)
class OperandPaths:
    """Paths of the operand that enters from the left, or from the top.

    bits: of a word. skew: delay lines at the edge. register: the PE's register.
    """

    name: str
    bits: int

    @property
    def skew(self) -> str:
        """Delay lines (and input register) at the edge."""
        return f"skew.{self.name}"

    @property
    def register(self) -> str:
        """The operand's register in each PE."""
        return f"pe.{self.name}_register"


def row_operand(spec: SystolicArraySpec) -> OperandPaths:
    """The operand that enters from the left and moves along the rows."""
    return _operand(spec, "weight" if spec.dataflow == "input_stationary" else "input")


def column_operand(spec: SystolicArraySpec) -> OperandPaths:
    """The operand that enters from the top: the stationary one, if an operand stays."""
    return _operand(spec, "input" if spec.dataflow == "input_stationary" else "weight")


def _operand(spec: SystolicArraySpec, name: str) -> OperandPaths:
    bits = MULTIPLIERS[spec.multiplier].register_bits(_formats(spec)[name])
    return OperandPaths(name, bits)


def _formats(spec: SystolicArraySpec) -> dict[str, NumberFormat]:
    """Formats that are multiplied, by operand."""
    return {"input": format_named(spec.input_format), "weight": format_named(spec.weight_format)}


def multiplier(spec: SystolicArraySpec) -> Parts:
    """What forms one product: primitives, and how many of each, by path."""
    formats = _formats(spec)
    return MULTIPLIERS[spec.multiplier].parts(formats["input"], formats["weight"])


def primitives(spec: SystolicArraySpec) -> dict[str, Primitive]:
    """Primitive at each path that can act, but for what multiplies."""
    sums = Primitive("flip_flop", bits=format_named(spec.accumulator_format).bits)
    adder = Primitive("adder", formats=(spec.accumulator_format,))
    found = {
        ADDER: adder,
        ACCUMULATOR: sums,
    }
    for operand in (row_operand(spec), column_operand(spec)):
        register = Primitive("flip_flop", bits=operand.bits)
        found[operand.register] = register
        found[operand.skew] = register
    if spec.dataflow == "output_stationary" and spec.double_buffer:
        found[SHADOW] = sums
    if adds_at_edge(spec):
        found[EDGE_ADDER] = adder
    for entrance in entrances(spec).values():
        found |= entrance
    return found


def entrances(spec: SystolicArraySpec) -> dict[str, dict[str, Primitive]]:
    """What every word that enters goes through, by operand and path."""
    found = {"input": {}, "weight": dequantiser(spec.stored_weight_format, spec.weight_format)}
    for operand, number_format in _formats(spec).items():
        decoder = MULTIPLIERS[spec.multiplier].decoder(number_format)
        found[operand] |= {f"edge.{operand}_decoder.{name}": p for name, p in decoder.items()}
    return found


def adds_at_edge(spec: SystolicArraySpec) -> bool:
    """Whether sums of earlier folds or tiles are added as outputs leave, per column.

    With parallel ports they are put back into the PEs instead, as first addends.
    """
    return spec.dataflow != "output_stationary" or spec.drain == "serial"


def columns_are_skewed(spec: SystolicArraySpec) -> bool:
    """Whether what enters from the top is delayed by column.

    A load that has the array to itself needs no skew: all columns shift at once.
    """
    return spec.dataflow == "output_stationary" or spec.double_buffer


def structure(spec: SystolicArraySpec) -> tuple[Part, ...]:
    """Parts of one array."""
    pes = spec.rows * spec.columns
    row, column = row_operand(spec), column_operand(spec)
    stationary_operand = spec.dataflow != "output_stationary"
    edge = int(spec.input_register)
    skewed = columns_are_skewed(spec)
    counts = {
        ADDER: pes,
        ACCUMULATOR: pes,
        row.register: pes,
        column.register: pes * (2 if stationary_operand and spec.double_buffer else 1),
        row.skew: _triangle(spec.rows) + edge * spec.rows,
        column.skew: skewed * _triangle(spec.columns) + edge * spec.columns,
        SHADOW: pes,
        EDGE_ADDER: spec.columns,
    }
    lanes = {row.name: spec.rows, column.name: spec.columns}
    for operand, entrance in entrances(spec).items():
        counts |= dict.fromkeys(entrance, lanes[operand])
    parts = [
        Part(path, primitive, pes * share) for path, (primitive, share) in multiplier(spec).items()
    ]
    parts += [Part(path, primitive, counts[path]) for path, primitive in primitives(spec).items()]
    sums = Primitive("mux2", bits=format_named(spec.accumulator_format).bits)
    if stationary_operand and spec.double_buffer:
        select = Primitive("mux2", bits=column.bits)
        parts.append(Part("pe.bank_select", select, pes))
    if not stationary_operand and spec.drain == "serial":
        # A register takes the PE's own sum or the one above.
        parts.append(Part("pe.drain_select", sums, pes))
    if spec.stored_weight_format is not None:
        parts.append(Part(SCALE, scale_register(spec.weight_format), lanes["weight"]))
    if adds_at_edge(spec) and spec.edge == "true_size":
        # Each column's output is taken from any of its rows.
        parts.append(Part("edge.tap", sums, (spec.rows - 1) * spec.columns))
    return tuple(part for part in parts if part.count)


def _triangle(side: int) -> int:
    return side * (side - 1) // 2
