"""Formats: widths, ranges, and what their names may be."""

import numpy as np
import pytest

from simulator.config import CyclelabError
from simulator.numerics import FORMATS, as_format, format_named, random_values


@pytest.mark.parametrize(
    ("name", "bits", "kind", "minimum", "maximum"),
    [
        ("int1", 1, "int", -1, 0),
        ("int2", 2, "int", -2, 1),
        ("int3", 3, "int", -4, 3),
        ("int4", 4, "int", -8, 7),
        ("int8", 8, "int", -128, 127),
        ("int16", 16, "int", -32768, 32767),
        ("int32", 32, "int", -(2**31), 2**31 - 1),
        ("int48", 48, "int", -(2**47), 2**47 - 1),
        ("uint1", 1, "int", 0, 1),
        ("uint16", 16, "int", 0, 65535),
        ("bipolar1", 1, "int", -1, 1),
        ("bipolar4", 4, "int", -15, 15),
        ("ternary", 2, "int", -1, 1),
        ("fp4_e2m1", 4, "float", -6, 6),
        ("fp6_e2m3", 6, "float", -7.5, 7.5),
        ("fp6_e3m2", 6, "float", -28, 28),
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


@pytest.mark.parametrize(
    "name", ["int1", "int3", "int8", "uint4", "bipolar1", "bipolar5", "ternary"]
)
def test_random_integers_cover_the_whole_range(name: str) -> None:
    values = random_values(np.random.default_rng(0), (100, 100), name).astype(int)
    number_format = format_named(name)
    low, high = int(number_format.minimum), int(number_format.maximum)
    assert set(values.ravel()) == set(range(low, high + 1, number_format.step))
    assert len(set(values.ravel())) == number_format.levels
    as_format(values, name)
    for outside in (low - 1, high + 1, low + 1 if number_format.step == 2 else low - 2):
        with pytest.raises(CyclelabError, match="quantise"):
            as_format(np.array([outside]), name)


@pytest.mark.parametrize("name", [name for name in FORMATS if format_named(name).kind == "float"])
def test_random_floats_are_normal(name: str) -> None:
    values = random_values(np.random.default_rng(0), (40_000,), name)
    assert values.dtype == format_named(name).dtype
    wide = values.astype(float)
    assert np.isfinite(wide).all()
    assert abs(wide.mean()) < 0.02
    assert abs(wide.std() - 1) < 0.05


def test_storing_keeps_values_or_refuses() -> None:
    stored = as_format(np.array([-8.0, 7.0]), "int4")
    assert stored.dtype == np.int8
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
