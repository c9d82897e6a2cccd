"""Runs a product on the register-level model of an array's dataflow."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from simulator.hardware.dequantiser import dequantised
from simulator.hardware.matrix_unit import RegisterRun, tile_of
from simulator.hardware.systolic_array.actions import PathActions, to_actions
from simulator.hardware.systolic_array.datapath import arithmetic
from simulator.hardware.systolic_array.geometry import Extents
from simulator.hardware.systolic_array.spec import SystolicArraySpec
from simulator.hardware.systolic_array.stationary_operand import StationaryOperandModel
from simulator.hardware.systolic_array.stationary_output import StationaryOutputModel
from simulator.numerics import as_format


def simulate(
    spec: SystolicArraySpec,
    path_actions: PathActions,
    inputs: NDArray[Any],
    weights: NDArray[Any],
    repeats: int,
) -> RegisterRun:
    """Step `inputs[m, k] · weights[k, n]` through the array `repeats` times, back to back.

    path_actions: that its counts stand for. Raises CyclelabError for operands that don't
    multiply or don't fit their
    formats, AccumulatorOverflowError if a sum does not fit the accumulator.
    """
    tile = tile_of(inputs, weights, repeats)
    accumulator = arithmetic(spec)
    a = accumulator.operand(as_format(inputs, spec.input_format))
    w = accumulator.operand(dequantised(weights, spec.weight_codes, spec.weight_format))
    extents = Extents.of(spec.dataflow, tile)
    model: StationaryOutputModel | StationaryOperandModel
    if spec.dataflow == "output_stationary":
        model = StationaryOutputModel(spec, extents, a.T, w, repeats)
    elif spec.dataflow == "weight_stationary":
        model = StationaryOperandModel(spec, extents, a, w, repeats)
    else:
        model = StationaryOperandModel(spec, extents, w.T, a.T, repeats)
    product, cycles = model.run()
    values = product.T if spec.dataflow == "input_stationary" else product
    return RegisterRun(values, cycles, to_actions(path_actions, model.counts))
