"""Row programs on an array of columns: numpy's values, cycles of the closed forms."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.hardware.sram_pim import arithmetic
from simulator.hardware.sram_pim.arithmetic import Number, fetch, store
from simulator.hardware.sram_pim.array import ColumnArray

COLUMNS = 64
widths = st.integers(1, 20)
seeds = st.integers(0, 2**32 - 1)


def _random(seed: int, bits: int, signed: bool = False) -> NDArray[np.int64]:
    low = -(1 << bits - 1) if signed else 0
    values = np.random.default_rng(seed).integers(low, low + (1 << bits), size=COLUMNS)
    values[:2] = low, low + (1 << bits) - 1
    return values


def _array(*stored: tuple[Number, NDArray[Any]]) -> ColumnArray:
    array = ColumnArray(96, COLUMNS)
    for number, values in stored:
        store(array, number, values)
    array.cycles = array.reads = array.writes = array.computes = 0
    return array


# -- one access ---------------------------------------------------------------------------
def test_sense_amplifiers_see_and_and_nor_of_two_cells() -> None:
    array = ColumnArray(3, 4)
    left, right = np.array([0, 0, 1, 1], bool), np.array([0, 1, 0, 1], bool)
    array.write_row(0, left)
    array.write_row(1, right)
    for logic, expected in {
        "and": left & right,
        "nor": ~(left | right),
        "xor": left ^ right,
        "or": left | right,
    }.items():
        array.combine(logic, 0, 1, 2)  # type: ignore[arg-type]
        np.testing.assert_array_equal(array.cells[2], expected)
    assert (array.writes, array.computes, array.reads, array.cycles) == (2, 4, 0, 6)


def test_a_full_adder_takes_eight_cases_in_one_cycle() -> None:
    # All of left, right, carry: bit 0, 1 and 2 of the column's number.
    case = np.arange(8)
    array = ColumnArray(3, 8)
    array.cells[:2] = case & 1, case >> 1 & 1
    array.carry[:] = case >> 2
    array.full_add(0, 1, 2)
    ones = np.bitwise_count(case)
    np.testing.assert_array_equal(array.cells[2], ones & 1)
    np.testing.assert_array_equal(array.carry, ones >> 1)
    assert (array.cycles, array.computes) == (1, 1)


def test_only_columns_with_a_tag_are_written() -> None:
    array = ColumnArray(4, 4)
    array.cells[0] = 0, 1, 0, 1
    array.cells[1] = True
    array.load_tag(0)
    array.copy_row(1, 2, predicated=True)
    assert array.cells[2].tolist() == [False, True, False, True]
    # A carry stays where it is not written.
    array.carry[:] = True
    array.store_carry(3, predicated=True)
    assert array.cells[3].tolist() == [False, True, False, True]
    assert array.carry.tolist() == [True, False, True, False]
    array.clear_carry()
    assert not array.carry.any()
    assert (array.cycles, array.reads, array.writes, array.computes) == (4, 1, 1, 1)


def test_an_array_has_rows_and_columns() -> None:
    with pytest.raises(CyclelabError, match="0 rows"):
        ColumnArray(0, 8)


# -- programs -----------------------------------------------------------------------------
@given(bits=st.integers(1, 63), seed=seeds, signed=st.booleans())
def test_what_is_stored_is_fetched_again_a_bit_a_cycle(bits: int, seed: int, signed: bool) -> None:
    values = _random(seed, bits, signed)
    number = Number(3, bits, signed)
    array = ColumnArray(96, COLUMNS)
    store(array, number, values)
    assert (array.writes, array.cycles) == (bits, bits)
    np.testing.assert_array_equal(fetch(array, number), values)
    assert (array.reads, array.cycles) == (bits, 2 * bits)


@given(bits=widths, seed=seeds)
def test_sums_with_their_carries(bits: int, seed: int) -> None:
    left, right = Number(0, bits), Number(20, bits)
    a, b = _random(seed, bits), _random(seed + 1, bits)
    array = _array((left, a), (right, b))
    arithmetic.add(array, left, right, Number(40, bits), carry=40 + bits)
    assert array.cycles == arithmetic.add_cycles(bits) == bits + 1
    np.testing.assert_array_equal(fetch(array, Number(40, bits + 1)), a + b)
    assert not array.carry.any()


@given(n=widths, m=widths, bits=widths, signs=st.tuples(st.booleans(), st.booleans()), seed=seeds)
def test_operands_of_any_width_and_sign_go_on_to_the_sum_s(
    n: int, m: int, bits: int, signs: tuple[bool, bool], seed: int
) -> None:
    zero = 95
    left, right = Number(0, n, signs[0], zero), Number(20, m, signs[1], zero)
    a, b = _random(seed, n, signs[0]), _random(seed + 1, m, signs[1])
    into = Number(40, bits)
    array = _array((left, a), (right, b))
    arithmetic.add(array, left, right, into)
    assert array.cycles == arithmetic.add_cycles(bits, carry=False) == bits
    np.testing.assert_array_equal(fetch(array, into), (a + b) % (1 << bits))
    array = _array((left, a), (right, b))
    arithmetic.subtract(array, left, right, into)
    assert array.cycles == arithmetic.subtract_cycles(bits) == 2 * bits
    np.testing.assert_array_equal(fetch(array, into), (a - b) % (1 << bits))
    assert not array.carry.any()


@given(bits=widths, shift=st.integers(0, 19), seed=seeds)
def test_a_shift_is_an_offset_of_rows(bits: int, shift: int, seed: int) -> None:
    total, addend = Number(0, 40), Number(40, bits, signed=True)
    a, b = _random(seed, 40), _random(seed + 1, bits, signed=True)
    array = _array((total, a), (addend, b))
    arithmetic.add(array, total.above(shift), addend, total.above(shift))
    assert array.cycles == 40 - shift
    np.testing.assert_array_equal(fetch(array, total), (a + (b << shift)) % (1 << 40))


@given(n=widths, m=widths, seed=seeds)
def test_products(n: int, m: int, seed: int) -> None:
    left, right, into = Number(0, n), Number(20, m), Number(40, n + m)
    a, b = _random(seed, n), _random(seed + 1, m)
    array = _array((left, a), (right, b))
    arithmetic.multiply(array, left, right, into)
    assert array.cycles == arithmetic.multiply_cycles(n, m)
    np.testing.assert_array_equal(fetch(array, into), a * b)
    assert not array.carry.any()


@pytest.mark.parametrize(("bits", "cycles"), [(8, 102), (16, 334), (32, 1182), (64, 4414)])
def test_products_take_the_published_cycles(bits: int, cycles: int) -> None:
    # Neural Cache: n² + 5n - 2; by steps, 8 bits: 16 zeros + 8 tags + 8 copied + 7 · (8 + 2).
    assert arithmetic.multiply_cycles(bits) == bits**2 + 5 * bits - 2 == cycles
    array = ColumnArray(4 * bits, 2)
    arithmetic.multiply(array, Number(0, bits), Number(bits, bits), Number(2 * bits, 2 * bits))
    assert array.cycles == cycles


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_a_whole_array_is_multiplied_within_a_second(bits: int) -> None:
    # 256 rows hold 256 / 4n pairs with their products, 256 columns side by side.
    rng = np.random.default_rng(bits)
    sets = range(0, 256, 4 * bits)
    array = ColumnArray(256, 256)
    operands = rng.integers(0, 1 << bits, size=(len(sets), 2, 256))
    numbers = [(Number(at, bits), Number(at + bits, bits)) for at in sets]
    for pair, values in zip(numbers, operands, strict=True):
        for number, own in zip(pair, values, strict=True):
            store(array, number, own)
    start = time.perf_counter()
    for left, right in numbers:
        arithmetic.multiply(array, left, right, Number(left.row + 2 * bits, 2 * bits))
    elapsed = time.perf_counter() - start
    for (left, _), (a, b) in zip(numbers, operands, strict=True):
        # int64 holds 64 bits as two's complement: the same bits, seen as unsigned ones.
        product = fetch(array, Number(left.row + 2 * bits, 2 * bits, signed=bits == 32))
        exact = a.astype(np.uint64) * b.astype(np.uint64)
        np.testing.assert_array_equal(product.view(np.uint64), exact)
    assert elapsed < 1


def test_a_product_has_room_for_all_its_bits() -> None:
    with pytest.raises(CyclelabError, match="has 8: found a result of 7"):
        arithmetic.multiply(ColumnArray(32, 1), Number(0, 4), Number(4, 4), Number(8, 7))


def test_an_unsigned_number_ends_without_zeros() -> None:
    with pytest.raises(CyclelabError, match="4 bits has no bit 4"):
        Number(0, 4).line(4)


def test_copies_and_clears() -> None:
    source = Number(0, 5, signed=True)
    values = _random(1, 5, signed=True)
    array = _array((source, values))
    arithmetic.copy(array, source, Number(8, 9))
    assert array.cycles == 9
    np.testing.assert_array_equal(fetch(array, Number(8, 9, signed=True)), values)
    arithmetic.clear(array, Number(8, 9))
    assert not array.cells[8:17].any()


@pytest.mark.parametrize(("value", "signed"), [(16, False), (-1, False), (8, True), (-9, True)])
def test_what_does_not_fit_is_not_stored(value: int, signed: bool) -> None:
    array = ColumnArray(8, 3)
    with pytest.raises(CyclelabError, match=f"{value} does not fit a number of 4 bits, which is"):
        store(array, Number(0, 4, signed), np.array([0, value, 0]))
    assert not array.cells.any()


def test_rows_are_those_of_the_array() -> None:
    array = ColumnArray(8, 3)
    for row in (-1, 8):
        with pytest.raises(CyclelabError, match=f"row {row} of an array with rows 0 to 7"):
            array.read_row(row)
        with pytest.raises(CyclelabError, match=f"row {row} of"):
            array.copy_row(0, row)
    with pytest.raises(CyclelabError, match="row 8 of"):
        store(array, Number(6, 3), np.array([1, 2, 7]))
