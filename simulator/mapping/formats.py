"""Whether a matrix unit takes operands as stored, or needs them converted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnit
from simulator.numerics import NumberFormat, format_named
from simulator.workload.operators import Context, MatMul, Operator, Scores


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
    that is at least as wide and, of integers, has all their values; inputs are never
    converted behind the user's back.
    """
    if (input_format, weight_format) in unit.format_pairs:
        return FormatChoice(input_format, weight_format, 0)
    stored = format_named(weight_format)
    for inputs, weights in unit.format_pairs:
        wanted = format_named(weights)
        if inputs == input_format and _can_become(stored, wanted):
            return FormatChoice(inputs, weights, wanted.bits, wanted.kind == "float")
    return None


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
