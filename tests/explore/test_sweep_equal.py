"""Main units sized to a reference point; settings that speak of other axes."""

from __future__ import annotations

import pytest

from simulator.config import ConfigError
from simulator.explore.main_units import main_units
from simulator.explore.sweep.points import Sweep
from tests.explore.sweeps import made

UNITS = """
name: units
experiment:
  machine: npu_w8a8
  workload:
    gemms: [{name: gemm, m: 16, n: 32, k: 64}]
    precision: {activations: int8}
axes:
  array:
    keys: [machine.core.matrix_units.0.rows, machine.core.matrix_units.0.columns]
    values: [[32, 32], [64, 64]]
    labels: [32, 64]
  bits:
    key: workload.precision.weights
    values: [int8, int4]
    labels: [8, 4]
  pe:
    cases:
      - {name: MAC, set: {machine.core.matrix_units.0.weight_format: int8}}
      - {name: narrow, set: {machine.core.matrix_units.0.weight_format: "int{bits}"}}
      - name: LUT
        set:
          machine.core.matrix_units.0:
            {kind: lut_tensor_core, rows: 2, columns: 64, depth: 4, input_format: int8,
             weight_format: "bipolar{bits}", table_format: int10, accumulator_format: int32}
equal: {area: {pe: MAC}}
objectives: {seconds: min}
"""


def areas(sweep: Sweep) -> dict[str, tuple[float, float]]:
    """mm² of the main units of all points, and of one of the columns or cores there are."""
    found = {}
    for levels in sweep.points():
        experiment = sweep.experiment(levels)
        assert experiment is not None
        area = main_units(experiment.spec.machine).amount(experiment.technology, "area")
        unit = experiment.spec.machine.core.matrix_units[0]
        found[sweep.title(levels)] = (area, area / getattr(unit, unit.sized_by))
    return found


def test_units_take_the_area_of_their_own_reference() -> None:
    """As near as whole columns and whole cores come: half of one at most."""
    found = areas(made(UNITS))
    assert len(found) == 12
    for title, (area, step) in found.items():
        reference, _ = found[title.rpartition("pe ")[0] + "pe MAC"]
        assert area == pytest.approx(reference, abs=0.6 * step), title
    small, large = (found[f"array {size}, bits 8, pe MAC"][0] for size in (32, 64))
    assert large == pytest.approx(4 * small, rel=0.01)


def test_without_equal_they_are_as_given() -> None:
    found = areas(made(UNITS.replace("equal: {area: {pe: MAC}}\n", "")))
    narrow, wide = (found[f"array 64, bits 4, pe {pe}"][0] for pe in ("narrow", "MAC"))
    assert narrow < 0.9 * wide


def test_braces_are_the_labels_of_a_point() -> None:
    sweep = made(UNITS)
    experiment = sweep.experiment((0, 1, 2))
    assert experiment is not None
    assert experiment.spec.machine.core.matrix_units[0].model_dump()["weight_format"] == "bipolar4"
    number = made(UNITS.replace("columns: 64, depth: 4", "columns: '{array}', depth: '{bits}'"))
    sized = number.experiment((0, 1, 2))
    assert sized is not None
    unit = sized.spec.machine.core.matrix_units[0].model_dump()
    assert (unit["columns"], unit["depth"]) == (32, 4)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("int{bits}", "int{bit}", r"small.yaml:20: \{bit\} names no axis, .*did you mean 'bits'"),
        ("{pe: MAC}}", "{pe: MAX}}", r"small.yaml:26: .*no label 'MAX'; .*did you mean 'MAC'"),
        ("{pe: MAC}}", "{p: MAC}}", r"small.yaml:26: .*no axis 'p'; there are: array, bits"),
        ("{area: {pe: MAC}}", "{}", "expected one of area, peak, power, found none"),
        ("{area: {pe: MAC}}", "{size: {pe: MAC}}", "unknown key 'size'"),
        ("objectives:", "baseline: {pe: MAX}\nobjectives:", "small.yaml:27: .*did you mean 'MAC'"),
        ("  pe:\n", "  seconds:\n", "small.yaml:17: .*'seconds' is what a column of results"),
    ],
)
def test_mistakes_have_their_line(old: str, new: str, message: str) -> None:
    assert old in UNITS
    with pytest.raises(ConfigError, match=message):
        made(UNITS.replace(old, new))


def test_what_cannot_be_made_equal_is_an_error_of_the_point() -> None:
    """A LUT tensor core alone is larger than an array of 4 PEs."""
    sweep = made(UNITS.replace("[[32, 32], [64, 64]]", "[[2, 2], [64, 64]]"))
    with pytest.raises(ConfigError, match=r"yaml:26: .*cannot be made equal; leave"):
        sweep.experiment((0, 1, 2))
