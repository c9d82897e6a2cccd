"""Axes, conditions and expressions of sweeps, by hand."""

from __future__ import annotations

import pytest

from simulator.config import CyclelabError
from simulator.explore.sweep.expression import parse_condition
from tests.explore.sweeps import SMALL, labels, made, small


def axes(text: str) -> str:
    """The small sweep with other axes."""
    return small(axes=text)


@pytest.mark.parametrize(
    ("axis", "found"),
    [
        ("workload.gemms.0.n: [16, 8]", [16, 8]),
        ("n: {key: workload.gemms.0.n, range: {from: 16, to: 40, step: 8}}", [16, 24, 32, 40]),
        ("n: {key: workload.gemms.0.n, range: {from: 1, to: 6, step: 2}}", [1, 3, 5]),
        ("n: {key: workload.gemms.0.n, log_range: {from: 4, to: 40, factor: 3}}", [4, 12, 36]),
        ("n: {key: workload.gemms.0.n, log_range: {from: 1, to: 16, points: 5}}", [1, 2, 4, 8, 16]),
        ("n: {key: workload.gemms.0.n, log_range: {from: 1, to: 4, points: 7}}", [1, 2, 3, 4]),
        (
            "l: {key: machine.memory.latency_s, range: {from: 0.1, to: 0.3, step: 0.1}}",
            [0.1, 0.2, 0.3],
        ),
    ],
)
def test_an_axis_has_its_values(axis: str, found: list[object]) -> None:
    sweep = made(axes(f"  {axis}\n"))
    assert [level.label for level in sweep.axes[0].levels] == found
    assert [next(iter(point.values())) for point in labels(sweep)] == found


def test_points_are_all_combinations_with_the_last_axis_fastest() -> None:
    sweep = made(SMALL)
    slow, fast = 8_000_000_000, 16_000_000_000
    assert labels(sweep) == [
        {"n": n, "bandwidth": each} for n in (16, 32, 64) for each in (slow, fast)
    ]
    assert [sweep.number(sweep.levels(number)) for number in range(6)] == list(range(6))


def test_keys_change_together_and_cases_have_names() -> None:
    text = """
  size: {keys: [workload.gemms.0.n, workload.gemms.0.k], values: [[16, 32], [32, 16]]}
  unit:
    cases:
      - {name: given, set: {machine.core.matrix_units.0.rows: 16}}
      - name: other
        set:
          machine.core.vector_unit.lanes: 8
          machine.memory:
            device: hbm2
            capacity_bytes: 1000000
            bandwidth_bytes_per_s: 1.0e+9
            latency_s: 0
"""
    sweep = made(axes(text[1:]))
    assert labels(sweep)[1] == {"size": "16, 32", "unit": "other"}
    experiment = sweep.experiment((1, 1))
    assert experiment is not None
    (gemm,) = experiment.spec.workload.gemms  # type: ignore[misc]
    assert (gemm.n, gemm.k) == (32, 16)  # type: ignore[union-attr]
    assert experiment.spec.machine.memory.capacity_bytes == 1_000_000


def test_settings_of_all_points_come_before_axes() -> None:
    sweep = made(SMALL, "workload.gemms.0.m=48", "machine=gemmini_16x16")
    experiment = sweep.experiment((2, 0))
    assert experiment is not None
    (gemm,) = experiment.spec.workload.gemms  # type: ignore[misc]
    assert (gemm.m, gemm.n) == (48, 64)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("condition", "left"),
    [
        ("n != 32", 4),
        ("n in [16, 64] and bandwidth > 8e9", 2),
        ("n not in [16, 64] or bandwidth == 8e9", 4),
        ("n * bandwidth < 300e9", 3),
        ("(n - 16) / 2 >= 24", 2),
        ("n >= machine.core.matrix_units.0.rows * 2", 4),
        ("workload.precision.weights == 'int8'", 6),
        ("workload.gemms.0.n == 64", 2),
    ],
)
def test_conditions_leave_points_out(condition: str, left: int) -> None:
    sweep = made(SMALL + f'when: ["{condition}"]\n')
    kept = [levels for levels in sweep.points() if sweep.experiment(levels) is not None]
    assert len(kept) == left


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2 + 3 * 4 == 14", True),
        ("(2 + 3) * 4 == 14", False),
        ("-x == 0 - 5", True),
        ("x == 5 or y == 1 and y == 2", True),
        ("(x == 1 or y == 2) and x == 5", True),
        ("'a' == 'a'", True),
        ("true != false", True),
    ],
)
def test_expressions_have_their_usual_meaning(text: str, expected: bool) -> None:
    assert parse_condition(text).holds({"x": 5, "y": 2}.__getitem__) is expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x", "found nothing more, expected a comparison"),
        ("x <", "found nothing more, expected a name"),
        ("x = 3", "'=' has no meaning here"),
        ("__import__('os').system('ls') == 0", "'.' has no meaning here"),
        ("x < 3 y", "found 'y', expected and, or or the end"),
        ("x in 3", r"found '3', expected \["),
        ("(" * 50 + "x" + ")" * 50 + " < 3", "nested deeper than 20"),
    ],
)
def test_a_wrong_expression_says_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (axes("  n: []\n"), r"small.yaml:10: axes.n: the axis 'n' is empty"),
        (
            axes("  workload.gemms.0.nn: [1]\n"),
            r"small.yaml:10: workload.gemms.0.nn: unknown key 'nn'",
        ),
        (
            axes("  machine.core.matrix_units.0.rws: [8]\n"),
            r"small.yaml:10: .*rws: unknown key 'rws'; did you mean 'rows'\?",
        ),
        (axes("  n: {key: a, values: [1], range: {from: 1, to: 2, step: 1}}\n"), "expected one of"),
        (axes("  n: {keys: [a, b], values: [[1]]}\n"), "found 1 of them, expected a list of 2"),
        (axes("  n: {key: a, values: [1, 1]}\n"), "two values of the axis 'n' are 1"),
        (axes("  a: {key: b, values: [1]}\n  c: {key: b, values: [1]}\n"), "as the axis 'a' does"),
        (axes("  n: {key: a, labels: [x], values: [1, 2]}\n"), "found 1 labels of 2 values"),
        (axes("  n: {key: a, log_range: {from: 1, to: 2}}\n"), "either factor or points"),
        (SMALL + "when: [m < 3]\n", r"small.yaml:17: when.0: .*'m' is neither an axis nor a key"),
        (SMALL + "constraints: [area_mm < 3]\n", "unknown measure 'area_mm'.*'area_mm2'"),
        (SMALL.replace("energy_j: min", "energi_j: min"), "unknown measure.*'energy_j'"),
        (SMALL.replace("gemmini_16x16", "gemini"), "small.yaml:5: .*did you mean 'gemmini_16x16'"),
    ],
)
def test_a_mistake_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        sweep = made(text)
        for levels in sweep.points():
            sweep.experiment(levels)


def test_a_setting_of_an_axis_is_refused() -> None:
    with pytest.raises(CyclelabError, match="is what the axis 'n' changes"):
        made(SMALL, "workload.gemms.0.n=8")


def test_a_huge_sweep_says_its_size() -> None:
    text = axes(
        "".join(f"  workload.x{i}: {{range: {{from: 1, to: 1000, step: 1}}}}\n" for i in range(3))
    )
    with pytest.raises(CyclelabError, match=r"1,000,000,000 points \(1,000 × 1,000 × .*, more"):
        made(text).check_size()
