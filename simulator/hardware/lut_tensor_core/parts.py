"""What a LUT tensor core is made of, and when each part acts.

One table serves both: a part's share per row, column or lane gives the structure, and
what makes it act gives the actions. Control (counters, valid bits) is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.primitives import Action, Part, Primitive
from simulator.numerics import format_named
from simulator.numerics.tables import additions

EXPONENT_BITS = 8
"""Of fp32; a plane's weight is added to the exponent of a float sum."""


class Trigger(Enum):
    """What makes a part act: operands of a step arriving, or a bit of weights served."""

    ROW = "operands of a row of activations arrive"
    COLUMN = "operands of a column of weights arrive"
    COLUMN_BIT = "a bit of a column's weights is served"
    LANE_BIT = "a lane meets a bit of its weights"
    LANE_STEP = "a lane has met all bits of its weights"


@dataclass(frozen=True, slots=True)
class Element:
    """`share` copies of a primitive per row, column or lane; banks: sets of them."""

    primitive: Primitive
    trigger: Trigger
    share: int
    banks: int = 1

    @property
    def verb(self) -> str:
        """What it does: registers are written, all else operates."""
        return "write" if self.primitive.kind == "flip_flop" else "operate"


def elements(spec: LutTensorCoreSpec) -> dict[str, Element]:
    """Everything in the unit, by path."""
    found = {**_operands(spec), **_lane(spec)}
    return {path: element for path, element in found.items() if element.share}


def _operands(spec: LutTensorCoreSpec) -> dict[str, Element]:
    banks = 2 if spec.double_buffer else 1
    inputs, weights = format_named(spec.input_format), spec.weight_bits
    found = {
        "weight.register": Element(_flip_flop(weights), Trigger.COLUMN, spec.depth, banks),
        # Of W bits, one at a time: W - 1 two-way selections, once more to choose the bank.
        "weight.bit_select": Element(_mux(1), Trigger.COLUMN_BIT, spec.depth * (weights - 1)),
        "weight.bank_select": Element(_mux(weights), Trigger.COLUMN, spec.depth * (banks - 1)),
    }

    def row(path: str, bits: int, share: int) -> None:
        """Registers of what all lanes of a row meet, and the selection of their bank."""
        found[f"{path}.register"] = Element(_flip_flop(bits), Trigger.ROW, share, banks)
        found[f"{path}.bank_select"] = Element(_mux(bits), Trigger.ROW, share * (banks - 1))

    if spec.sums == "adders":
        row("input", inputs.bits, spec.depth)
        return found
    row("table", spec.table_bits, spec.entries)
    if spec.scale_bits:
        row("table.scale", spec.scale_bits, 1)
        # A scale is used when the codes of its table have gone through all stages.
        delay = Element(_flip_flop(spec.scale_bits), Trigger.ROW, spec.pipeline_stages)
        found["table.scale.delay"] = delay
    if spec.symmetric and spec.index_negation == "circuit":
        negation = Element(Primitive("xor2", bits=1), Trigger.COLUMN_BIT, spec.depth - 1)
        found["weight.index_negation"] = negation
    if spec.sums == "built_table":
        found["input.register"] = Element(_flip_flop(inputs.bits), Trigger.ROW, spec.depth)
        adders = additions(spec.depth, spec.symmetric)
        found["table.adder"] = Element(_adder(spec.table_format), Trigger.ROW, adders)
    return found


def _lane(spec: LutTensorCoreSpec) -> dict[str, Element]:
    is_float = format_named(spec.table_format).kind == "float"
    bits = spec.table_bits
    wide = bits if is_float else bits + spec.weight_bits - 1
    found: dict[str, Element] = {}

    def lane(path: str, primitive: Primitive, share: int = 1) -> None:
        found[f"lane.{path}"] = Element(primitive, Trigger.LANE_BIT, share)

    one = 1 if is_float else bits
    top_bit_is_negative = not spec.symmetric and format_named(spec.weight_format).signed
    if spec.sums == "adders":
        width = format_named(spec.input_format).bits
        if spec.symmetric:
            lane("sign", Primitive("xor2", bits=1 if is_float else width), spec.depth)
        else:
            lane("gate", Primitive("and2", bits=width), spec.depth)
        lane("sum_adder", _adder(spec.table_format), spec.depth - 1)
    else:
        lane("table_select", _mux(bits), spec.entries - 1)
        if spec.symmetric:
            lane("sign", Primitive("xor2", bits=one))
    if top_bit_is_negative:
        lane("sign", Primitive("xor2", bits=one))
    if is_float:
        exponents = Primitive("adder", formats=(f"int{EXPONENT_BITS}",))
        lane("exponent_adder", exponents, int(spec.weight_bits > 1))
    else:
        lane("shift_select", _mux(wide), spec.weight_bits - 1)
    if spec.pipeline_stages == 2:
        lane("stage_register", _flip_flop(wide))
    return found | _sums(spec)


def _sums(spec: LutTensorCoreSpec) -> dict[str, Element]:
    """What adds in a lane: sums of a step's bits and their scale, and the running sum."""
    when = Trigger.LANE_STEP if spec.scale_bits else Trigger.LANE_BIT
    sum_bits = format_named(spec.accumulator_format).bits
    found: dict[str, Element] = {}
    if spec.scale_bits:
        step = f"int{spec.arithmetic.step_bits}"
        found["lane.step_adder"] = Element(
            _adder(step), Trigger.LANE_BIT, int(spec.weight_bits > 1)
        )
        register = _flip_flop(spec.arithmetic.step_bits)
        found["lane.step_register"] = Element(register, Trigger.LANE_BIT, 1)
        scale = Primitive("multiplier", formats=(step, str(spec.table_scale_format)))
        found["lane.scale_multiplier"] = Element(scale, when, 1)
    elif spec.partial_sums == "buffer":
        # The first bit is added to the sum from the buffer, the others to the lane's own.
        found["lane.sum_select"] = Element(_mux(sum_bits), when, int(spec.weight_bits > 1))
    found["lane.adder"] = Element(_adder(spec.accumulator_format), when, 1)
    found["lane.accumulator"] = Element(_flip_flop(sum_bits), when, 1)
    return found


def structure(spec: LutTensorCoreSpec) -> tuple[Part, ...]:
    """Parts of one unit."""
    copies = {
        Trigger.ROW: spec.rows,
        Trigger.COLUMN: spec.columns,
        Trigger.COLUMN_BIT: spec.columns,
        Trigger.LANE_BIT: spec.rows * spec.columns,
        Trigger.LANE_STEP: spec.rows * spec.columns,
    }
    return tuple(
        Part(path, each.primitive, copies[each.trigger] * each.share * each.banks)
        for path, each in elements(spec).items()
    )


def actions(spec: LutTensorCoreSpec) -> dict[Trigger, list[tuple[Action, int]]]:
    """What happens on each trigger, and how often, for one row, column or lane."""
    found: dict[Trigger, list[tuple[Action, int]]] = {trigger: [] for trigger in Trigger}
    for path, each in elements(spec).items():
        found[each.trigger].append((Action(path, each.primitive, each.verb), each.share))
    return found


def _flip_flop(bits: int) -> Primitive:
    return Primitive("flip_flop", bits=bits)


def _mux(bits: int) -> Primitive:
    return Primitive("mux2", bits=bits)


def _adder(format_name: str) -> Primitive:
    return Primitive("adder", formats=(format_name,))
