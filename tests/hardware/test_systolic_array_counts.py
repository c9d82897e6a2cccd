"""Parts, actions and traffic of systolic arrays, by hand and against the registers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.matrix_unit import OperandTraffic, Tile
from simulator.hardware.systolic_array import SystolicArray, SystolicArraySpec
from simulator.hardware.systolic_array.geometry import Extents
from simulator.hardware.systolic_array.stationary_operand import StationaryOperandModel
from simulator.hardware.systolic_array.stationary_output import StationaryOutputModel

DATAFLOWS = ("output_stationary", "weight_stationary", "input_stationary")


def array(rows: int, columns: int, dataflow: str, **options: Any) -> SystolicArray:
    return SystolicArray(
        SystolicArraySpec.model_validate(
            {
                "rows": rows,
                "columns": columns,
                "dataflow": f"{dataflow}_stationary",
                "input_format": "int8",
                "weight_format": "int4",
                "accumulator_format": "int32",
                **options,
            }
        )
    )


def parts(unit: SystolicArray) -> dict[str, tuple[str, int, int]]:
    return {
        part.path: (part.primitive.kind, part.primitive.bits, part.count)
        for part in unit.structure()
    }


def actions(unit: SystolicArray, tile: Tile) -> dict[str, int]:
    return {action.path: count for action, count in unit.actions(tile).counts.items()}


# -- structure ----------------------------------------------------------------------------
def test_parts_of_a_plain_weight_stationary_array() -> None:
    assert parts(array(4, 3, "weight")) == {
        "pe.multiplier": ("multiplier", 0, 12),
        "pe.adder": ("adder", 0, 12),
        "pe.accumulator": ("flip_flop", 32, 12),
        "pe.input_register": ("flip_flop", 8, 12),
        "pe.weight_register": ("flip_flop", 4, 12),
        "skew.input": ("flip_flop", 8, 0 + 1 + 2 + 3),
        "edge.adder": ("adder", 0, 3),
        "edge.tap": ("mux2", 32, 3 * 3),
    }


def test_options_are_paid_for_in_parts() -> None:
    found = parts(array(4, 3, "weight", double_buffer=True, input_register=True, edge="padded"))
    assert found["pe.weight_register"] == ("flip_flop", 4, 2 * 12)
    assert found["pe.bank_select"] == ("mux2", 4, 12)
    assert found["skew.input"] == ("flip_flop", 8, 6 + 4)
    assert found["skew.weight"] == ("flip_flop", 4, 0 + 1 + 2 + 3)
    assert "edge.tap" not in found


def test_input_stationary_swaps_the_operands() -> None:
    found = parts(array(4, 3, "input", double_buffer=True))
    assert found["pe.input_register"] == ("flip_flop", 8, 2 * 12)
    assert found["pe.weight_register"] == ("flip_flop", 4, 12)
    assert found["skew.weight"] == ("flip_flop", 4, 6)


def test_parts_of_output_stationary_arrays() -> None:
    serial = parts(array(4, 3, "output", double_buffer=True))
    assert serial["pe.shadow_output"] == ("flip_flop", 32, 12)
    assert serial["pe.drain_select"] == ("mux2", 32, 12)
    assert serial["skew.weight"] == ("flip_flop", 4, 0 + 1 + 2)
    parallel = parts(array(4, 3, "output", drain="parallel"))
    assert not {path for path in parallel if path.startswith("edge.") or "drain" in path}
    assert "pe.shadow_output" not in parallel


def test_multiplier_and_adder_carry_their_formats() -> None:
    primitives = {part.path: part.primitive for part in array(4, 3, "weight").structure()}
    assert primitives["pe.multiplier"].formats == ("int8", "int4")
    assert primitives["pe.adder"].formats == ("int32",)


# -- actions --------------------------------------------------------------------------------
def test_actions_of_a_weight_stationary_tile() -> None:
    # 3 x 2 PEs; m = 5, k = 3+1, n = 2: folds of 3x2 and 1x2
    assert actions(array(3, 2, "weight"), Tile(m=5, n=2, k=4)) == {
        "pe.multiplier": 40,
        "pe.adder": 40,
        "pe.accumulator": 5 * 6 + 5 * 2,
        "pe.input_register": 5 * 6 + 5 * 2,
        # per column 3+2+1 shifts for three rows, and 1 for one row
        "pe.weight_register": 2 * 6 + 2 * 1,
        # rows 1 and 2 of the first fold pass 1 and 2 registers
        "skew.input": 5 * 3,
        # every sum that leaves a fold
        "edge.adder": 2 * 5 * 2,
    }


def test_actions_of_an_output_stationary_tile() -> None:
    # 3 x 2 PEs; m = 3, n = 2, k = 5
    assert actions(array(3, 2, "output"), Tile(m=3, n=2, k=5)) == {
        "pe.multiplier": 30,
        "pe.adder": 30,
        # 5 sums in each PE; then rows 1 and 2 take 1 and 2 sums from above
        "pe.accumulator": 5 * 6 + 2 * 3,
        "pe.input_register": 5 * 6,
        "pe.weight_register": 5 * 6,
        "skew.input": 5 * 3,
        "skew.weight": 5 * 1,
        "edge.adder": 6,
    }
    shadowed = actions(array(3, 2, "output", double_buffer=True), Tile(m=3, n=2, k=5))
    assert shadowed["pe.accumulator"] == 4 * 6
    assert shadowed["pe.shadow_output"] == 6 + 2 * 3


def test_padding_clocks_registers_but_computes_nothing() -> None:
    tile = Tile(m=5, n=1, k=1)
    found = actions(array(3, 2, "weight", edge="padded"), tile)
    assert found["pe.multiplier"] == found["pe.adder"] == tile.macs
    assert found["pe.accumulator"] == found["pe.input_register"] == 5 * 6


# -- traffic --------------------------------------------------------------------------------
def test_traffic_by_hand() -> None:
    # m = 10, n = 9, k = 8 on 4 x 4: three blocks of m and of n, two of k.
    # int8 inputs, int4 weights, int32 sums.
    tile = Tile(m=10, n=9, k=8)
    assert array(4, 4, "output").traffic(tile) == OperandTraffic(80 * 3, 72 * 3 // 2, 0, 90 * 4)
    assert array(4, 4, "weight").traffic(tile) == OperandTraffic(80 * 3, 36, 90 * 4, 180 * 4)
    assert array(4, 4, "input").traffic(tile) == OperandTraffic(80, 72 * 3 // 2, 90 * 4, 180 * 4)


def test_traffic_of_the_worked_example_of_the_docs() -> None:
    tile = Tile(m=64, n=48, k=40)
    weight = array(16, 16, "weight", weight_format="int8").traffic(tile)
    assert weight == OperandTraffic(7_680, 1_920, 24_576, 36_864)
    output = array(16, 16, "output", weight_format="int8").traffic(tile)
    assert output == OperandTraffic(7_680, 7_680, 0, 12_288)


def test_adding_onto_earlier_sums_reads_them_once_more() -> None:
    tile = Tile(m=10, n=9, k=8)
    assert array(4, 4, "output").traffic(tile, accumulate=True).psum_read_bytes == 90 * 4
    assert array(4, 4, "weight").traffic(tile, accumulate=True).psum_read_bytes == 180 * 4


def test_words_of_part_of_a_byte_are_packed() -> None:
    assert array(4, 4, "weight").traffic(Tile(m=1, n=3, k=1)).weight_read_bytes == 2


@given(
    dataflow=st.sampled_from(DATAFLOWS),
    double_buffer=st.booleans(),
    tile=st.builds(Tile, m=st.integers(1, 9), n=st.integers(1, 9), k=st.integers(1, 9)),
)
@settings(max_examples=60)
def test_traffic_is_what_crosses_the_edges_of_the_registers(
    dataflow: str, double_buffer: bool, tile: Tile
) -> None:
    unit = array(3, 4, dataflow.removesuffix("_stationary"), double_buffer=double_buffer)
    words = {"left": 0, "top": 0, "out": 0}

    class Operand(StationaryOperandModel):
        def vector(self) -> Any:
            values, tokens = super().vector()
            words["left"] += int((tokens >= 0).sum())
            return values, tokens

        def load_row(self) -> Any:
            values, tokens = super().load_row()
            words["top"] += int((tokens >= 0).sum())
            return values, tokens

        def emit(self, fold: Any, row: Any, column: Any, values: Any, live: Any) -> None:
            words["out"] += len(values)
            super().emit(fold, row, column, values, live)

    class Output(StationaryOutputModel):
        def vectors(self) -> Any:
            left, top, tokens = super().vectors()
            words["left"] += int((tokens[0] >= 0).sum())
            words["top"] += int((tokens[1] >= 0).sum())
            return left, top, tokens

        def emit(self, fold: Any, row: Any, column: Any, values: Any, live: Any) -> None:
            words["out"] += len(values)
            super().emit(fold, row, column, values, live)

    extents = Extents.of(unit.spec.dataflow, tile)
    output_stationary = dataflow == "output_stationary"
    left = np.ones((extents.stream, extents.rows), np.int64)
    top_rows = extents.stream if output_stationary else extents.rows
    top = np.ones((top_rows, extents.columns), np.int64)
    model = (Output if output_stationary else Operand)(unit.spec, extents, left, top, 1)
    model.run()
    traffic = unit.traffic(tile)
    inputs, weights = words["left"], words["top"]
    if dataflow == "input_stationary":
        inputs, weights = weights, inputs
    assert traffic.input_read_bytes == inputs
    assert traffic.weight_read_bytes == -(-weights // 2)
    assert traffic.psum_write_bytes == 4 * words["out"]
    assert traffic.psum_read_bytes == 4 * (words["out"] - tile.m * tile.n)


# -- what the mapper asks ---------------------------------------------------------------------
@pytest.mark.parametrize(
    ("dataflow", "grain"),
    [("output", Tile(4, 3, 1)), ("weight", Tile(1, 3, 4)), ("input", Tile(3, 1, 4))],
)
def test_granularity_is_one_fold(dataflow: str, grain: Tile) -> None:
    unit = array(4, 3, dataflow)
    assert unit.granularity == grain
    assert unit.macs_per_cycle == 12
    assert unit.timing(grain).folds == 1
    assert actions(unit, grain)["pe.multiplier"] == 12


def test_split_deals_out_whole_folds() -> None:
    unit = array(4, 4, "weight", double_buffer=True)
    # 5 blocks of n over two arrays, 3 and 2 of them, the last one 2 columns wide
    assert unit.split(Tile(1, 18, 8), 2) == ((Tile(1, 12, 8), 1), (Tile(1, 6, 8), 1))
    # 64 rows are better dealt out by rows: 3 blocks x 64 rows would finish after 5 x 32
    assert unit.split(Tile(64, 18, 8), 2) == ((Tile(32, 18, 8), 2),)
    # one block of n: the rows again
    assert unit.split(Tile(7, 4, 8), 2) == ((Tile(4, 4, 8), 1), (Tile(3, 4, 8), 1))
    # nothing to deal out
    assert unit.split(Tile(1, 4, 8), 2) == ((Tile(1, 4, 8), 1),)


# -- shift-add ------------------------------------------------------------------------------
def shift_add(inputs: str, weights: str, sums: str = "int32") -> dict[str, tuple[str, str, int]]:
    """Kind, formats or bits, and number of what multiplies in one PE."""
    formats = {"input_format": inputs, "weight_format": weights, "accumulator_format": sums}
    unit = array(1, 1, "output", multiplier="shift_add", **formats)
    return {
        part.path.removeprefix("pe.shift_add."): (
            part.primitive.kind,
            "".join(part.primitive.formats) or str(part.primitive.bits),
            part.count,
        )
        for part in unit.structure()
        if part.path.startswith("pe.shift_add")
    }


def test_shift_add_of_int8_by_int4() -> None:
    # Four gated copies of 8 bits; two adders of 9 bits, one of 10; the top copy negated.
    assert shift_add("int8", "int4") == {
        "gate": ("and2", "8", 4),
        "sign": ("xor2", "8", 1),
        "adder_1": ("adder", "int9", 2),
        "adder_2": ("adder", "int10", 1),
    }
    assert "sign" not in shift_add("int8", "uint4")
    three = shift_add("uint8", "uint3")
    assert three["adder_1"][2] == three["adder_2"][2] == 1


def test_shift_add_of_fp16_works_on_significands() -> None:
    assert shift_add("fp16", "int4", "fp32") == {
        "gate": ("and2", "11", 4),
        "magnitude": ("adder", "int4", 1),
        "sign": ("xor2", "1", 1),
        "adder_1": ("adder", "int12", 2),
        "adder_2": ("adder", "int13", 1),
    }


def test_ternary_weights_gate_and_negate() -> None:
    assert shift_add("int8", "ternary") == {"gate": ("and2", "8", 1), "sign": ("xor2", "8", 1)}


def test_every_product_takes_all_of_the_tree() -> None:
    unit = array(4, 3, "weight", multiplier="shift_add")
    tile = Tile(5, 6, 7)
    found = actions(unit, tile)
    shares = {"gate": 4, "sign": 1, "adder_1": 2, "adder_2": 1}
    for path, share in shares.items():
        assert found[f"pe.shift_add.{path}"] == share * tile.macs
    assert "pe.multiplier" not in found
    assert found["pe.adder"] == tile.macs


# -- weights dequantised where they enter ---------------------------------------------------
def dequantising(dataflow: str, stored: str = "int4", **options: Any) -> SystolicArray:
    """A 4 x 3 array of bf16 whose weights come in fewer bits."""
    formats = {"input_format": "bf16", "weight_format": "bf16", "accumulator_format": "fp32"}
    return array(4, 3, dataflow, **formats, stored_weight_format=stored, **options)


def test_dequantisers_stand_at_the_edge_of_the_weights() -> None:
    for dataflow, lanes in (("output", 3), ("weight", 3), ("input", 4)):
        found = parts(dequantising(dataflow))
        assert found["edge.dequantiser"] == ("multiplier", 0, lanes)
        assert found["edge.converter"] == ("adder", 0, lanes)
        assert found["edge.scale_register"] == ("flip_flop", 16, lanes)
        assert found["pe.weight_register"][1] == 16, "behind the edge they are bf16"
    assert "edge.converter" not in parts(dequantising("weight", "fp4_e2m1"))
    assert dequantising("weight").format_pairs == (("bf16", "int4"),)


def test_every_weight_that_enters_is_dequantised() -> None:
    tile = Tile(5, 6, 8)
    # Stationary: each of 8 x 6 weights once. Streaming past 2 blocks of 4 rows: twice.
    assert actions(dequantising("weight"), tile)["edge.dequantiser"] == 8 * 6
    assert actions(dequantising("output"), tile)["edge.dequantiser"] == 8 * 6 * 2
    assert actions(dequantising("input"), tile)["edge.dequantiser"] == 8 * 6 * 2
    traffic = dequantising("weight").traffic(tile)
    assert traffic.weight_read_bytes == 8 * 6 * 4 // 8


@pytest.mark.parametrize("stored", ["int16", "bf16", "fp32", "uint9"])
def test_codes_that_the_weights_format_does_not_hold(stored: str) -> None:
    with pytest.raises(ValueError, match=f"stored_weight_format: {stored} is not dequantised"):
        dequantising("weight", stored)
