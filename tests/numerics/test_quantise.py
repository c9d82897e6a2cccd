"""Quantisation by schemes, by hand and by property."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simulator.config import CyclelabError
from simulator.numerics import SCHEMES, Scheme, dequantise, quantise, scheme_named

INTEGERS = ["int2", "int3", "int4", "int8", "bipolar1", "bipolar2", "bipolar4", "int16"]


def test_rounds_half_to_even() -> None:
    # The largest magnitude, 7, maps onto 7: the scale is 1 and codes are rounded values.
    values = np.array([7.0, 0.5, 1.5, 2.5, -0.5, -1.5])
    quantised = quantise(values, "int4")
    assert quantised.scale.item() == 1
    assert quantised.codes.tolist() == [7, 0, 2, 2, 0, -2]
    away = quantise(values, Scheme("int4", rounding="half_away"))
    assert away.codes.tolist() == [7, 1, 2, 3, -1, -2]
    cut = quantise(values, Scheme("int4", rounding="toward_zero"))
    assert cut.codes.tolist() == [7, 0, 1, 2, 0, -1]


def test_a_scale_per_channel_tensor_or_group() -> None:
    values = np.array([[127.0, 12.7], [-254.0, 0.0], [0.0, 0.0]])
    channel = quantise(values, "int8", axis=1)
    assert channel.scale.tolist() == [[1], [2], [1]]
    assert channel.codes.tolist() == [[127, 13], [-127, 0], [0, 0]]
    tensor = quantise(values, Scheme("int8", "tensor"))
    assert tensor.scale.tolist() == [[2]]
    group = quantise(values, Scheme("int8", "group", 2), axis=0)
    assert group.scale == pytest.approx(np.array([[2, 0.1], [1, 1]]), rel=1e-7)
    assert group.codes.tolist() == [[64, 127], [-127, 0], [0, 0]]
    assert quantise(values, "int8", axis=-1).scale.shape == (3, 1)


def test_zero_points() -> None:
    # From -1 to 2 in steps of 1: code 1 stands for 0.
    quantised = quantise(np.array([-1.0, 0.0, 1.0, 2.0]), Scheme("uint2", zero_point="uint2"))
    assert (quantised.scale.item(), quantised.zero_point.item()) == (1, 1)  # type: ignore[union-attr]
    assert quantised.codes.tolist() == [0, 1, 2, 3]
    assert dequantise(quantised).tolist() == [-1, 0, 1, 2]
    # All above zero: the range begins at zero, so that zero has a code.
    quantised = quantise(np.array([1.5, 3.0]), Scheme("uint2", zero_point="uint2"))
    assert (quantised.scale.item(), quantised.codes.tolist()) == (1, [2, 3])


def test_bipolar_codes_are_odd() -> None:
    # Scale 1: the unsigned codes behind are (v + 3) / 2 = 3, 2, 1.5, 1.2, 0.
    quantised = quantise(np.array([3.0, 1.0, 0.0, -0.6, -3.0]), "bipolar2")
    assert quantised.scale.item() == 1
    assert quantised.codes.tolist() == [3, 1, 1, -1, -3]


def test_ternary_of_bitnet() -> None:
    # Mean magnitude (1 + 0.2 + 0.8 + 2) / 4 = 1: values are rounded and cut off at 1.
    quantised = quantise(np.array([1.0, -0.2, -0.8, 2.0]), "bitnet_b1_58")
    assert quantised.scale.item() == 1
    assert quantised.codes.tolist() == [1, 0, -1, 1]


def test_microscaling() -> None:
    # E4M3: the largest power of two is 2^8, of 300 it is 2^8 too: the scale is 1.
    values = np.zeros(64)
    values[:3] = 300, 1.06, 0.3
    values[32:34] = 3.0, 0.001
    quantised = quantise(values, "mxfp8_e4m3")
    assert quantised.scale.tolist() == [1, 2.0**-7]
    assert quantised.codes[:3].astype(float).tolist() == [288, 1.0, 0.3125]
    assert quantised.codes[32].astype(float) == 3 * 2.0**7
    # MXINT8 has a factor of 2^-6 in its elements: 1.5 is 96 of 64ths.
    quantised = quantise(np.array([1.5, -1.99]), "mxint8")
    assert quantised.scale.item() == 2.0**-6
    assert quantised.codes.tolist() == [96, -127]
    # What the largest power of two leaves over is cut off: 7.9 / 1 to 6.
    quantised = quantise(np.array([7.9, 4.0]), "mxfp4")
    assert (quantised.scale.item(), quantised.codes.astype(float).tolist()) == (1, [6, 4])


def test_nvfp4() -> None:
    # The tensor's scale brings the largest block's to 448, the largest of E4M3.
    values = np.zeros(32)
    values[0], values[16] = 6 * 448.0, 12.0
    quantised = quantise(values, "nvfp4")
    assert quantised.tensor_scale == 1
    assert quantised.scale.tolist() == [448, 2]
    assert quantised.codes[[0, 16]].astype(float).tolist() == [6, 6]
    np.testing.assert_array_equal(dequantise(quantised), values)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("mxfp4", 4 + 8 / 32),
        ("mxfp6_e2m3", 6 + 8 / 32),
        ("mxint8", 8 + 8 / 32),
        ("nvfp4", 4 + 8 / 16 + 32 / (4096 * 4096)),
        ("bitnet_b1_58", 2 + 32 / (4096 * 4096)),
        ("ternary_base3", (4096 / 5 + 0.8) * 8 / 4096 + 32 / 4096),
        ("int4", 4 + 32 / 4096),
    ],
)
def test_bits_per_element(name: str, bits: float) -> None:
    assert scheme_named(name).bits_per_element(4096, 4096) == pytest.approx(bits, rel=1e-4)


def test_bits_of_a_ragged_last_group() -> None:
    scheme = Scheme("uint4", "group", 128, scale="fp16", zero_point="uint4")
    assert scheme.bits_per_element(128) == 4 + 20 / 128
    assert scheme.stored_bits(130, 3) == 3 * (130 * 4 + 2 * 20)


@given(
    values=arrays(np.float64, (7, 3), elements=st.floats(-1e6, 1e6)),
    name=st.sampled_from(INTEGERS),
    grouped=st.sampled_from([("tensor", 0), ("channel", 0), ("group", 3), ("group", 16)]),
    axis=st.sampled_from([0, 1]),
)
def test_error_is_at_most_half_a_step(
    values: np.ndarray, name: str, grouped: tuple[Any, int], axis: int
) -> None:
    quantised = quantise(values, Scheme(name, *grouped), axis)
    code = quantised.scheme.code
    assert quantised.codes.dtype == code.dtype
    assert abs(quantised.codes.astype(int)).max() <= code.maximum
    error = abs(dequantise(quantised) - values)
    # The scale is rounded to fp32, so the largest value may lie a little beyond the codes.
    step = quantised.spread(quantised.scale) * code.step
    small = (abs(values) > 0) & (quantised.spread(quantised.scale) == 1) & (abs(values) < 1e-30)
    assert (error <= step * (0.5 + code.maximum * 2.0**-23) + small * abs(values)).all()


@given(
    values=arrays(np.float64, (9, 2), elements=st.floats(-1e6, 1e6)),
    bits=st.integers(1, 8),
    size=st.integers(1, 10),
)
def test_zero_is_exact_with_a_zero_point(values: np.ndarray, bits: int, size: int) -> None:
    values = np.where(abs(values) < 1e-30, 0, values)
    scheme = Scheme(f"uint{bits}", "group", size, zero_point=f"uint{bits}")
    quantised = quantise(values, scheme)
    back = dequantise(quantised)
    assert (back[values == 0] == 0).all()
    step = quantised.spread(quantised.scale)
    assert (abs(back - values) <= step * (1.0 + 2.0**-14)).all()


@pytest.mark.parametrize("name", SCHEMES)
def test_every_scheme_is_close(name: str) -> None:
    values = np.random.default_rng(0).standard_normal((256, 4))
    error = dequantise(quantise(values, name)) - values
    relative = np.linalg.norm(error) / np.linalg.norm(values)
    # Within a group: half a step of the largest code, or half an ulp of a float's.
    assert relative < {"bitnet_b1_58": 0.6, "mxfp4": 0.2, "nvfp4": 0.12}.get(name, 0.07)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("int4", "group"), "a size of at least 1"),
        (("int4", "tensor", 8), "a size of at least 1"),
        (("uint4",), "need a zero point"),
        (("int4", "channel", 0, "fp32", None, "uint4"), "unsigned integer codes"),
        (("uint4", "channel", 0, "fp32", None, "uint2"), "does not hold"),
        (("int4", "channel", 0, "fp23"), "did you mean 'fp32'"),
        (("int4", "channel", 0, "fp32", None, None, "power_of_two"), "stored as e8m0"),
        (("itn4",), "did you mean 'int4'"),
        (("int4", "grup"), "did you mean 'group'"),
        (("int4", "group", 2.5), "expected a whole number"),
        (("int1",), "no code above zero"),
        (("uint4", "channel", 0, "fp32", None, "uint4", "mean_magnitude"), "rule 'largest'"),
        (("int4", "channel", 0, "e8m0", "fp32"), "a tensor_scale goes with"),
        (("int4", "channel", 0, "fp32", None, None, "largest", "half_up"), "rounding: found"),
    ],
)
def test_schemes_that_cannot_be(arguments: tuple[Any, ...], part: str) -> None:
    with pytest.raises(CyclelabError, match=part):
        Scheme(*arguments)


def test_refuses_what_has_no_code() -> None:
    with pytest.raises(CyclelabError, match="infinite"):
        quantise(np.array([1.0, np.inf]), "int8")
    with pytest.raises(CyclelabError, match="axis 5"):
        quantise(np.ones((2, 2)), "int4", axis=5)
    with pytest.raises(CyclelabError, match="there are none"):
        quantise(np.zeros((0, 3)), "int8")
    with pytest.raises(CyclelabError, match="too large for fp16"):
        quantise(np.array([1e9]), Scheme("int4", scale="fp16"))
    with pytest.raises(CyclelabError, match="did you mean the scheme 'mxfp4'"):
        quantise(np.ones(2), "mxf4")
