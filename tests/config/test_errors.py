"""The texts of errors, and the nearest name."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, CyclelabError, format_path, nearest


def test_the_text_of_an_error() -> None:
    error = ConfigError(
        "unknown key 'outstandng'",
        file="x.yaml",
        line=12,
        path=("core", "dma", "outstandng"),
        nearest="outstanding",
    )
    expected = "x.yaml:12: core.dma.outstandng: unknown key 'outstandng'; did you mean "
    assert str(error) == expected + "'outstanding'?"
    assert str(ConfigError("no", file="--set a=1")) == "--set a=1: no"
    assert str(ConfigError("no", line=3)) == "no"


def test_several_errors_are_one_with_a_line_each() -> None:
    one, two = ConfigError("one", file="a"), ConfigError("two", file="b")
    assert ConfigError.of([one]) is one
    both = ConfigError.of([one, two])
    assert str(both) == "a: one\nb: two"
    assert str(ConfigError.of([both, one])) == "a: one\nb: two\na: one"
    assert both.problems == (one, two)


def test_errors_cross_processes() -> None:
    error = ConfigError.of([ConfigError("one", file="a", line=3), ConfigError("two", path=["x"])])
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert isinstance(copy, CyclelabError)


@pytest.mark.parametrize(
    ("word", "name"),
    [("outstandng", "outstanding"), ("INT8", "int8"), ("tpu_v3", "tpuv3"), ("zzz", None)],
)
def test_the_nearest_name(word: str, name: str | None) -> None:
    assert nearest(word, ["outstanding", "int8", "tpuv3", "lanes"]) == name


@given(st.text(), st.lists(st.text(min_size=1), max_size=5))
def test_the_nearest_name_is_one_of_them(word: str, names: list[str]) -> None:
    assert nearest(word, names) in {None, *names}


def test_paths_are_written_with_dots() -> None:
    assert format_path(("core", "units", 0, "rows")) == "core.units.0.rows"
