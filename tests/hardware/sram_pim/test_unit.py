"""The SRAM-PIM array as a matrix unit: its values, down to the last carry, and its counts."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cost import load_technology
from simulator.hardware.matrix_unit import Tile, reference_operands
from simulator.hardware.primitives import Primitive
from simulator.hardware.sram_pim import SramPim, SramPimSpec
from simulator.hardware.sram_pim.array import ColumnArray
from simulator.hardware.sram_pim.programs import PROGRAMS
from simulator.numerics import AccumulatorOverflowError, format_named

LAYOUTS = ("bit_serial", "bit_parallel")
layouts = st.sampled_from(LAYOUTS)


def unit_of(layout: str, **changes: Any) -> SramPim:
    """An array with 48-bit outputs, wide enough for everything here."""
    settled = {"rows": 400, "columns": 24, "accumulator_format": "int48"} | changes
    return SramPim(SramPimSpec(layout=layout, **settled))  # type: ignore[arg-type]


# -- values ----------------------------------------------------------------------------------
@given(
    layout=layouts,
    weight_bits=st.integers(2, 8),
    k=st.integers(1, 5),
    planes=st.sampled_from((4, 8, 16)),
    signed=st.booleans(),
    tile=st.builds(Tile, m=st.integers(1, 4), n=st.integers(1, 30), k=st.integers(1, 13)),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=300)
def test_every_width_and_table_gives_the_product(
    layout: str, weight_bits: int, k: int, planes: int, signed: bool, tile: Tile, seed: int
) -> None:
    weights_in = f"{'int' if signed else 'uint'}{weight_bits}"
    unit = unit_of(layout, basis_weights=k, input_format=f"int{planes}", weight_format=weights_in)
    rng = np.random.default_rng(seed)
    inputs, weights = reference_operands(rng, tile, f"int{planes}", weights_in)
    exact = inputs.astype(np.int64) @ weights.astype(np.int64)
    run = unit.registers(inputs, weights)
    np.testing.assert_array_equal(run.values, exact)
    np.testing.assert_array_equal(unit.compute(inputs, weights), exact)
    assert run.cycles == unit.timing(tile).cycles


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("inputs_in", ["int2", "int4", "int8"])
@pytest.mark.parametrize("weights_in", ["int1", "int2", "int4", "int8", "uint1", "uint4", "uint8"])
@pytest.mark.parametrize("k", [1, 3, 4])
def test_no_entry_and_no_sum_overflows(
    layout: str, inputs_in: str, weights_in: str, k: int
) -> None:
    """Ends of both formats, everywhere: a power of two of them reaches the widest sum."""
    unit = unit_of(layout, basis_weights=k, input_format=inputs_in, weight_format=weights_in)
    formats = format_named(inputs_in), format_named(weights_in)
    input_ends, weight_ends = ((int(f.minimum), int(f.maximum)) for f in formats)
    for depth in (1, 2, 4, 5, 16):
        inputs = np.repeat(np.array(input_ends)[:, None], depth, axis=1)
        weights = np.repeat(np.array(weight_ends)[None, :], depth, axis=0)
        np.testing.assert_array_equal(unit.registers(inputs, weights).values, inputs @ weights)


def test_sums_use_their_last_bit() -> None:
    # 16 · (-8) · (-8) = 1024 = 2^10 takes 12 signed bits: a + w + log2 16 = 4 + 4 + 4.
    layout = unit_of("bit_serial", input_format="int4", weight_format="int4").spec.array_layout
    assert layout.accumulator_bits(16) == 12
    assert format_named("int11").maximum < 16 * 8 * 8
    # Of 4 weights the lowest sum, 4 · (-8) = -32, takes 6 bits: w + log2 4.
    assert layout.entry_bits(4) == 6
    assert format_named("int5").minimum > 4 * -8
    # Unsigned: 4 · 15 = 60 takes 6 bits without a sign.
    assert 4 * 15 > 2**5


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_output_beyond_its_format_is_an_error_a_sum_on_its_way_is_not(layout: str) -> None:
    unit = unit_of(
        layout,
        basis_weights=2,
        input_format="int8",
        weight_format="int8",
        accumulator_format="int16",
    )
    weights = np.array([[127], [127], [127], [127]])
    # 127 · (127 + 127 + 127) = 48387 is beyond int16 (32767), less 128 · 127 it is not.
    back = np.array([[127, 127, 127, -128]])
    np.testing.assert_array_equal(unit.compute(back, weights), [[32131]])
    np.testing.assert_array_equal(unit.registers(back, weights).values, [[32131]])
    for face in (unit.compute, unit.registers):
        with pytest.raises(AccumulatorOverflowError, match="64516 does not fit an int16"):
            face(np.full((1, 4), 127), weights)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_order_of_a_batch_does_not_matter(layout: str) -> None:
    unit = unit_of(layout, basis_weights=3, batch_sums=8)
    rng = np.random.default_rng(0)
    inputs, weights = reference_operands(rng, Tile(19, 5, 10), "int8", "int4")
    order = rng.permutation(len(inputs))
    once, shuffled = unit.registers(inputs, weights), unit.registers(inputs[order], weights)
    np.testing.assert_array_equal(shuffled.values, once.values[order])
    assert shuffled.cycles == once.cycles


def test_a_row_of_zeros_stays_one_and_carries_are_left_clear() -> None:
    unit = unit_of("bit_serial", basis_weights=4, weight_format="uint4")
    rng = np.random.default_rng(0)
    tile = Tile(2, 24, 12)
    inputs, weights = reference_operands(rng, tile, "int8", "uint4")
    array = ColumnArray(unit.spec.rows, unit.spec.columns)
    program = PROGRAMS["bit_serial"](unit.gemv(tile), array, signed=False)
    program.product(inputs.astype(np.int64), weights.astype(np.int64))
    assert not array.cells[-2].any()
    assert not array.carry.any()


# -- counts -----------------------------------------------------------------------------------
def counted(unit: SramPim, tile: Tile) -> Counter[tuple[str, str]]:
    return Counter({(a.path, a.verb): n for a, n in unit.actions(tile).counts.items()})


@given(
    k=st.integers(1, 5),
    tile=st.builds(Tile, m=st.integers(1, 90), n=st.integers(1, 90), k=st.integers(1, 5000)),
    planes=st.sampled_from((4, 8, 16)),
)
def test_accesses_are_those_of_the_formulas(k: int, tile: Tile, planes: int) -> None:
    """Per table: 2^k - k - 1 additions; per row of inputs and group: a lookup per plane."""
    groups = -(-tile.k // k)
    unit = unit_of("bit_parallel", basis_weights=k, input_format=f"int{planes}")
    found, cut = counted(unit, tile), unit.gemv(tile).blocks(tile)
    tables = cut.column_blocks * cut.passes * groups
    assert found["array", "write"] == tables * k
    assert found["array", "compute"] == tables * (2**k - k - 1)
    assert found["array", "read"] == cut.column_blocks * groups * tile.m * planes
    assert found["feeding.adder", "operate"] == groups * tile.m * planes * tile.n
    # Layout bit_serial with a table of latencies that stores no carry: n per addition.
    unit = unit_of("bit_serial", basis_weights=k, latencies="mve", input_format=f"int{planes}")
    found, cut, phases = counted(unit, tile), unit.gemv(tile).blocks(tile), unit.phases(tile)
    tables = cut.column_blocks * cut.passes * groups
    made = tables * (2**k - k - 1) * unit.spec.array_layout.entry_bits(k)
    assert found["array", "write"] == tables * k * 4 == phases.load
    assert found["array", "compute"] == made + phases.lookup
    assert found["array", "read"] == phases.read_out


def test_every_cycle_is_an_access_of_the_array_or_a_read_out_beside_it() -> None:
    tile = Tile(20, 50, 100)
    for layout in LAYOUTS:
        unit = unit_of(layout, basis_weights=3)
        accesses = sum(n for (path, _), n in counted(unit, tile).items() if path == "array")
        beside = unit.phases(tile).read_out if layout == "bit_parallel" else 0
        assert accesses + beside == unit.timing(tile).cycles


# -- prices -----------------------------------------------------------------------------------
def test_what_computing_costs_beside_a_bank() -> None:
    technology = load_technology("45nm")
    array = Primitive("compute_sram", bits=256, capacity_bytes=8192)
    bank = Primitive("sram", bits=256, capacity_bytes=8192)
    for verb in ("read", "write"):
        assert technology.action_energy_pj(array, verb) == technology.action_energy_pj(bank, verb)
    compute, read = (technology.action_energy_pj(array, verb).value for verb in ("compute", "read"))
    assert compute == pytest.approx(1.54 * read)
    area = technology.primitive_area_um2
    assert area(array).value / area(bank).value == pytest.approx(1.089, abs=5e-4)
    leakage = technology.primitive_leakage_w
    assert leakage(array).value / leakage(bank).value == pytest.approx(1.089, abs=5e-4)
    # Twice the rows are twice the cells behind the same logic; half as many, published: +17.7 %.
    tall = Primitive("compute_sram", bits=256, capacity_bytes=16384)
    flat = Primitive("compute_sram", bits=64, capacity_bytes=2048)
    assert area(tall).value / area(Primitive("sram", bits=256, capacity_bytes=16384)).value == (
        pytest.approx(1 + 22.7 / 512)
    )
    assert area(flat).value / area(Primitive("sram", bits=64, capacity_bytes=2048)).value == (
        pytest.approx(1 + 22.7 / 256)
    )
    assert technology.shared_factor(array) == technology.shared_factor(bank)
    assert array.describe() == "256 × 256 compute sram"


def test_a_larger_batch_takes_less_energy_per_product() -> None:
    """Tables are made once for all rows of inputs that fit."""
    technology = load_technology("45nm")
    for layout in LAYOUTS:
        unit = SramPim(SramPimSpec(layout=layout, basis_weights=4))  # type: ignore[arg-type]
        each = []
        for batch in (1, 4, 7):
            tile = Tile(batch, 256, 1024)
            energy = sum(
                technology.action_energy_pj(action.primitive, action.verb).value * count
                for action, count in unit.actions(tile).counts.items()
                if action.path == "array"
            )
            each.append(energy / tile.macs)
        assert each == sorted(each, reverse=True)
