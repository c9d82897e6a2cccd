"""The contract of a matrix unit: its faces agree, whatever its kind.

A test module that holds

    from simulator.testing.matrix_units import MatrixUnitContract

    class TestMyUnit(MatrixUnitContract):
        units = [MyUnit(spec) for spec in SPECS]

runs all of it under pytest. Give it small units with every option and format pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace
from itertools import pairwise
from typing import Any, ClassVar

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.hardware.matrix_unit import MatrixUnit, Tile, reference_operands
from simulator.hardware.primitives import ActionCounts
from simulator.numerics import format_named

KINDS_OF_PRIMITIVE = {
    *("multiplier", "adder", "full_adder", "shifter", "flip_flop", "mux2", "xor2", "and2"),
    *("sram", "compute_sram", "register_file"),
}
"""What units may be made of, so that technologies have prices for it."""
RAGGED = Tile(m=7, n=6, k=9)
"""A tile that most units cannot fill."""

tiles = st.builds(Tile, m=st.integers(1, 11), n=st.integers(1, 11), k=st.integers(1, 11))
large_tiles = st.builds(
    Tile, m=st.integers(1, 5000), n=st.integers(1, 5000), k=st.integers(1, 5000)
)


class MatrixUnitContract:
    """The suite. units: what it runs over, at least one."""

    units: ClassVar[Sequence[MatrixUnit[Any]]] = ()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Give every test that takes `unit` each of them."""
        if "unit" in metafunc.fixturenames:
            metafunc.parametrize("unit", self.units, ids=_label)

    # -- the register-level model against the closed forms ----------------------------
    def test_registers_agree_on_a_ragged_tile_and_a_chain(self, unit: MatrixUnit[Any]) -> None:
        _check_registers(unit, RAGGED, repeats=1, seed=1)
        _check_registers(unit, RAGGED, repeats=3, seed=2)

    @given(data=st.data(), tile=tiles, repeats=st.integers(1, 3), seed=st.integers(0, 2**32 - 1))
    @settings(max_examples=300, deadline=None)
    def test_registers_agree_on_any_shape(
        self, data: st.DataObject, tile: Tile, repeats: int, seed: int
    ) -> None:
        unit = _drawn(data, self.units)
        _check_registers(unit, tile, repeats, seed)

    # -- values -------------------------------------------------------------------------
    def test_values_are_the_product(self, unit: MatrixUnit[Any]) -> None:
        _check_values(unit)

    # -- narrower weights ---------------------------------------------------------------
    def test_narrower_weights_are_multiplied_by_the_same_unit(self, unit: MatrixUnit[Any]) -> None:
        taken = [unit.format_pairs[0]]
        for narrower in unit.narrower:
            assert narrower.is_narrowed and not narrower.narrower
            assert narrower.structure() == unit.structure()
            assert narrower.accumulator_format == unit.accumulator_format
            assert narrower.preparation == unit.preparation
            _check_registers(narrower, RAGGED, repeats=1, seed=4)
            _check_values(narrower)
            taken += narrower.format_pairs
        assert len(set(taken)) == len(taken)
        (inputs, widest), *others = taken
        for other_inputs, weights in others:
            assert other_inputs == inputs
            assert format_named(weights).bits < format_named(widest).bits

    @given(data=st.data(), tile=large_tiles)
    @settings(deadline=None)
    def test_fewer_bits_are_never_slower(self, data: st.DataObject, tile: Tile) -> None:
        unit = data.draw(st.sampled_from(self.units))
        in_order = sorted(unit.narrower, key=lambda each: _weight_bits(each))
        for less, more in pairwise((*in_order, unit)):
            assert less.timing(tile).cycles <= more.timing(tile).cycles
            assert less.timing(tile).interval_cycles <= more.timing(tile).interval_cycles
            assert less.macs_per_cycle >= more.macs_per_cycle
            moved, of_more = less.traffic(tile), more.traffic(tile)
            assert moved.input_read_bytes <= of_more.input_read_bytes
            assert moved.weight_read_bytes <= of_more.weight_read_bytes
            assert moved.psum_write_bytes <= of_more.psum_write_bytes

    # -- timing -------------------------------------------------------------------------
    @given(data=st.data(), tile=large_tiles)
    @settings(deadline=None)
    def test_timing_is_consistent_and_never_beats_the_peak(
        self, data: st.DataObject, tile: Tile
    ) -> None:
        unit = _drawn(data, self.units)
        timing = unit.timing(tile)
        assert all(isinstance(value, int) and value >= 0 for value in astuple(timing))
        assert timing.load_cycles + timing.stream_cycles + timing.drain_cycles == timing.cycles
        assert timing.folds >= 1
        assert timing.interval_cycles <= timing.cycles
        assert timing.interval_cycles * unit.macs_per_cycle >= tile.macs

    @given(data=st.data(), tile=large_tiles, more=st.integers(1, 9))
    @settings(deadline=None)
    def test_more_work_never_takes_fewer_cycles(
        self, data: st.DataObject, tile: Tile, more: int
    ) -> None:
        unit = _drawn(data, self.units)
        cycles = unit.timing(tile).cycles
        assert unit.timing(replace(tile, m=tile.m + more)).cycles >= cycles
        assert unit.timing(replace(tile, n=tile.n + more)).cycles >= cycles
        assert unit.timing(replace(tile, k=tile.k + more)).cycles >= cycles

    # -- structure, actions, traffic ------------------------------------------------------
    def test_structure_is_made_of_known_primitives(self, unit: MatrixUnit[Any]) -> None:
        parts = unit.structure()
        assert parts
        assert all(part.count > 0 for part in parts)
        assert {part.primitive.kind for part in parts} <= KINDS_OF_PRIMITIVE
        assert len({(part.path, part.primitive) for part in parts}) == len(parts)

    @given(data=st.data(), tile=large_tiles)
    @settings(deadline=None)
    def test_actions_happen_on_parts_that_exist(self, data: st.DataObject, tile: Tile) -> None:
        unit = _drawn(data, self.units)
        parts = {(part.path, part.primitive) for part in unit.structure()}
        actions = unit.actions(tile).counts
        assert actions
        assert all(count > 0 for count in actions.values())
        assert {(action.path, action.primitive) for action in actions} <= parts

    @given(data=st.data(), tile=large_tiles)
    @settings(deadline=None)
    def test_traffic_is_at_least_compulsory(self, data: st.DataObject, tile: Tile) -> None:
        unit = _drawn(data, self.units)
        input_format, weight_format = unit.format_pairs[0]
        sum_bits = format_named(unit.accumulator_format).bits
        alone, onto = unit.traffic(tile), unit.traffic(tile, accumulate=True)
        assert 8 * alone.input_read_bytes >= tile.m * tile.k * format_named(input_format).bits
        assert 8 * alone.weight_read_bytes >= tile.k * tile.n * format_named(weight_format).bits
        assert 8 * alone.psum_write_bytes >= tile.m * tile.n * sum_bits
        assert 8 * (onto.psum_read_bytes - alone.psum_read_bytes) == tile.m * tile.n * sum_bits
        assert replace(onto, psum_read_bytes=alone.psum_read_bytes) == alone

    # -- several units ----------------------------------------------------------------------
    @given(data=st.data(), tile=large_tiles, ways=st.integers(1, 9))
    @settings(deadline=None)
    def test_a_split_covers_the_tile_and_is_no_slower(
        self, data: st.DataObject, tile: Tile, ways: int
    ) -> None:
        unit = _drawn(data, self.units)
        shares = unit.split(tile, ways)
        assert 1 <= sum(share.units for share in shares) <= ways
        assert all(s.tile.m and s.tile.n and s.tile.k == tile.k and s.units for s in shares)
        assert sum(share.tile.macs * share.units for share in shares) == tile.macs
        makespan = max(unit.timing(share.tile).cycles for share in shares)
        assert makespan <= unit.timing(tile).cycles

    def test_two_units_halve_work_that_divides(self, unit: MatrixUnit[Any]) -> None:
        grain = unit.granularity
        tile = Tile(m=64 * grain.m, n=64 * grain.n, k=8 * grain.k)
        (share,) = unit.split(tile, 2)
        assert share.units == 2
        assert share.tile.macs * 2 == tile.macs


def _label(unit: MatrixUnit[Any]) -> str:
    return "-".join(str(value) for value in unit.spec.model_dump().values())


def _eps(format_name: str) -> float:
    """Twice the largest error of rounding to a format, relative to its largest value or scale."""
    number_format = format_named(format_name)
    if number_format.kind == "int":
        return 1 / number_format.maximum
    return float(ml_dtypes.finfo(number_format.dtype).eps)  # type: ignore[no-untyped-call]


def _subnormals(values: NDArray[Any], format_name: str) -> NDArray[Any]:
    """Magnitudes of what an approximate unit may take as zero; zero elsewhere."""
    number_format = format_named(format_name)
    if number_format.kind == "int":
        return np.zeros_like(values)
    magnitudes = abs(values)
    return np.where(magnitudes < 2.0**number_format.least_exponent, magnitudes, 0)


def _check_values(unit: MatrixUnit[Any]) -> None:
    """`compute` gives the product of operands of every pair, up to what its formats round."""
    rng = np.random.default_rng(3)
    for input_format, weight_format in unit.format_pairs:
        inputs, weights = reference_operands(rng, RAGGED, input_format, weight_format)
        computed = unit.compute(inputs, weights)
        assert computed.shape == (RAGGED.m, RAGGED.n)
        accumulator = format_named(unit.accumulator_format)
        if accumulator.kind == "int":
            exact = inputs.astype(np.int64) @ weights.astype(np.int64)
            np.testing.assert_array_equal(computed.astype(np.int64), exact)
            continue
        a, w = inputs.astype(np.float64), weights.astype(np.float64)
        eps = max(map(_eps, unit.rounding_formats))
        terms = RAGGED.k
        if format_named(weight_format).kind == "int":  # a term per bit, up to the largest code
            terms *= format_named(weight_format).bits
            w = np.full_like(w, 2.0 ** format_named(weight_format).bits)
        # Every product and every sum rounds by at most half a unit in the last place.
        bound = (2 * terms + 1) * eps * (abs(a) @ abs(w))
        if unit.approximate:
            bound *= 1 + unit.product_error
            bound += unit.product_error * (abs(a) @ abs(w))
            bound += _subnormals(a, input_format) @ abs(w) + abs(a) @ _subnormals(w, weight_format)
        w = weights.astype(np.float64)
        assert (abs(computed.astype(np.float64) - a @ w) <= bound).all()


def _weight_bits(unit: MatrixUnit[Any]) -> int:
    return format_named(unit.format_pairs[0][1]).bits


def _drawn(data: st.DataObject, units: Sequence[MatrixUnit[Any]]) -> MatrixUnit[Any]:
    """One of the units, as it is or at work on narrower weights."""
    unit = data.draw(st.sampled_from(units))
    return data.draw(st.sampled_from((unit, *unit.narrower)))


def _check_registers(unit: MatrixUnit[Any], tile: Tile, repeats: int, seed: int) -> None:
    for input_format, weight_format in unit.format_pairs:
        rng = np.random.default_rng(seed)
        inputs, weights = reference_operands(rng, tile, input_format, weight_format)
        run = unit.registers(inputs, weights, repeats)
        timing = unit.timing(tile)
        assert run.cycles == timing.cycles + (repeats - 1) * timing.interval_cycles
        computed = unit.compute(inputs, weights)
        assert run.values.dtype == computed.dtype == format_named(unit.accumulator_format).dtype
        assert run.values.tobytes() == computed.tobytes()
        actions = ActionCounts.total([(unit.actions(tile), repeats)])
        assert run.actions.counts == actions.counts
