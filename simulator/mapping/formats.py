"""Whether a matrix unit takes operands as stored, or needs them converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.numerics import NumberFormat, format_named
from simulator.numerics.scheme import DENSE_TERNARY
from simulator.workload.operators import Context, MatMul, Operator, Scores

Taken = Literal["stored", "shifted"]


@dataclass(frozen=True, slots=True)
class FormatChoice:
    """converted_bits: of a weight after conversion to the unit's format, 0 for none.

    scaled: whether the conversion multiplies weights by their scale; codes stay codes
        in an integer format, and sums of products are scaled instead.
    """

    input_format: str
    weight_format: str
    converted_bits: int
    scaled: bool = False


def choose_formats(
    unit: MatrixUnit[Any], input_format: str, weight_format: str
) -> FormatChoice | None:
    """The unit's pair for these operands; None when it cannot take the inputs.

    Weights may be dequantised on the vector unit to what the unit multiplies, if
    that is at least as wide and, of integers, has all their values, unless the unit takes
    them itself as narrower ones; inputs are never converted behind the user's back.
    """
    if _takes(unit, input_format, weight_format):
        return FormatChoice(input_format, weight_format, 0)
    if unit.is_narrowed or any(_takes(u, input_format, weight_format) for u in unit.narrower):
        return None
    stored = format_named(weight_format)
    for inputs, weights in unit.format_pairs:
        wanted = format_named(weights)
        if inputs == input_format and _can_become(stored, wanted):
            return FormatChoice(inputs, weights, wanted.bits, wanted.kind == "float")
    return None


def _takes(unit: MatrixUnit[Any], input_format: str, weight_format: str) -> bool:
    """Whether a unit multiplies operands as they are stored."""
    return any(
        inputs == input_format and taken_as(weight_format, weights) == "stored"
        for inputs, weights in unit.format_pairs
    )


def taken_as(stored: str, taken: str) -> Taken | None:
    """How codes are taken by what multiplies another format of as many bits; None if not at all.

    stored: as they are. shifted: rewritten beforehand, bit for bit, as other integers that
        are a constant off, and twice or half as far apart where either are bipolar, which
        scales take up. What the constant adds, c · Σx, is taken off behind the product, or
        goes with the zero points. An unsigned q becomes q - 2^(W - 1) in two's complement, its
        top bit negated, and 2q - (2^W - 1) as a bipolar code, its bits as they are.
    """
    if stored == taken:
        return "stored"
    codes, wanted = format_named(stored), format_named(taken)
    integers = codes.kind == wanted.kind == "int" and not (codes.table or wanted.table)
    if not integers or codes.bits != wanted.bits or DENSE_TERNARY in (stored, taken):
        return None  # five dense ternary codes in a byte are not two bits each
    inside = wanted.minimum <= codes.minimum and codes.maximum <= wanted.maximum
    return "stored" if inside and codes.step == wanted.step else "shifted"


def takes(unit: MatrixUnit[Any], input_format: str, weight_format: str) -> bool:
    """Whether a unit multiplies such operands, whatever becomes of the weights before."""
    if choose_formats(unit, input_format, weight_format) is not None:
        return True
    return any(
        inputs == input_format and taken_as(weight_format, weights) is not None
        for each in (unit, *unit.narrower)
        for inputs, weights in each.format_pairs
    )


def taken_words(unit: MatrixUnit[Any]) -> str:
    """What a unit multiplies without conversion: `int8 by integers of 1 to 4 bits`.

    What has all integers of some bits takes the others of as many, too (`taken_as`).
    """
    ((inputs, widest), *_) = unit.format_pairs
    taken = {weights for each in (unit, *unit.narrower) for _, weights in each.format_pairs}
    if format_named(widest).levels == 1 << format_named(widest).bits and len(taken) > 1:
        bits = [format_named(weights).bits for weights in taken]
        return f"{inputs} by integers of {min(bits)} to {max(bits)} bits"
    return f"{inputs} by {' or '.join(sorted(taken))}"


def _can_become(stored: NumberFormat, wanted: NumberFormat) -> bool:
    if wanted.kind == "int":
        inside = wanted.minimum <= stored.minimum and stored.maximum <= wanted.maximum
        return stored.kind == "int" and wanted.consecutive and inside
    return wanted.bits > stored.bits


def other_format(op: Operator, inputs: str, pairs: Sequence[tuple[str, str]]) -> str:
    """What to choose for an operator whose second operand has a key of its own, in words.

    inputs: format of its activations. pairs: that units multiply. Empty without such a key.
    """
    if isinstance(op, Scores | Context):
        key = "kv_cache"
    elif isinstance(op, MatMul) and op.format_key != "weights":
        key = op.format_key
    else:
        return ""
    fitting = sorted({weights for each, weights in pairs if each == inputs})
    if fitting:
        return f"; workload.precision.{key} may be {' or '.join(fitting)}"
    alike = sorted({weights for each, weights in pairs if each == weights})
    if key == "kv_cache" or not alike:
        return ""
    return (
        f"; set workload.precision.{key} to the format of activations ({' or '.join(alike)}), "
        "which quantises its input"
    )
