"""What multiplies in a PE: a multiplier, or gated shifted copies and an adder tree.

shift_add: an activation of A bits (a float's significand) is gated by each of the W
bits of the weight, and the copies, shifted by wiring, are added in pairs: an adder of
A + 2^(l-1) bits on level l, since the bits that only one operand has pass by it. A
signed weight subtracts its top copy; a float's sign goes past, and the weight's
magnitude is taken first (MixPE, arXiv:2411.16158; for floats, where its circuit is not
published, an interpretation). A ternary weight gates and negates, and nothing is added.
"""

from __future__ import annotations

from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array.spec import SystolicArraySpec
from simulator.numerics import format_named

MULTIPLIER = "pe.multiplier"
SHIFT_ADD = "pe.shift_add"


def multiplier_parts(spec: SystolicArraySpec) -> dict[str, tuple[Primitive, int]]:
    """Primitives that form one product, and how many of each, by path."""
    if spec.multiplier == "array":
        formats = (spec.input_format, spec.weight_format)
        return {MULTIPLIER: (Primitive("multiplier", formats=formats), 1)}
    inputs, weights = format_named(spec.input_format), format_named(spec.weight_format)
    is_float = inputs.kind == "float"
    width = inputs.significand_bits if is_float else inputs.bits
    copies = 1 if spec.weight_format == "ternary" else weights.bits
    found = {f"{SHIFT_ADD}.gate": (Primitive("and2", bits=width), copies)}
    if is_float and weights.signed and copies > 1:
        found[f"{SHIFT_ADD}.magnitude"] = (_adder(weights.bits), 1)
    if is_float or weights.signed:
        found[f"{SHIFT_ADD}.sign"] = (Primitive("xor2", bits=1 if is_float else width), 1)
    level = 1
    while copies > 1:
        pairs = copies // 2
        found[f"{SHIFT_ADD}.adder_{level}"] = (_adder(width + 2 ** (level - 1)), pairs)
        copies -= pairs
        level += 1
    return found


def _adder(bits: int) -> Primitive:
    return Primitive("adder", formats=(f"int{bits}",))
