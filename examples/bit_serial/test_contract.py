"""The contract of cyclelab's matrix units, for this package's: `pytest test_contract.py`."""

from __future__ import annotations

from cyclelab_bit_serial.spec import BitSerialGridSpec
from cyclelab_bit_serial.unit import BitSerialGrid

from simulator.hardware.matrix_unit import Tile
from simulator.testing.matrix_units import MatrixUnitContract

FORMATS = (
    ("int8", "int4", "int32"),
    ("int8", "int8", "int32"),
    ("int4", "int2", "int16"),
    ("int16", "int3", "int32"),
    ("int8", "int5", "int24"),
)
SIDES = ((4, 4), (3, 5), (5, 2), (1, 4), (1, 1))


class TestBitSerialGrid(MatrixUnitContract):
    units = tuple(
        BitSerialGrid(
            BitSerialGridSpec(
                rows=rows,
                columns=columns,
                input_format=inputs,
                weight_format=weights,
                accumulator_format=sums,
            )
        )
        for (rows, columns), (inputs, weights, sums) in zip(SIDES, FORMATS, strict=True)
    )


def test_cycles_by_hand() -> None:
    # 2 x 1 blocks of 4 x 4, 10 products of 4 bits each: load 1 + 2 · 10 · 4 + drain 1 = 82.
    unit = TestBitSerialGrid.units[0]
    assert unit.timing(Tile(m=7, n=4, k=10)).cycles == 82
    # Of 3, 2 and 1 bits on the same grid: 1 + 2 · 10 · bits + 1.
    cycles = {u.spec.weight_format: u.timing(Tile(7, 4, 10)).cycles for u in unit.narrower}
    assert cycles == {"int1": 22, "int2": 42, "int3": 62}
