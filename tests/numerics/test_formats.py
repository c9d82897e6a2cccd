"""Formats: widths, ranges, and what their names may be."""

import ml_dtypes
import numpy as np
import pytest

from simulator.config import CyclelabError
from simulator.numerics import FORMATS, as_format, format_named, random_values


@pytest.mark.parametrize(
    ("name", "bits", "kind", "minimum", "maximum"),
    [
        ("int2", 2, "int", -2, 1),
        ("int4", 4, "int", -8, 7),
        ("int8", 8, "int", -128, 127),
        ("int16", 16, "int", -32768, 32767),
        ("int32", 32, "int", -(2**31), 2**31 - 1),
        ("fp8_e4m3", 8, "float", -448, 448),
        ("fp8_e5m2", 8, "float", -57344, 57344),
        ("fp16", 16, "float", -65504, 65504),
        ("bf16", 16, "float", -(2.0**128 - 2.0**120), 2.0**128 - 2.0**120),
        ("fp32", 32, "float", -(2.0**128 - 2.0**104), 2.0**128 - 2.0**104),
    ],
)
def test_widths_and_ranges(name: str, bits: int, kind: str, minimum: float, maximum: float) -> None:
    number_format = format_named(name)
    assert (number_format.bits, number_format.kind) == (bits, kind)
    assert (number_format.minimum, number_format.maximum) == (minimum, maximum)


def test_unknown_format_names_the_nearest() -> None:
    with pytest.raises(CyclelabError, match=r"'bf61'.*did you mean 'bf16'"):
        format_named("bf61")


@pytest.mark.parametrize("name", ["int2", "int4", "int8"])
def test_random_integers_cover_the_whole_range(name: str) -> None:
    values = random_values(np.random.default_rng(0), (100, 100), name).astype(int)
    number_format = format_named(name)
    assert set(values.ravel()) == set(
        range(int(number_format.minimum), int(number_format.maximum) + 1)
    )


@pytest.mark.parametrize("name", [name for name in FORMATS if format_named(name).kind == "float"])
def test_random_floats_are_normal(name: str) -> None:
    values = random_values(np.random.default_rng(0), (40_000,), name)
    assert values.dtype == format_named(name).dtype
    wide = values.astype(float)
    assert np.isfinite(wide).all()
    assert abs(wide.mean()) < 0.02
    assert abs(wide.std() - 1) < 0.02


def test_storing_keeps_values_or_refuses() -> None:
    stored = as_format(np.array([-8.0, 7.0]), "int4")
    assert stored.dtype == ml_dtypes.int4
    assert stored.astype(int).tolist() == [-8, 7]
    special = np.array([np.inf, -0.0, np.nan, 2.0**-133])
    kept = as_format(special, "bf16").astype(float)
    np.testing.assert_array_equal(kept, special)
    assert np.signbit(kept[1])
    for value, name in ((8, "int4"), (0.5, "int8"), (np.nan, "int8"), (1 + 2.0**-8, "bf16")):
        with pytest.raises(CyclelabError, match="quantise"):
            as_format(np.array([value]), name)
    with pytest.raises(CyclelabError, match="quantise"):
        as_format(np.array([449.0]), "fp8_e4m3")
