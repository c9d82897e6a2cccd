"""Values of systolic arrays: bit for bit, in the order in which the array adds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import Tile, reference_operands
from simulator.hardware.systolic_array import SystolicArray, SystolicArraySpec
from simulator.numerics import AccumulatorOverflowError, as_format, reference_gemm

DATAFLOWS = ("output_stationary", "weight_stationary", "input_stationary")
every_dataflow = pytest.mark.parametrize("dataflow", DATAFLOWS)


def array(dataflow: str, formats: tuple[str, str, str], **options: Any) -> SystolicArray:
    names = ("input_format", "weight_format", "accumulator_format")
    return SystolicArray(
        SystolicArraySpec.model_validate(
            {
                "rows": 4,
                "columns": 3,
                "dataflow": dataflow,
                **dict(zip(names, formats, strict=True)),
                **options,
            }
        )
    )


def bf16_operands(seed: int, tile: Tile, special: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    """Random bf16; special: exponents over the whole range, infinities among them."""
    rng = np.random.default_rng(seed)
    inputs, weights = reference_operands(rng, tile, "bf16", "bf16")
    if special:
        inputs, weights = (
            (values.astype(np.float64) * 2.0 ** rng.integers(-75, 60, values.shape))
            .astype(np.float32)
            .astype(values.dtype)
            for values in (inputs, weights)
        )
        inputs[0, 0], inputs[-1, -1] = np.inf, as_format(np.array(2.0**-133), "bf16")
    return inputs, weights


def bits(values: NDArray[Any]) -> NDArray[np.uint32]:
    """Bit patterns, with one pattern for everything that is not a number."""
    found = values.view(np.uint32).copy()
    found[np.isnan(values)] = 0x7FC00000
    return found


@every_dataflow
@pytest.mark.parametrize("special", [False, True], ids=["normal", "special"])
@pytest.mark.parametrize("options", [{}, {"double_buffer": True}, {"edge": "padded"}], ids=str)
def test_floats_are_added_in_the_order_of_the_array(
    dataflow: str, special: bool, options: dict[str, Any]
) -> None:
    unit = array(dataflow, ("bf16", "bf16", "fp32"), **options)
    inputs, weights = bf16_operands(7, Tile(m=9, n=7, k=23), special)
    segment = None if dataflow == "output_stationary" else 4
    expected = reference_gemm(inputs, weights, "bf16", "bf16", "fp32", segment)
    run = unit.registers(inputs, weights, repeats=2)
    np.testing.assert_array_equal(bits(run.values), bits(expected))
    np.testing.assert_array_equal(bits(unit.compute(inputs, weights)), bits(expected))
    if special:
        assert np.isinf(expected).any()
    else:
        # The order matters for these data, or the test would show nothing.
        other = reference_gemm(inputs, weights, "bf16", "bf16", "fp32", 4 if segment is None else 5)
        assert not np.array_equal(bits(other), bits(expected))


@every_dataflow
def test_products_of_denormals_come_out(dataflow: str) -> None:
    unit = array(dataflow, ("bf16", "bf16", "fp32"))
    inputs = as_format(np.full((2, 6), 2.0**-133), "bf16")
    weights = as_format(np.full((6, 2), 2.0**-15), "bf16")
    # 6 x 2^-148, a denormal of fp32
    assert (unit.compute(inputs, weights) == 6 * 2.0**-148).all()
    assert (unit.registers(inputs, weights).values == 6 * 2.0**-148).all()


@every_dataflow
def test_overflow_is_an_error_in_both_models(dataflow: str) -> None:
    unit = array(dataflow, ("int8", "int8", "int16"))
    inputs, weights = np.full((2, 6), -128, np.int8), np.full((6, 2), -128, np.int8)
    for model in (unit.compute, unit.registers):
        with pytest.raises(AccumulatorOverflowError, match="32768 does not fit an int16"):
            model(inputs, weights)
    # 127 x 258 = 32766 fits, and is made of sums that fit in any order
    weights = np.full((6, 2), 43, np.int8)
    inputs = np.full((2, 6), 127, np.int8)
    for values in (unit.compute(inputs, weights), unit.registers(inputs, weights).values):
        assert values.dtype == np.int16
        assert (values == 32766).all()


@every_dataflow
def test_overflow_between_folds_is_detected(dataflow: str) -> None:
    # One fold of 4 gives 4 x 127 x 64 = 32512, which fits; two do not.
    unit = array(dataflow, ("int8", "int8", "int16"))
    inputs, weights = np.full((1, 8), 127, np.int8), np.full((8, 1), 64, np.int8)
    assert unit.compute(inputs[:, :4], weights[:4]).tolist() == [[32512]]
    for model in (unit.compute, unit.registers):
        with pytest.raises(AccumulatorOverflowError):
            model(inputs, weights)


@every_dataflow
def test_operands_that_do_not_fit_are_refused(dataflow: str) -> None:
    unit = array(dataflow, ("int8", "int4", "int32"))
    good = np.ones((2, 2), np.int8)
    for model in (unit.compute, unit.registers):
        with pytest.raises(CyclelabError, match="int4"):
            model(good, np.full((2, 2), 8))
        with pytest.raises(CyclelabError, match="do not multiply"):
            model(good, np.ones((3, 2), np.int8))
    with pytest.raises(CyclelabError, match="nothing to step"):
        unit.registers(good, good, repeats=0)
