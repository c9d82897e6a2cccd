"""Weights that come as codes and are dequantised where they enter a unit.

A code becomes a float, by a converter if it is an integer, and is multiplied by its
scale. In `compute` and in the register-level models the scale is 1: users fold it in.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from simulator.hardware.primitives import Primitive
from simulator.numerics import as_format, format_named

DEQUANTISER = "edge.dequantiser"
CONVERTER = "edge.converter"
SCALE = "edge.scale_register"


def check_stored(stored_format: str | None, weight_format: str) -> None:
    """Raise ValueError unless every stored code is a value of the weights' format."""
    if stored_format is None:
        return
    stored, weights = format_named(stored_format), format_named(weight_format)
    exact = stored.kind == "int" and max(-stored.minimum, stored.maximum) <= (
        1 << weights.significand_bits
    )
    narrow = stored.kind == "float" and stored.bits < weights.bits
    if weights.kind != "float" or not (exact or narrow):
        raise ValueError(
            f"stored_weight_format: {stored.name} is not dequantised to {weights.name}: "
            "expected a float that holds all of its codes"
        )


def dequantiser(stored_format: str | None, weight_format: str) -> dict[str, Primitive]:
    """What every weight that enters goes through, by path; nothing if it comes as it is."""
    if stored_format is None:
        return {}
    stored = format_named(stored_format)
    found = {DEQUANTISER: Primitive("multiplier", formats=(weight_format,) * 2)}
    if stored.kind == "int":
        found[CONVERTER] = Primitive("adder", formats=(f"int{stored.bits}",))
    return found


def scale_register(weight_format: str) -> Primitive:
    """Where a scale stays while weights of its group enter."""
    return Primitive("flip_flop", bits=format_named(weight_format).bits)


def dequantised(weights: NDArray[Any], codes: str, weight_format: str) -> NDArray[Any]:
    """Codes as weights, with a scale of 1; CyclelabError for values that are no codes."""
    return as_format(as_format(weights, codes), weight_format)
