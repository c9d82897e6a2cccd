"""What a LUT tensor core is made of, and when each part acts."""

from __future__ import annotations

from simulator.hardware.block_unit import Element, Trigger, adder, flip_flop, mux, operands
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.primitives import Primitive
from simulator.numerics import format_named
from simulator.numerics.lookup import additions

EXPONENT_BITS = 8
"""Of fp32; a plane's weight is added to the exponent of a float sum."""


def elements(spec: LutTensorCoreSpec) -> dict[str, Element]:
    """Everything in the unit, by path."""
    return {**_operands(spec), **_lane(spec)}


def _operands(spec: LutTensorCoreSpec) -> dict[str, Element]:
    banks = 2 if spec.double_buffer else 1
    inputs, weights = format_named(spec.input_format), spec.weight_bits
    found = operands("weight", Trigger.COLUMN, weights, spec.depth, banks)
    # Of W bits, one at a time: W - 1 two-way selections, once more to choose the bank.
    selections = spec.depth * (weights - 1)
    found["weight.bit_select"] = Element(mux(1), Trigger.COLUMN_CYCLE, selections)
    if spec.sums == "adders":
        return found | operands("input", Trigger.ROW, inputs.bits, spec.depth, banks)
    found |= operands("table", Trigger.ROW, spec.table_bits, spec.entries, banks)
    if spec.sums == "built_table":
        found["input.register"] = Element(flip_flop(inputs.bits), Trigger.ROW, spec.depth)
        adders = additions(spec.depth, spec.symmetric)
        found["table.adder"] = Element(adder(spec.table_format), Trigger.ROW, adders)
    return found


def _lane(spec: LutTensorCoreSpec) -> dict[str, Element]:
    is_float = format_named(spec.table_format).kind == "float"
    bits = spec.table_bits
    wide = bits if is_float else bits + spec.weight_bits - 1
    found: dict[str, Element] = {}

    def lane(path: str, primitive: Primitive, share: int = 1) -> None:
        found[f"lane.{path}"] = Element(primitive, Trigger.LANE_CYCLE, share)

    one = 1 if is_float else bits
    top_bit_is_negative = not spec.symmetric and format_named(spec.weight_format).signed
    if spec.sums == "adders":
        width = format_named(spec.input_format).bits
        if spec.symmetric:
            lane("sign", Primitive("xor2", bits=1 if is_float else width), spec.depth)
        else:
            lane("gate", Primitive("and2", bits=width), spec.depth)
        lane("sum_adder", adder(spec.table_format), spec.depth - 1)
    else:
        lane("table_select", mux(bits), spec.entries - 1)
        if spec.symmetric:
            lane("sign", Primitive("xor2", bits=one))
            if spec.index_negation == "circuit":
                lane("index_negation", Primitive("xor2", bits=1), spec.depth - 1)
    if top_bit_is_negative:
        lane("sign", Primitive("xor2", bits=one))
    if is_float:
        exponents = Primitive("adder", formats=(f"int{EXPONENT_BITS}",))
        lane("exponent_adder", exponents, int(spec.weight_bits > 1))
    else:
        lane("shift_select", mux(wide), spec.weight_bits - 1)
    if spec.pipeline_stages == 2:
        lane("stage_register", flip_flop(wide))
    lane("adder", adder(spec.accumulator_format))
    lane("accumulator", flip_flop(format_named(spec.accumulator_format).bits))
    return found
