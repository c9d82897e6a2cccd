"""A multiplier that is not ours: an array of its PEs computes with it, and says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import simulator as sim
from simulator.config import CyclelabError
from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array import SystolicArray, SystolicArraySpec
from simulator.hardware.systolic_array.multipliers import MULTIPLIERS, Multiplier, Parts
from simulator.numerics import Multiply, NumberFormat

UNIT = "machine.core.matrix_units.0"


def even(inputs: NDArray[Any], weights: NDArray[Any], _: NumberFormat) -> NDArray[Any]:
    """Products without their lowest bit."""
    products: NDArray[Any] = inputs * weights & ~1
    return products


class Even(Multiplier):
    """Leaves the lowest bit out."""

    def check(self, inputs: NumberFormat, weights: NumberFormat) -> None:
        if inputs.kind != "int":
            raise CyclelabError(f"multiplier 'even' takes integers, not {inputs.name}")

    def parts(self, inputs: NumberFormat, weights: NumberFormat) -> Parts:
        return {"pe.even": (Primitive("multiplier", formats=(inputs.name, weights.name)), 1)}

    def products(self, inputs: NumberFormat) -> Multiply:
        return even

    def product_error(self, inputs: NumberFormat) -> float:
        return 1.0


@pytest.fixture(autouse=True)
def _added() -> Iterator[None]:
    MULTIPLIERS.add("even", Even())
    yield
    del MULTIPLIERS.own["even"]


@pytest.mark.parametrize("dataflow", ["output_stationary", "weight_stationary", "input_stationary"])
@pytest.mark.parametrize("k", [3, 9])
def test_values_are_sums_of_its_products(dataflow: Any, k: int) -> None:
    formats = {"input_format": "int8", "weight_format": "int8", "accumulator_format": "int32"}
    array = SystolicArray(
        SystolicArraySpec(rows=4, columns=3, dataflow=dataflow, multiplier="even", **formats)
    )
    rng = np.random.default_rng(k)
    x, w = rng.integers(-128, 128, (5, k), np.int8), rng.integers(-128, 128, (k, 7), np.int8)
    by_hand = (x.astype(int)[:, :, None] * w.astype(int)[None] // 2 * 2).sum(axis=1)
    np.testing.assert_array_equal(array.compute(x, w), by_hand)
    run = array.registers(x, w)
    np.testing.assert_array_equal(run.values, by_hand)
    assert array.approximate
    assert any(part.path == "pe.even" for part in array.structure())
    # Whatever the dataflow, one product is formed per MAC.
    assert {a.path: n for a, n in run.actions.counts.items()}["pe.even"] == 5 * 7 * k


def test_a_run_names_it_and_says_that_products_are_approximate() -> None:
    result = sim.gemm(32, 32, 32, "gemmini_16x16", {f"{UNIT}.multiplier": "even"})
    (unit,) = result.machine["matrix_units"]
    assert unit["approximate_products"]
    exact = sim.gemm(32, 32, 32, "gemmini_16x16")
    assert result.cycles == exact.cycles
    assert "core.matrix_unit.systolic_array.pe.even" in result.area_by_component


def test_mistakes() -> None:
    with pytest.raises(CyclelabError, match=r"multiplier: unknown multiplier 'evn'.*'even'"):
        sim.gemm(8, 8, 8, "gemmini_16x16", {f"{UNIT}.multiplier": "evn"})
    with pytest.raises(CyclelabError, match="'even' takes integers, not bf16"):
        sim.gemm(8, 8, 8, "tpuv3_core", {f"{UNIT}.multiplier": "even"})
    with pytest.raises(ValueError, match="multiplier 'even' is registered twice"):
        MULTIPLIERS.add("even", Even())
    MULTIPLIERS.add("even", Even(), replace=True)
    with pytest.raises(ValueError, match="expected an instance of a class of Multiplier"):
        MULTIPLIERS.add("class", Even)  # type: ignore[arg-type]
