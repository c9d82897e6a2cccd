"""What unquoted text means in YAML files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config.scalars import resolve_scalar


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1e9", 1e9),
        ("1E-3", 1e-3),
        ("2.5e3", 2500.0),
        (".5", 0.5),
        ("3.", 3.0),
        ("-1.5", -1.5),
        ("+7", 7),
        ("1_000_000", 1_000_000),
        ("1_000.5", 1000.5),
        ("0x1F", 31),
        ("010", 10),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_numbers_and_words(text: str, meaning: object) -> None:
    value = resolve_scalar(text)
    assert value == meaning
    assert type(value) is type(meaning)


def test_all_else_stays_text() -> None:
    words = "no yes on off y 1:30 2024-01-01 0o17 1__0 _1 1_ 1e e9 0x 8KiB --1 . - + 1.2.3 nan inf"
    for text in words.split():
        assert resolve_scalar(text) == text


@pytest.mark.parametrize("text", ["1e400", "-1e400", ".inf", "-.INF", ".nan", "9" * 31])
def test_numbers_out_of_range_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"too large|not a finite"):
        resolve_scalar(text)


@given(st.integers(-(10**28), 10**28))
def test_integers_survive(number: int) -> None:
    assert resolve_scalar(str(number)) == number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_floats_survive(number: float) -> None:
    assert resolve_scalar(repr(number)) == number
