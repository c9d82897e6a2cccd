"""Cycles of systolic arrays, written out so that a pencil can check them."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any

import numpy as np
import pytest

from simulator.hardware.matrix_unit import RegisterHazardError, Tile
from simulator.hardware.systolic_array import SystolicArray, SystolicArraySpec
from simulator.hardware.systolic_array.geometry import Extents, Fold
from simulator.hardware.systolic_array.registers import RegisterModel
from simulator.hardware.systolic_array.stationary_operand import StationaryOperandModel
from simulator.hardware.systolic_array.stationary_output import StationaryOutputModel


def array(rows: int, columns: int, dataflow: str, **options: Any) -> SystolicArray:
    return SystolicArray(
        SystolicArraySpec.model_validate(
            {
                "kind": "systolic_array",
                "rows": rows,
                "columns": columns,
                "dataflow": f"{dataflow}_stationary",
                "input_format": "int8",
                "weight_format": "int8",
                "accumulator_format": "int32",
                **options,
            }
        )
    )


def check(unit: SystolicArray, tile: Tile, cycles: int, interval: int) -> None:
    """Both the closed form and the stepped registers give the number by hand."""
    timing = unit.timing(tile)
    assert (timing.cycles, timing.interval_cycles) == (cycles, interval)
    inputs = np.ones((tile.m, tile.k), np.int8)
    weights = np.ones((tile.k, tile.n), np.int8)
    assert unit.registers(inputs, weights).cycles == cycles
    assert unit.registers(inputs, weights, repeats=3).cycles == cycles + 2 * interval


# -- one fold -------------------------------------------------------------------------
def test_weight_stationary_fold() -> None:
    # load 4 + stream 6 + skew 4+4-2 = 16
    check(array(4, 4, "weight"), Tile(m=6, n=4, k=4), 16, 16)
    # and 17 with the PE's input register: 2R+C+M-1
    check(array(4, 4, "weight", input_register=True), Tile(m=6, n=4, k=4), 17, 17)


def test_input_stationary_fold() -> None:
    # load 3 (k) + stream 7 (n) + skew 3+5-2 = 16
    check(array(3, 5, "input"), Tile(m=5, n=7, k=3), 16, 16)


def test_output_stationary_fold_with_serial_drain() -> None:
    # stream 6 + skew 4+4-2 + drain 4 = 16
    check(array(4, 4, "output"), Tile(m=4, n=4, k=6), 16, 16)
    # with the PE's input register 2R+C+T-1 = 17, as the Verilog array takes
    check(array(4, 4, "output", input_register=True), Tile(m=4, n=4, k=6), 17, 17)


def test_output_stationary_fold_with_parallel_drain() -> None:
    # stream 6 + skew 4+4-2 = 12
    check(array(4, 4, "output", drain="parallel"), Tile(m=4, n=4, k=6), 12, 12)
    # with an input register K+R+C-1 = 13, and 13 again for each tile behind it
    unit = array(4, 4, "output", drain="parallel", input_register=True)
    check(unit, Tile(m=4, n=4, k=6), 13, 13)


@pytest.mark.parametrize(("rows", "columns", "stream"), [(8, 8, 1), (3, 7, 20), (16, 2, 5)])
def test_closed_forms_of_a_full_fold(rows: int, columns: int, stream: int) -> None:
    serial = 2 * rows + columns + stream
    weight, inputs, output = (
        Tile(stream, columns, rows),
        Tile(columns, stream, rows),
        Tile(rows, columns, stream),
    )
    assert array(rows, columns, "weight").timing(weight).cycles == serial - 2
    assert array(rows, columns, "input").timing(inputs).cycles == serial - 2
    assert array(rows, columns, "output").timing(output).cycles == serial - 2
    registered = array(rows, columns, "output", input_register=True)
    assert registered.timing(output).cycles == serial - 1
    parallel = array(rows, columns, "output", input_register=True, drain="parallel")
    assert parallel.timing(output).cycles == stream + rows + columns - 1


def test_phases_of_a_fold() -> None:
    # cycles, interval, load 4, stream 6, drain: the wave's 4+4-2, one fold
    assert astuple(array(4, 4, "weight").timing(Tile(6, 4, 4))) == (16, 16, 4, 6, 6, 1)
    # no load; drain: 4+4-2 and 4 to shift out
    assert astuple(array(4, 4, "output").timing(Tile(4, 4, 6))) == (16, 16, 0, 6, 10, 1)


# -- folds one by one -------------------------------------------------------------------
def test_edge_folds_take_their_own_size() -> None:
    # k = 4+2, n = 4+1, so 2r+c+M-2 with M = 3: 13 + 10 + 9 + 6 = 38
    check(array(4, 4, "weight"), Tile(m=3, n=5, k=6), 38, 38)
    # padded: 4 x 13 = 52
    check(array(4, 4, "weight", edge="padded"), Tile(m=3, n=5, k=6), 52, 52)


def test_input_register_costs_one_cycle_per_fold_or_per_chain() -> None:
    # k = 4+2, n = 4+1: four folds
    tile = Tile(m=3, n=5, k=6)
    check(array(4, 4, "weight", input_register=True), tile, 38 + 4, 38 + 4)
    alone, registered = (
        array(4, 4, "weight", double_buffer=True, input_register=register).timing(tile)
        for register in (False, True)
    )
    assert registered.cycles == alone.cycles + 1
    assert registered.interval_cycles == alone.interval_cycles


# -- folds that overlap -------------------------------------------------------------------
def test_weight_loads_hide_behind_streams() -> None:
    # two folds of k: load 4 + stream 6 + stream 6 + skew 6 = 22; a tile behind adds 12
    unit = array(4, 4, "weight", double_buffer=True)
    check(unit, Tile(m=6, n=4, k=8), 22, 12)
    assert astuple(unit.timing(Tile(6, 4, 8))) == (22, 12, 4, 12, 6, 2)


def test_weight_loads_bound_short_streams() -> None:
    # M = 1: each fold but the last takes the 4 cycles of the next load:
    # load 4 + 4 + 4 + stream 1 + skew 6 = 19, of which 4 + 3 + 3 wait for weights
    unit = array(4, 4, "weight", double_buffer=True)
    check(unit, Tile(m=1, n=4, k=12), 19, 12)
    assert astuple(unit.timing(Tile(1, 4, 12))) == (19, 12, 10, 3, 6, 3)


def test_a_shorter_fold_waits_for_the_output_port() -> None:
    # k = 4+2, n = 4: the fold of 2 rows would have its first sums at the port 2 cycles
    # before the fold of 4 rows has passed its last: load 4 + (3+2) + stream 3 + 2+4-2 = 16
    unit = array(4, 4, "weight", double_buffer=True)
    # behind it, the tile's 4 rows load in 4 cycles, one more than the stream of 3
    check(unit, Tile(m=3, n=4, k=6), 16, 5 + 4)


def test_ragged_folds_that_overlap() -> None:
    # k = 4+2, n = 4+1, M = 3: folds 4x4, 4x1, 2x4, 2x1 start at 4, 4+4, 8+(3+2), 13+3
    # and end after 3+4+4-2, 3+4+1-2, 3+2+4-2, 3+2+1-2: at 13, 14, 20, 20
    check(array(4, 4, "weight", double_buffer=True), Tile(m=3, n=5, k=6), 20, 4 + 5 + 3 + 4)


def test_a_wide_fold_can_end_after_the_narrow_one_behind_it() -> None:
    # n = 8+1, M = 1: 2x8 starts at 2 and ends at 2 + 1+2+8-2 = 11,
    # 2x1 starts at 2+2 and ends at 4 + 1+2+1-2 = 6
    check(array(2, 8, "weight", double_buffer=True), Tile(m=1, n=9, k=2), 11, 4)


def test_output_drain_hides_behind_the_next_stream() -> None:
    # m = 4+4, K = 6: stream 6 + 6 + skew 6 + drain 4 = 22
    check(array(4, 4, "output", double_buffer=True), Tile(m=8, n=4, k=6), 22, 12)
    # parallel: 6 + 6 + skew 6 = 18
    unit = array(4, 4, "output", double_buffer=True, drain="parallel")
    check(unit, Tile(m=8, n=4, k=6), 18, 12)


def test_output_drain_bounds_short_streams() -> None:
    # K = 1: each fold but the last takes the 4 cycles of its drain:
    # 4 + stream 1 + skew 6 + drain 4 = 15
    check(array(4, 4, "output", double_buffer=True), Tile(m=8, n=4, k=1), 15, 8)
    # m = 4+2: the second drain is 2 cycles shorter and waits as long for the port:
    # (4+2) + stream 1 + skew 2+4-2 + drain 2 = 13; behind it, 2 cycles of its drain
    check(array(4, 4, "output", double_buffer=True), Tile(m=6, n=4, k=1), 13, 6 + 2)


# -- scale ----------------------------------------------------------------------------------
def test_a_tile_of_many_folds_is_exact() -> None:
    # 16384 x 16384 folds of 128x128, M = 2^20: load 128, streams, skew 254
    side = 16384 * 128
    unit = array(128, 128, "weight", double_buffer=True)
    timing = unit.timing(Tile(m=2**20, n=side, k=side))
    assert timing.folds == 16384**2
    assert timing.cycles == 128 + 2**28 * 2**20 + 254
    assert timing.interval_cycles == 2**28 * 2**20


# -- the control is right and as early as can be ---------------------------------------------
def step(model: type[RegisterModel], unit: SystolicArray, tile: Tile) -> int:
    """Cycles that a model of the array takes, or the hazard it runs into."""
    extents = Extents.of(unit.spec.dataflow, tile)
    left = np.ones((extents.stream, extents.rows), np.int64)
    top_rows = extents.stream if unit.spec.dataflow == "output_stationary" else extents.rows
    top = np.ones((top_rows, extents.columns), np.int64)
    return model(unit.spec, extents, left, top, repeats=1).run()[1]


class EarlyOperandModel(StationaryOperandModel):
    def wait_cycles(self, fold: Fold, following: Fold) -> int:
        return super().wait_cycles(fold, following) - 1


class EarlyOutputModel(StationaryOutputModel):
    def wait_cycles(self, fold: Fold, following: Fold) -> int:
        return super().wait_cycles(fold, following) - 1


class EarlyFirstStreamModel(StationaryOperandModel):
    def control(self) -> None:
        if self.streaming >= 0:
            super().control()
        elif self.loaded_rows == self.folds[0].grid_rows - 1:
            self.start()


def test_models_run_without_hazard_when_started_in_time() -> None:
    weight, output = array(4, 4, "weight"), array(4, 4, "output")
    assert step(StationaryOperandModel, weight, Tile(m=6, n=4, k=4)) == 16
    assert step(StationaryOutputModel, output, Tile(m=4, n=4, k=6)) == 16


def test_a_stream_one_cycle_before_its_operand_meets_the_wrong_one() -> None:
    with pytest.raises(RegisterHazardError, match="not its fold's"):
        step(EarlyFirstStreamModel, array(4, 4, "weight"), Tile(m=6, n=4, k=4))


@pytest.mark.parametrize(
    ("model", "dataflow", "tile", "hazard"),
    [
        (EarlyOperandModel, "weight", Tile(m=6, n=4, k=8), "edge is still busy"),
        (EarlyOperandModel, "weight", Tile(m=3, n=4, k=6), "column's output port"),
        (EarlyOutputModel, "output", Tile(m=8, n=4, k=6), "edge is still busy"),
        (EarlyOutputModel, "output", Tile(m=8, n=4, k=2), "onto one still to leave"),
        (EarlyOutputModel, "output", Tile(m=6, n=4, k=1), "still draining"),
    ],
)
def test_an_overlapped_fold_one_cycle_early_collides(
    model: type[RegisterModel], dataflow: str, tile: Tile, hazard: str
) -> None:
    unit = array(4, 4, dataflow, double_buffer=True)
    with pytest.raises(RegisterHazardError, match=hazard):
        step(model, unit, tile)


# -- the worked example of docs/systolic_arrays.md -----------------------------------------------
@pytest.mark.parametrize(
    ("dataflow", "options", "cycles", "interval"),
    [
        ("weight", {}, 942, 942),
        ("weight", {"double_buffer": True}, 622, 584),
        ("output", {}, 1032, 1032),
        ("output", {"double_buffer": True}, 526, 480),
        ("output", {"drain": "parallel", "input_register": True}, 852, 852),
        ("input", {}, 1064, 1064),
        ("input", {"double_buffer": True}, 622, 584),
    ],
)
def test_worked_example(dataflow: str, options: dict[str, Any], cycles: int, interval: int) -> None:
    check(array(16, 16, dataflow, **options), Tile(m=64, n=48, k=40), cycles, interval)
