"""How a tensor is quantised: format of its codes, who shares a scale, bits it takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from simulator.config import CyclelabError, nearest
from simulator.numerics.formats import NumberFormat, format_named

Granularity = Literal["tensor", "channel", "group"]
ScaleRule = Literal["largest", "mean_magnitude", "power_of_two"]
Rounding = Literal["half_even", "half_away", "toward_zero"]

POWER_OF_TWO = "e8m0"
"""Scale format of 8 bits: powers of two from 2^-127 to 2^127 (OCP Microscaling 1.0)."""
SCALE_BITS = {POWER_OF_TWO: 8, "fp8_e4m3": 8, "fp16": 16, "bf16": 16, "fp32": 32}


CHOICES: dict[str, tuple[str | None, ...]] = {
    "granularity": get_args(Granularity),
    "rule": get_args(ScaleRule),
    "rounding": get_args(Rounding),
    "scale": (*SCALE_BITS,),
    "tensor_scale": (None, *(name for name in SCALE_BITS if name != POWER_OF_TWO)),
}


def _check_choice(name: str, found: object) -> None:
    if found not in CHOICES[name]:
        known = [str(each) for each in CHOICES[name] if each is not None]
        near = nearest(str(found), known)
        raise CyclelabError(
            f"{name}: found {found!r}, expected one of {', '.join(known)}"
            + (f"; did you mean {near!r}?" if near else "")
        )


@dataclass(frozen=True)
class Scheme:
    """Quantisation of a tensor whose groups lie along its axis of reduction.

    element: format of the codes. granularity: one scale per tensor, per channel (all
        of the reduction axis), or per `group_size` elements of it; the last group may
        be shorter.
    scale, tensor_scale: formats of scales, and of one more for the whole tensor.
    zero_point: format of the codes that stand for 0; None where 0 is code 0 (or, of
        bipolar codes, in the middle). With one, codes are unsigned.
    rule: a scale maps the largest magnitude onto the largest code; or is the mean
        magnitude (BitNet b1.58, arXiv:2402.17764, equation 1); or is the power of two
        of the largest magnitude's exponent less that of the largest code (OCP
        Microscaling 1.0, section 6.3).
    rounding: of values over scale to codes; floats always round half to even.
    """

    element: str
    granularity: Granularity = "channel"
    group_size: int = 0
    scale: str = "fp32"
    tensor_scale: str | None = None
    zero_point: str | None = None
    rule: ScaleRule = "largest"
    rounding: Rounding = "half_even"

    def __post_init__(self) -> None:
        element = format_named(self.element)
        for name in ("granularity", "rule", "rounding", "scale", "tensor_scale"):
            _check_choice(name, getattr(self, name))
        if type(self.group_size) is not int or self.group_size < 0:
            raise CyclelabError(f"group_size: found {self.group_size!r}, expected a whole number")
        if (self.granularity == "group") != (self.group_size > 0):
            raise CyclelabError(
                f"a group_size of {self.group_size} with a scale per {self.granularity}: "
                "a size of at least 1 goes with 'group', and only with it"
            )
        if self.rule == "power_of_two" and self.scale != POWER_OF_TWO:
            raise CyclelabError(f"scales that are powers of two are stored as {POWER_OF_TWO}")
        if element.kind == "int" and element.maximum < 1:
            raise CyclelabError(f"{self.element} has no code above zero to bring a value to")
        if self.tensor_scale is not None and (
            self.rule != "largest" or self.scale == POWER_OF_TWO or self.granularity == "tensor"
        ):
            raise CyclelabError(
                "a tensor_scale goes with the rule 'largest' and scales in a float format per "
                "group or channel"
            )
        if self.zero_point is not None:
            self._check_zero_point(element, format_named(self.zero_point))
        elif element.consecutive and not element.signed:
            raise CyclelabError(f"unsigned codes need a zero point: {self.element} has none")
        if element.kind == "float" and self.rounding != "half_even":
            raise CyclelabError(f"codes in {self.element} round half to even")

    def _check_zero_point(self, element: NumberFormat, zero: NumberFormat) -> None:
        if self.rule != "largest" or self.tensor_scale is not None:
            raise CyclelabError("a zero point goes with the rule 'largest' and no tensor_scale")
        if element.signed or zero.kind != "int" or element.kind != "int":
            raise CyclelabError(
                f"a zero point in {zero.name} goes with unsigned integer codes, "
                f"not with {element.name}"
            )
        if not (element.consecutive and zero.consecutive):
            raise CyclelabError(
                f"a zero point goes with codes that are consecutive integers, not with "
                f"{zero.name} and {element.name}"
            )
        if zero.signed or zero.maximum < element.maximum:
            raise CyclelabError(
                f"a zero point is one of the codes: {zero.name} does not hold those of "
                f"{element.name}"
            )

    @property
    def code(self) -> NumberFormat:
        """Format of the codes."""
        return format_named(self.element)

    def groups(self, depth: int) -> int:
        """Groups along a reduction axis of `depth` elements."""
        return math.ceil(depth / self.group_size) if self.granularity == "group" else 1

    def stored_bits(self, depth: int, channels: int) -> int:
        """Bits of a tensor of `channels` x `depth` elements, scales and zero points included."""
        shared = 1 if self.granularity == "tensor" else self.groups(depth) * channels
        whole = SCALE_BITS[self.tensor_scale] if self.tensor_scale else 0
        return channels * packed_bits(self.element, depth) + shared * self.group_bits + whole

    def bits_per_element(self, depth: int, channels: int = 1) -> float:
        """`stored_bits` per element."""
        return self.stored_bits(depth, channels) / (depth * channels)

    @property
    def group_bits(self) -> int:
        """Bits of a scale and a zero point."""
        zero = format_named(self.zero_point).bits if self.zero_point else 0
        return SCALE_BITS[self.scale] + zero


DENSE_TERNARY = "ternary_base3"
TRITS_PER_BYTE = 5
"""3^5 = 243 ternary values fit a byte: 1.6 bits each."""


def packed_bits(format_name: str, count: int) -> int:
    """Bits of `count` elements as `pack` stores them; whole bytes of five for ternary_base3."""
    if format_name == DENSE_TERNARY:
        return 8 * math.ceil(count / TRITS_PER_BYTE)
    return count * format_named(format_name).bits


def _microscaling(element: str) -> Scheme:
    return Scheme(element, "group", 32, scale=POWER_OF_TWO, rule="power_of_two")


SCHEMES: dict[str, Scheme] = {
    # OCP Microscaling Formats (MX) Specification 1.0, table 1.
    "mxfp8_e5m2": _microscaling("fp8_e5m2"),
    "mxfp8_e4m3": _microscaling("fp8_e4m3"),
    "mxfp6_e3m2": _microscaling("fp6_e3m2"),
    "mxfp6_e2m3": _microscaling("fp6_e2m3"),
    "mxfp4": _microscaling("fp4_e2m1"),
    "mxint8": _microscaling("int8"),
    # NVIDIA Blackwell: 16 elements share an E4M3 scale, the tensor one of FP32.
    "nvfp4": Scheme("fp4_e2m1", "group", 16, scale="fp8_e4m3", tensor_scale="fp32"),
    # BitNet b1.58: one scale per tensor, the mean magnitude.
    "bitnet_b1_58": Scheme("ternary", "tensor", rule="mean_magnitude"),
}
"""Schemes with a name of their own."""


def scheme_named(name: str) -> Scheme:
    """A scheme by name, or one scale per channel for the name of a number format.

    Raises CyclelabError with the nearest name.
    """
    if name in SCHEMES:
        return SCHEMES[name]
    try:
        return Scheme(name)
    except CyclelabError as error:
        near = nearest(name, SCHEMES)
        hint = f"; did you mean the scheme {near!r}?" if near else ""
        raise CyclelabError(f"{error}{hint}") from None
