"""Sensitivity: products of one factor per axis are told apart, whatever points are missing."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.explore.analysis.sensitivity import Sensitivity, main_effects, sensitivities
from tests.explore.points import Figures, grid

AXES: dict[str, list[Any]] = {"a": [1, 2, 4], "b": ["x", "y"], "c": [False, True]}
FACTORS = {"a": [1.0, 2.0, 8.0], "b": [3.0, 1.0], "c": [5.0, 5.0]}


def of_product(labels: dict[str, Any]) -> dict[str, float]:
    """Seconds that are the product of a factor of each label."""
    own = (FACTORS[name][AXES[name].index(label)] for name, label in labels.items())
    return {"seconds": math.prod(own)}


def found(figures: Figures, axes: dict[str, list[Any]] = AXES) -> dict[str, Sensitivity]:
    points = grid(axes, figures)
    return {each.axis: each for each in sensitivities(points, axes, {"seconds": "min"})}


def test_factors_of_a_product() -> None:
    """By hand: axis a spans 8, b 3, c nothing; a's mean is (1·2·8)^(1/3) = 2.52."""
    own = found(of_product)
    assert list(own) == ["a", "b", "c"]
    assert [own[axis].slices for axis in "abc"] == [4, 6, 6]
    assert [own[axis].factor for axis in "abc"] == pytest.approx([8.0, 3.0, 1.0])
    assert [effect.factor for effect in own["a"].effects] == pytest.approx(
        [1 / 16 ** (1 / 3), 2 / 16 ** (1 / 3), 8 / 16 ** (1 / 3)]
    )
    assert [effect.best for effect in own["a"].effects] == [4, 0, 0]
    assert [effect.best for effect in own["b"].effects] == [0, 6]
    # Both labels of c are as good as each other.
    assert [effect.best for effect in own["c"].effects] == [6, 6]
    # Slices of b: 1·5 and 3·5, twice each for a of 1, 2, 8: 2·5·(1 + 2 + 8) / 3 in the mean.
    assert own["b"].span == pytest.approx(2 * 5 * 11 / 3)


@given(st.sets(st.integers(0, 11), max_size=7))
def test_missing_points_do_not_bias_a_product(missing: set[int]) -> None:
    """As long as slices join all labels, effects are those of the whole grid."""
    numbers = {repr(point.axes): point.number for point in grid(AXES, of_product)}
    whole = found(of_product)

    def with_gaps(labels: dict[str, Any]) -> Any:
        return "failed" if numbers[repr(labels)] in missing else of_product(labels)

    for axis, own in found(with_gaps).items():
        expected = [effect.factor for effect in whole[axis].effects]
        factors = [effect.factor for effect in own.effects]
        if None not in factors:
            assert factors == pytest.approx(expected)


def test_an_interaction_is_a_mean() -> None:
    """b matters by 4 where a is 1, not at all where a is 2: by 2 on geometric mean."""
    axes: dict[str, list[Any]] = {"a": [1, 2], "b": ["x", "y"]}
    own = found(lambda labels: {"seconds": 4.0 if labels == {"a": 1, "b": "y"} else 1.0}, axes)["b"]
    assert own.factor == pytest.approx(2.0)
    assert own.largest_factor == pytest.approx(4.0)
    assert [effect.factor for effect in own.effects] == pytest.approx([0.5**0.5, 2**0.5])


def test_axes_that_never_vary_alone_have_none() -> None:
    """Only a = b was run: no two points differ in one axis."""
    axes: dict[str, list[Any]] = {"a": [1, 2, 3], "b": [1, 2, 3]}
    own = found(lambda labels: of_a(labels) if labels["a"] == labels["b"] else "no", axes)["a"]
    assert (own.slices, own.factor, own.span) == (0, None, None)
    assert {effect.factor for effect in own.effects} == {None}


def of_a(labels: dict[str, Any]) -> dict[str, float]:
    return {"seconds": float(labels["a"])}


def test_labels_that_nothing_joins_have_no_effects() -> None:
    """1 and 2 are compared in one slice, 3 and 4 in another: nothing compares 1 with 3."""
    assert main_effects([{0: 1.0, 1: 2.0}, {2: 5.0, 3: 5.0}], 4) == [None] * 4
    joined = main_effects([{0: 1.0, 1: 2.0}, {1: 4.0, 2: 12.0}], 4)
    assert joined[3] is None
    # 1 : 2 : 6, of geometric mean 12^(1/3).
    assert joined[:3] == pytest.approx([each / 12 ** (1 / 3) for each in (1, 2, 6)])


def test_what_is_not_above_0_has_a_span_alone() -> None:
    own = found(lambda labels: {"seconds": float(labels["b"] == "x")})["b"]
    assert (own.factor, own.largest_factor, own.span) == (None, None, 1.0)
