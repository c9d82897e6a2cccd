"""What a tensor core is made of, and when each part acts.

Sums of integers grow by a bit per level of the tree, and adders and registers there are
no wider than that: all that the accumulator's format holds fits them. Floats have the
accumulator's format from the product on.
"""

from __future__ import annotations

from itertools import accumulate

from simulator.hardware.block_unit import Element, Trigger, adder, flip_flop, operands
from simulator.hardware.dequantiser import SCALE, dequantiser, scale_register
from simulator.hardware.primitives import Primitive
from simulator.hardware.tensor_core.spec import TensorCoreSpec
from simulator.numerics import format_named
from simulator.numerics.accumulate import product_bits
from simulator.numerics.formats import ACCUMULATOR_WIDTHS


def elements(spec: TensorCoreSpec) -> dict[str, Element]:
    """Everything in the unit, by path."""
    banks = 2 if spec.double_buffer else 1
    inputs, weights = format_named(spec.input_format), format_named(spec.weight_format)
    return {
        **operands("input", Trigger.ROW, inputs.bits, spec.depth, banks),
        **operands("weight", Trigger.COLUMN, weights.bits, spec.depth, banks),
        **_edge(spec),
        **_lane(spec),
    }


def _edge(spec: TensorCoreSpec) -> dict[str, Element]:
    """Every weight that may enter in a cycle has a dequantiser, every column a scale."""
    found = {
        path: Element(primitive, Trigger.COLUMN, spec.depth)
        for path, primitive in dequantiser(spec.stored_weight_format, spec.weight_format).items()
    }
    if found:
        found[SCALE] = Element(scale_register(spec.weight_format), Trigger.SCALE, 1)
    return found


def _lane(spec: TensorCoreSpec) -> dict[str, Element]:
    found: dict[str, Element] = {}

    def lane(path: str, primitive: Primitive, share: int = 1) -> None:
        found[f"lane.{path}"] = Element(primitive, Trigger.LANE_CYCLE, share)

    lane(
        "multiplier",
        Primitive("multiplier", formats=(spec.input_format, spec.weight_format)),
        spec.depth,
    )
    for level in range(1, spec.tree_levels + 1):
        lane(
            f"tree_adder_{level}", adder(_format_of_sums(spec, level)), _words(spec, level - 1) // 2
        )
    for stage, level in enumerate(accumulate(spec.levels_per_stage[:-1]), start=1):
        lane(f"stage_register_{stage}", flip_flop(_bits_of_sums(spec, level)), _words(spec, level))
    lane("adder", adder(spec.accumulator_format))
    lane("accumulator", flip_flop(format_named(spec.accumulator_format).bits))
    return found


def _words(spec: TensorCoreSpec, level: int) -> int:
    """Sums that are left of K products behind so many levels of the tree."""
    return -(-spec.depth // (1 << level))


def _bits_of_sums(spec: TensorCoreSpec, level: int) -> int:
    """Bits of a sum behind so many levels; level 0 are products."""
    sums = format_named(spec.accumulator_format)
    if sums.kind == "float":
        return sums.bits
    pair = format_named(spec.input_format), format_named(spec.weight_format)
    return min(product_bits(*pair) + level, sums.bits)


def _format_of_sums(spec: TensorCoreSpec, level: int) -> str:
    """The narrowest format there is for a sum behind so many levels."""
    if format_named(spec.accumulator_format).kind == "float":
        return spec.accumulator_format
    bits = _bits_of_sums(spec, level)
    return f"int{next(width for width in ACCUMULATOR_WIDTHS if width >= bits)}"
