import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.report import units
from simulator.report.result import Estimate


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0, "B", "0 B"),
        (999, "B", "999 B"),
        (999.7, "B", "1.00 kB"),
        (12_345, "B", "12.3 kB"),
        (180_355_072, "B", "180 MB"),
        (0.0127, "J", "12.7 mJ"),
        (3.78e-5, "s", "37.8 µs"),
        (-1500, "B", "-1.50 kB"),
        (2.0, "", "2.00"),
    ],
)
def test_si_prefixes(value: float, unit: str, text: str) -> None:
    assert units.si(value, unit).replace(units.SPACE, " ") == text


@given(st.floats(min_value=1e-14, max_value=9e20))
def test_si_keeps_three_digits(value: float) -> None:
    number, prefixed = units.si(value, "J").split(units.SPACE)
    exponent = {p: e for e, p in units.PREFIXES.items()}[prefixed[:-1]]
    assert float(number) * 10.0**exponent == pytest.approx(value, rel=0.0051)
    assert 0.995 <= float(number) <= 999.5


def test_bytes_have_no_thousandths() -> None:
    texts = [units.si(x, "B/s").replace(units.SPACE, " ") for x in (0.0321, 0.5, 32, 32e9)]
    assert texts == ["0.0321 B/s", "0.500 B/s", "32.0 B/s", "32.0 GB/s"]


def test_estimate_shares_one_prefix() -> None:
    text = units.estimate(Estimate(0.0123, 0.0081, 1.65), "J").replace(units.SPACE, " ")
    assert text == "12.3 mJ (8.10–1,650)"
    area = units.estimate(Estimate(12.3, 8.1, 16.5), "mm²", prefix=False)
    assert area.replace(units.SPACE, " ") == "12.3 mm² (8.10–16.5)"


def test_shares_do_not_vanish() -> None:
    texts = [units.percent(x).replace(units.SPACE, " ") for x in (0, 0.0004, 0.032, 0.41, 1)]
    assert texts == ["0 %", "<0.1 %", "3.2 %", "41 %", "100 %"]


@given(st.floats(min_value=0, max_value=2), st.integers(min_value=1, max_value=20))
def test_bar_has_its_width(fraction: float, width: int) -> None:
    assert len(units.bar(fraction, width)) == width


def test_bar_in_eighths() -> None:
    assert units.bar(0.5, 4) == "██  "
    assert units.bar(1 / 8, 1) == "▏"


def test_times() -> None:
    assert units.seconds(None) == "–"
    assert units.seconds(3723.4).replace(units.SPACE, " ") == "3,723 s"
