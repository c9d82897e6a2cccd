"""What a LUT tensor core is made of, and when each part acts."""

from __future__ import annotations

from simulator.hardware.block_unit import Element, Trigger, adder, flip_flop, mux, operands
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.primitives import Primitive
from simulator.numerics import format_named
from simulator.numerics.tables import additions

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
    if spec.scale_bits:
        found |= operands("table.scale", Trigger.ROW, spec.scale_bits, 1, banks)
        # A scale is used when the codes of its table have gone through all stages.
        delay = Element(flip_flop(spec.scale_bits), Trigger.ROW, spec.pipeline_stages)
        found["table.scale.delay"] = delay
    if spec.symmetric and spec.index_negation == "circuit":
        negation = Element(Primitive("xor2", bits=1), Trigger.COLUMN_CYCLE, spec.depth - 1)
        found["weight.index_negation"] = negation
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
    if top_bit_is_negative:
        lane("sign", Primitive("xor2", bits=one))
    if is_float:
        exponents = Primitive("adder", formats=(f"int{EXPONENT_BITS}",))
        lane("exponent_adder", exponents, int(spec.weight_bits > 1))
    else:
        lane("shift_select", mux(wide), spec.weight_bits - 1)
    if spec.pipeline_stages == 2:
        lane("stage_register", flip_flop(wide))
    return found | _sums(spec)


def _sums(spec: LutTensorCoreSpec) -> dict[str, Element]:
    """What adds in a lane: sums of a step's bits and their scale, and the running sum."""
    when = Trigger.LANE_STEP if spec.scale_bits else Trigger.LANE_CYCLE
    sum_bits = format_named(spec.accumulator_format).bits
    several = int(spec.weight_bits > 1)
    found: dict[str, Element] = {}
    if spec.scale_bits:
        bits = spec.arithmetic.step_bits
        step = f"int{bits}"
        found["lane.step_adder"] = Element(adder(step), Trigger.LANE_CYCLE, several)
        found["lane.step_register"] = Element(flip_flop(bits), Trigger.LANE_CYCLE, 1)
        scale = Primitive("multiplier", formats=(step, str(spec.table_scale_format)))
        found["lane.scale_multiplier"] = Element(scale, when, 1)
    elif spec.partial_sums == "buffer":
        # The first bit is added to the sum from the buffer, the others to the lane's own.
        found["lane.sum_select"] = Element(mux(sum_bits), when, several)
    found["lane.adder"] = Element(adder(spec.accumulator_format), when, 1)
    found["lane.accumulator"] = Element(flip_flop(sum_bits), when, 1)
    return found
