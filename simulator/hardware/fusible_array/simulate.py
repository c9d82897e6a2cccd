"""Runs a product on the register-level model of a systolic array of Fusion Units."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.fusible_array.bricks import FusionUnit
from simulator.hardware.fusible_array.mode import Mode
from simulator.hardware.fusible_array.parts import path_actions
from simulator.hardware.fusible_array.spec import FusibleArraySpec
from simulator.hardware.matrix_unit import RegisterRun, tile_of
from simulator.hardware.systolic_array.actions import to_actions
from simulator.hardware.systolic_array.geometry import Extents
from simulator.hardware.systolic_array.stationary_operand import StationaryOperandModel
from simulator.hardware.systolic_array.stationary_output import StationaryOutputModel
from simulator.numerics import Accumulator, as_format, format_named


def simulate(
    spec: FusibleArraySpec, inputs: NDArray[Any], weights: NDArray[Any], repeats: int
) -> RegisterRun:
    """Step `inputs[m, k] · weights[k, n]` through the array `repeats` times, back to back.

    Words hop from unit to unit, so skew is that of units, not of products.
    Raises CyclelabError for operands that don't multiply or don't fit their
    formats, AccumulatorOverflowError if a sum does not fit the accumulator.
    """
    tile = tile_of(inputs, weights, repeats)
    mode, grid = Mode.of(spec), spec.grid
    fan = mode.fan
    accumulator = Accumulator(format_named(spec.accumulator_format))
    a = accumulator.operand(as_format(inputs, spec.input_format))
    w = accumulator.operand(as_format(weights, spec.weight_format))
    left = _words(a, fan.m, fan.k)
    left = left.reshape(*left.shape[:2], mode.input_fan, -1)
    top = _words(w, fan.k, fan.n)
    top = top.reshape(*top.shape[:2], -1, mode.weight_fan)
    extents = Extents.of(spec.dataflow, mode.in_units(tile))
    unit = FusionUnit(mode)
    model: StationaryOutputModel | StationaryOperandModel
    if spec.dataflow == "output_stationary":
        model = StationaryOutputModel(grid, extents, left.swapaxes(0, 1), top, repeats, unit)
    else:
        model = StationaryOperandModel(grid, extents, left, top, repeats, unit)
    words, cycles = model.run()
    values = words.swapaxes(1, 2).reshape(words.shape[0] * fan.m, words.shape[1] * fan.n)
    actions = to_actions(path_actions(grid, mode), model.counts)
    return RegisterRun(values[: tile.m, : tile.n], cycles, actions)


def _words(values: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """A matrix cut into blocks of rows x columns, filled up with zeros: two axes of each."""
    ragged = [(0, -values.shape[0] % rows), (0, -values.shape[1] % columns)]
    full = np.pad(values, ragged)
    blocks = full.reshape(full.shape[0] // rows, rows, full.shape[1] // columns, columns)
    return blocks.swapaxes(1, 2)
