"""Pareto fronts: no point of it is dominated, every other is."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.explore.sweep.front import best, front, undominated
from simulator.explore.sweep.point import Point

VALUES = st.integers(1, 3).flatmap(
    lambda count: st.lists(st.tuples(*[st.integers(0, 6).map(float)] * count), max_size=40)
)


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(a <= b for a, b in zip(one, other, strict=True)) and one != other


@given(VALUES)
def test_the_front_is_what_nothing_dominates(values: list[tuple[float, ...]]) -> None:
    chosen = undominated(values)
    for each, is_in in zip(values, chosen, strict=True):
        assert is_in != any(dominates(other, each) for other in values)


def point(number: int, feasible: bool = True, **figures: float) -> Point:
    return Point(number, {"n": number}, "done", 0.1, None, figures, feasible)


def test_only_feasible_points_with_all_objectives_are_on_it() -> None:
    points = [
        point(0, a=1, b=1, feasible=False),
        point(1, a=3, b=5),
        point(2, a=2, b=9),
        point(3, a=9),
        point(4, a=4, b=5),
    ]
    assert [p.number for p in front(points, {"a": "min", "b": "min"})] == [1, 2]
    assert [p.number for p in front(points, {"a": "max", "b": "max"})] == [2, 4]
    assert [p.number for p in front(points, {"a": "min"})] == [2]
    least = {"b": "min", "a": "max"}
    top = best(front(points, least), "b", least)
    assert top is not None and top.number == 4
