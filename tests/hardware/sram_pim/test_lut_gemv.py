"""Rows, cycles and choices of a LUT-GEMV: worked out by hand, and what must hold."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim import SramPim, SramPimSpec
from simulator.hardware.sram_pim.layouts import Layout
from simulator.hardware.sram_pim.lut_gemv import (
    LutGemv,
    best_basis_weights,
    check_fit,
    largest_basis_weights,
    peak_macs_per_cycle,
)

DEPTH = 1024


def layout_of(layout: str = "bit_serial", **changes: Any) -> Layout:
    """Of a 256 × 256 array of int8 × int4."""
    return SramPimSpec(layout=layout, **changes).array_layout  # type: ignore[arg-type]


def phases(layout: Layout, k: int, tile: Tile) -> tuple[int, ...]:
    found = LutGemv(layout, k).phases(tile)
    return found.load, found.build, found.lookup


# -- rows and cycles, by hand --------------------------------------------------------------
@pytest.mark.parametrize(
    ("weight_bits", "batch", "k", "rows", "cycles"),
    [
        # acc = 8 + w + 10; planes cost acc + (acc - 1) + … + (acc - 7) = 8 acc - 28.
        # w = 2, k = 1: 1024 groups; load 1024 · 2; no sums to make; lookup 1024 · 132;
        # rows 1 · 2 + 20 + 2.
        (2, 1, 1, 24, (2048, 0, 135168)),
        # k = 2: we = 3, 512 groups; one sum of 3 + 1 cycles each; rows 3 · 3 + 20 + 2.
        (2, 1, 2, 31, (2048, 512 * 4, 512 * 132)),
        # w = 4, k = 4, B = 8: we = 6, acc = 22, 256 groups; 11 sums of 6 + 1;
        # 256 · 8 · 148; rows 15 · 6 + 8 · 22 + 2, more than there are.
        (4, 7, 4, 15 * 6 + 7 * 22 + 2, (256 * 16, 256 * 11 * 7, 256 * 7 * 148)),
        # w = 8, k = 3: we = 10, acc = 26, ⌈1024 / 3⌉ = 342 groups; 4 sums of 11.
        (8, 2, 3, 7 * 10 + 2 * 26 + 2, (342 * 24, 342 * 4 * 11, 342 * 2 * 180)),
    ],
)
def test_bit_serial_by_hand(
    weight_bits: int, batch: int, k: int, rows: int, cycles: tuple[int, int, int]
) -> None:
    layout = layout_of(weight_format=f"int{weight_bits}")
    assert layout.rows_needed(k, batch, DEPTH) == rows
    assert phases(layout, k, Tile(batch, 256, DEPTH)) == cycles
    # Columns beyond the array's are a second block, fewer columns leave some idle.
    assert phases(layout, k, Tile(batch, 257, DEPTH)) == tuple(2 * each for each in cycles)
    assert phases(layout, k, Tile(batch, 1, DEPTH)) == cycles


@pytest.mark.parametrize(
    ("weight_bits", "batch", "k", "outputs", "rows", "cycles"),
    [
        # w = 2, k = 1: words of 2 bits, 128 of them; load 1024 rows, lookup 1024 · 8 reads.
        (2, 1, 1, 128, 3, (1024, 0, 8192)),
        # w = 4, k = 4: words of 6 bits, ⌊256 / 6⌋ = 42; 256 · 4 rows, 256 · 11 sums.
        (4, 32, 4, 42, 20, (1024, 2816, 256 * 32 * 8)),
        # w = 8, k = 6: words of 11 bits, 23; ⌈1024 / 6⌉ = 171 groups of 57 sums.
        (8, 16, 6, 23, 70, (171 * 6, 171 * 57, 171 * 16 * 8)),
    ],
)
def test_bit_parallel_by_hand(
    weight_bits: int, batch: int, k: int, outputs: int, rows: int, cycles: tuple[int, int, int]
) -> None:
    layout = layout_of("bit_parallel", weight_format=f"int{weight_bits}")
    assert layout.outputs(k) == outputs
    assert layout.rows_needed(k, batch, DEPTH) == rows
    assert phases(layout, k, Tile(batch, outputs, DEPTH)) == cycles


def test_sums_are_read_out() -> None:
    tile = Tile(3, 256, DEPTH)
    # Bit-serial: 22 rows for each of 3 rows of inputs.
    assert LutGemv(layout_of(), 4).phases(tile).read_out == 3 * 22
    # Bit-parallel: 42 sums of 32 bits through 256 columns are 6 cycles, for 6 blocks; the
    # last 4 of 256 are a word of the port.
    gemv = LutGemv(layout_of("bit_parallel"), 4)
    assert gemv.read_out(tile) == ((6, 6), (1, 1))
    assert gemv.phases(tile).read_out == 3 * (6 * 6 + 1)


def test_who_has_one_sum_reads_one() -> None:
    """Of a single product nothing is saved by a wider table, nor by fewer outputs beside it."""
    lone, bit_parallel = Tile(1, 1, 1), layout_of("bit_parallel")
    assert LutGemv(bit_parallel, 1).phases(lone).read_out == 1
    assert best_basis_weights(bit_parallel, lone) == 1
    # In columns, all sums leave bit by bit, side by side.
    assert LutGemv(layout_of(), 1).read_out(lone) == LutGemv(layout_of(), 1).read_out(
        Tile(1, 256, 1)
    )


@given(st.integers(1, 600), st.integers(1, 5))
def test_the_port_is_as_busy_as_its_words_are_wide(outputs: int, k: int) -> None:
    gemv = LutGemv(layout_of("bit_parallel"), k)
    read_out = gemv.phases(Tile(1, outputs, DEPTH)).read_out
    least = outputs * 32 / 256
    assert least <= read_out < least + -(-outputs // gemv.outputs)


@pytest.mark.parametrize(
    ("latencies", "each"), [("neural_cache", 7), ("infinity_stream", 6), ("mve", 6)]
)
def test_additions_take_what_the_table_of_latencies_says(latencies: str, each: int) -> None:
    # k = 4, w = 4: 11 sums of 6 bits for each of 256 groups.
    _, build, _ = phases(layout_of(latencies=latencies), 4, Tile(1, 256, DEPTH))
    assert build == 256 * 11 * each


@given(
    m=st.integers(1, 40),
    n=st.integers(1, 900),
    depth=st.integers(1, 4096),
    k=st.integers(1, 5),
    planes=st.sampled_from((4, 8, 16)),
)
def test_sums_made_and_entries_looked_up(m: int, n: int, depth: int, k: int, planes: int) -> None:
    groups = -(-depth // k)
    layout = layout_of("bit_parallel", input_format=f"int{planes}", batch_sums=40)
    load, build, lookup = phases(layout, k, Tile(m, layout.outputs(k), depth))
    assert (load, build) == (groups * k, groups * (2**k - k - 1))
    assert lookup == groups * m * planes


# -- what fits -------------------------------------------------------------------------------
@given(
    layout=st.sampled_from(("bit_serial", "bit_parallel")),
    rows=st.integers(48, 600),
    k=st.integers(1, 8),
    depth=st.integers(1, 4096),
)
def test_the_largest_batch_and_table_just_fit(layout: str, rows: int, k: int, depth: int) -> None:
    found = layout_of(layout, rows=rows)
    batch = found.largest_batch(k, depth)
    if batch:
        assert found.rows_needed(k, batch, depth) <= rows
        check_fit(found, k, batch, depth)
        assert largest_basis_weights(found, batch, depth) >= k
    with pytest.raises(CyclelabError):
        check_fit(found, k, batch + 1, depth)
    if layout == "bit_serial":
        assert found.rows_needed(k, batch + 1, depth) > rows


def test_what_does_not_fit_names_what_does() -> None:
    # 15 · 6 + 8 · 22 + 2 = 268 rows; 7 rows of inputs need 246; k = 3 with 8: 42 + 176 + 2.
    with pytest.raises(CyclelabError) as found:
        check_fit(layout_of(), 4, 8, DEPTH)
    message = str(found.value)
    for part in ("basis_weights 4", "batch of 8", "1024 inputs", "268 rows", "has 256"):
        assert part in message
    assert "a batch of at most 7 or basis_weights of at most 3 for that batch" in message
    # Not even k = 1 beside 32 rows of inputs: 4 + 32 · 22 + 2.
    with pytest.raises(CyclelabError, match=r"710 rows.*fits: a batch of at most 11$"):
        check_fit(layout_of(), 1, 32, DEPTH)
    # Neither the table for one row, nor any table for 12.
    with pytest.raises(CyclelabError, match=r"fits: basis_weights of at most 5 and a batch of 1$"):
        check_fit(layout_of(), 6, 12, DEPTH)
    with pytest.raises(CyclelabError, match="33 sums per output, the feeding module has 32"):
        check_fit(layout_of("bit_parallel"), 4, 33, DEPTH)
    with pytest.raises(CyclelabError, match="264 rows, the array has 256"):
        check_fit(layout_of("bit_parallel"), 8, 1, DEPTH)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        # 4 rows of an entry, 12 of a sum, zeros and carries: not even one input.
        ({"rows": 16}, "need 18 rows, the array has 16; what fits: nothing, use more rows"),
        # 63 entries of 7 rows, 15 of a sum, two more, for six inputs.
        ({"basis_weights": 6}, "458 rows, the array has 256.*basis_weights of at most 5"),
        ({"layout": "bit_parallel", "columns": 3}, r"4 bits .* do not fit rows of 3 columns"),
        ({"input_format": "uint8"}, "input_format: found uint8, expected int2 to int16"),
        ({"weight_format": "int9"}, "weight_format: found int9, expected .* at most 8 bits"),
        ({"weight_format": "bipolar2"}, "weight_format: found bipolar2"),
        ({"accumulator_format": "int8"}, "at least 12 signed bits"),
        ({"latencies": "neural_cash"}, "did you mean 'neural_cache'"),
        ({"batch_sums": 12}, "multiple of 8"),
    ],
)
def test_a_wrong_array_says_what_is_expected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SramPimSpec(**changes)


def test_a_table_of_latencies_with_less_than_a_cycle_per_bit(tmp_path: Path) -> None:
    file = tmp_path / "quick.yaml"
    file.write_text(
        "name: quick\noperations:\n  add: {coefficients: [2], source: a test, quality: assumed}\n"
    )
    with pytest.raises(ValueError, match=r"additions of 4 bits take 2 cycles in .*quick\.yaml"):
        SramPimSpec(latencies=str(file))
    # One that takes longer is waited for.
    file = tmp_path / "slow.yaml"
    file.write_text(file.with_name("quick.yaml").read_text().replace("[2]", "[3, 1]"))
    unit = SramPim(SramPimSpec(columns=4, basis_weights=2, latencies=str(file)))
    run = unit.registers(np.ones((1, 2), np.int8), np.ones((2, 1), np.int8))
    assert run.cycles == unit.timing(Tile(1, 1, 2)).cycles
    # Two weights of 4 bits, one sum of 5 bits and 3 more cycles.
    assert unit.phases(Tile(1, 1, 2)).build == 5 + 3


def test_a_product_too_deep_for_its_table_says_so() -> None:
    # 31 · 7 + 2 rows of a table leave 37: sums of 2^25 products are 8 + 4 + 25 bits, no more.
    unit = SramPim(SramPimSpec(basis_weights=5))
    unit.timing(Tile(1, 1, 2**25))
    with pytest.raises(CyclelabError, match=r"basis_weights of at most 4"):
        unit.timing(Tile(1, 1, 2**25 + 1))


# -- batches in passes, the best k -------------------------------------------------------------
def test_what_does_not_fit_at_once_goes_in_passes() -> None:
    assert SramPim(SramPimSpec()).largest_batch(4, DEPTH) == 7
    gemv = LutGemv(layout_of(), 4)
    assert gemv.blocks(Tile(7, 256, DEPTH)).passes == 1
    assert gemv.blocks(Tile(8, 256, DEPTH)).passes == 2
    one, two = (gemv.phases(Tile(m, 256, DEPTH)) for m in (7, 14))
    assert (two.load, two.build) == (2 * one.load, 2 * one.build)
    assert (two.lookup, two.read_out) == (2 * one.lookup, 2 * one.read_out)


WIDE = 256 * 42 * 36
"""Columns of so many outputs that ragged blocks of any k do not matter."""


@pytest.mark.parametrize(
    ("layout", "best"),
    [
        ("bit_serial", {1: 4, 2: 4, 4: 4, 8: 3}),
        ("bit_parallel", {1: 2, 2: 3, 4: 4, 8: 4, 16: 4, 32: 6}),
    ],
)
def test_the_best_k_of_a_batch_that_fits(layout: str, best: dict[int, int]) -> None:
    found = layout_of(layout)
    for batch, k in best.items():
        assert best_basis_weights(found, Tile(batch, WIDE, DEPTH), in_one_pass=True) == k


def test_two_passes_with_a_large_table_win_over_one_with_a_small_one() -> None:
    # B = 8: k = 3 fits, 342 · (12 + 28 + 8 · 148); k = 4 takes 2 · 256 · (16 + 77) + 256 · 8 · 148;
    # and both read 8 · 22 rows.
    tile = Tile(8, 256, DEPTH)
    three, four = (LutGemv(layout_of(), k).phases(tile).total for k in (3, 4))
    assert (three, four) == (418608 + 176, 350720 + 176)
    assert best_basis_weights(layout_of(), tile) == 4
    unit = SramPim(SramPimSpec())
    assert unit.best_basis_weights(tile) == 4
    assert unit.timing(tile).cycles == four


@given(
    layout=st.sampled_from(("bit_serial", "bit_parallel")),
    tile=st.builds(Tile, m=st.integers(1, 40), n=st.integers(1, 600), k=st.integers(1, 4096)),
)
def test_no_k_is_better_than_the_best(layout: str, tile: Tile) -> None:
    found = layout_of(layout)
    cycles = LutGemv(found, best_basis_weights(found, tile)).phases(tile).total
    for k in range(1, 9):
        if found.largest_batch(k, tile.k):
            assert LutGemv(found, k).phases(tile).total >= cycles


def test_a_k_that_nothing_fits_beside() -> None:
    with pytest.raises(CyclelabError, match="batch of at most 11"):
        best_basis_weights(layout_of(), Tile(12, 1, DEPTH), in_one_pass=True)


def test_the_peak_by_hand() -> None:
    # k = 4, one group of 4: acc = 14, 92 rows of table leave room for 11; 16 + 77 cycles for
    # the table, 11 · (8 · 14 - 28) for 11 · 256 · 4 products.
    expected = Fraction(11 * 256 * 4, 16 + 77 + 11 * 84)
    assert peak_macs_per_cycle(layout_of(), 4) == expected
    assert SramPim(SramPimSpec(basis_weights=4)).macs_per_cycle == expected
    assert peak_macs_per_cycle(layout_of(), None) >= expected
