"""What rows hold, held against the programs: cells are where the map says."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim import SramPim, SramPimSpec
from simulator.hardware.sram_pim.arithmetic import values_of
from simulator.hardware.sram_pim.array import ColumnArray
from simulator.hardware.sram_pim.layouts import LayoutName, RowSpan
from simulator.hardware.sram_pim.programs import PROGRAMS
from simulator.numerics import format_named, random_values

LAYOUTS: tuple[LayoutName, ...] = ("bit_serial", "bit_parallel")


def executed(
    spec: SramPimSpec, k: int, n: int, batch: int
) -> tuple[ColumnArray, list[RowSpan], np.ndarray, np.ndarray]:
    """An array after one group of k weights, its map, the weights [k, n] and the outputs."""
    unit, rng = SramPim(spec), np.random.default_rng(3)
    array = ColumnArray(spec.rows, spec.columns)
    signed = format_named(spec.weight_format).signed
    program = PROGRAMS[spec.layout](unit.gemv(Tile(batch, n, k)), array, signed)
    inputs = random_values(rng, (batch, k), spec.input_format).astype(np.int64)
    weights = random_values(rng, (k, n), spec.weight_format).astype(np.int64)
    outputs = program.product(inputs, weights)
    return array, spec.array_layout.spans(k, batch, k), weights, outputs


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("k", [1, 2, 3, 4])
@pytest.mark.parametrize("weights", ["int4", "uint3", "int1"])
def test_entries_and_sums_lie_where_the_map_has_them(
    layout: LayoutName, k: int, weights: str
) -> None:
    spec = SramPimSpec(layout=layout, basis_weights=k, weight_format=weights)
    signed = format_named(weights).signed
    array, spans, values, outputs = executed(spec, k, 30, 3)
    seen = 0
    for span in spans:
        rows = array.cells[span.first : span.first + span.rows]
        if span.use in ("weight", "entry"):
            chosen = [place for place in range(k) if span.number >> place & 1]
            expected = values[chosen].sum(axis=0)
            assert (len(chosen) > 1) == (span.use == "entry")
            bits = rows[: span.bits, :30]
            if layout == "bit_parallel":
                bits = rows[0, : 30 * span.bits].reshape(30, span.bits).T
            assert values_of(bits, signed).tolist() == expected.tolist()
            seen += 1
        elif span.use == "sum":
            assert values_of(rows[:, :30], True).tolist() == outputs[span.number].tolist()
        elif span.use in ("free", "zeros", "next_weight"):
            assert not rows.any(), f"{span.use} rows hold nothing"
    assert seen == (1 << k) - 1


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("k", [1, 3, 5])
def test_every_row_is_in_the_map_once(layout: LayoutName, k: int) -> None:
    spec = SramPimSpec(layout=layout, basis_weights=k)
    held = spec.array_layout
    for depth in (1, 100, 4096):
        for batch in {1, held.largest_batch(k, depth)}:
            spans = held.spans(k, batch, depth)
            assert [span.first for span in spans] == [
                sum(span.rows for span in spans[:place]) for place in range(len(spans))
            ]
            assert sum(span.rows for span in spans) == spec.rows
            free = sum(span.rows for span in spans if span.use == "free")
            assert spec.rows - free == held.rows_needed(k, batch, depth)


def test_the_map_of_a_small_array() -> None:
    """Two weights of 2 bits: entries of 3 rows, and of two inputs of 4 bits a sum of 7."""
    layout = SramPimSpec(input_format="int4", weight_format="int2", rows=40).array_layout
    assert layout.spans(2, 2, 2) == [
        RowSpan("weight", 0, 3, 2, 1),
        RowSpan("weight", 3, 3, 2, 2),
        RowSpan("entry", 6, 3, 3, 3),
        RowSpan("sum", 9, 7, 7, 0),
        RowSpan("sum", 16, 7, 7, 1),
        RowSpan("free", 23, 15, 0),
        RowSpan("zeros", 38, 1, 1),
        RowSpan("carry", 39, 1, 1),
    ]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_planes_add_up_to_a_look_up(layout: LayoutName) -> None:
    held = SramPimSpec(layout=layout, input_format="int5").array_layout
    for depth in (1, 7, 4096):
        planes = held.plane_cycles(depth)
        assert len(planes) == 5 and sum(planes) == held.lookup_cycles(depth)
