"""Every matrix unit of ours keeps the contract.

To put a new unit under it, add its examples to `tests/contract/examples.py`.
"""

from __future__ import annotations

from typing import Any

import simulator.hardware  # noqa: F401  (fills the registry)
from simulator.hardware.matrix_unit import MATRIX_UNITS, MatrixUnit, Tile
from simulator.testing.matrix_units import MatrixUnitContract
from tests.contract.examples import EXAMPLES

UNITS: list[MatrixUnit[Any]] = [
    MATRIX_UNITS[kind](spec) for kind, specs in EXAMPLES.items() for spec in specs
]


class TestOurUnits(MatrixUnitContract):
    units = UNITS


def test_every_registered_kind_has_examples() -> None:
    assert set(EXAMPLES) == set(MATRIX_UNITS.own)
    for kind, specs in EXAMPLES.items():
        assert specs
        assert all(spec.kind == kind for spec in specs)
        assert all(isinstance(spec, MATRIX_UNITS[kind].spec_type) for spec in specs)


def test_a_grid_of_units() -> None:
    # 16 rows and 12 columns of grains on 8 units: 4 x 2 of them take 4 x 6 each.
    unit = MATRIX_UNITS["lut_tensor_core"](EXAMPLES["lut_tensor_core"][0])
    grain = unit.granularity
    tile = Tile(m=16 * grain.m, n=12 * grain.n, k=grain.k)
    (share,) = unit.split(tile, 8)
    assert share.units == 8
    assert share.tile.m * share.tile.n * 8 == tile.m * tile.n
    # A ragged edge: 5 rows of grains, the last one short, on 2 units are 3 and less than 2.
    shares = unit.split(Tile(m=5 * grain.m - 1, n=1, k=1), 2)
    assert [(s.tile.m, s.units) for s in shares] == [(3 * grain.m, 1), (2 * grain.m - 1, 1)]
