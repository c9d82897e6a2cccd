"""Symmetric quantisation, by hand and by property."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from simulator.config import CyclelabError
from simulator.numerics import dequantise, format_named, quantise


def test_rounds_half_to_even() -> None:
    # The largest magnitude, 7, maps onto 7: the scale is 1 and codes are rounded values.
    quantised = quantise(np.array([7.0, 0.5, 1.5, 2.5, -0.5, -1.5]), "int4")
    assert quantised.scale.item() == 1
    assert quantised.values.astype(int).tolist() == [7, 0, 2, 2, 0, -2]


def test_a_scale_per_channel() -> None:
    values = np.array([[127.0, 12.7], [-254.0, 0.0], [0.0, 0.0]])
    quantised = quantise(values, "int8", axis=0)
    assert quantised.scale.shape == (3, 1)
    assert quantised.scale.ravel().tolist() == [1, 2, 1]
    assert quantised.values.tolist() == [[127, 13], [-127, 0], [0, 0]]
    assert quantise(values, "int8", axis=-1).scale.shape == (1, 2)


@given(
    values=arrays(np.float64, (4, 3), elements=st.floats(-1e6, 1e6)),
    name=st.sampled_from(["int2", "int4", "int8"]),
    axis=st.sampled_from([None, 0, 1]),
)
def test_error_is_at_most_half_a_step(values: np.ndarray, name: str, axis: int | None) -> None:
    quantised = quantise(values, name, axis)
    assert quantised.values.dtype == format_named(name).dtype
    assert abs(quantised.values.astype(int)).max() <= format_named(name).maximum
    error = abs(dequantise(quantised) - values)
    assert (error <= quantised.scale * 0.5 * (1 + 1e-12)).all()


def test_refuses_what_has_no_code() -> None:
    with pytest.raises(CyclelabError, match="integer format"):
        quantise(np.ones(2), "bf16")
    with pytest.raises(CyclelabError, match="infinite"):
        quantise(np.array([1.0, np.inf]), "int8")
