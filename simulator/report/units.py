"""Numbers as text: SI prefixes, times, shares, uncertainties, bars."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from simulator.report.result import Estimate

PREFIXES = {
    -15: "f",
    -12: "p",
    -9: "n",
    -6: "µ",
    -3: "m",
    0: "",
    3: "k",
    6: "M",
    9: "G",
    12: "T",
    15: "P",
    18: "E",
}
SPACE = "\N{NO-BREAK SPACE}"
NOTHING = "–"
"""In place of a number that there is not."""

EIGHTHS = " ▏▎▍▌▋▊▉█"


def _exponent(value: float) -> int:
    """Exponent, a multiple of three, that brings `value` to 1 … 999 at three digits."""
    if value == 0 or not math.isfinite(value):
        return 0
    # Rounding first, so that 999.7 becomes 1.00 k and not 1,000.
    exponent = math.floor(math.log10(float(f"{abs(value):.2e}")) + 1e-12)
    return min(max(exponent // 3 * 3, min(PREFIXES)), max(PREFIXES))


def significant(value: float, digits: int = 3) -> str:
    """`value` with `digits` significant digits, without exponent, thousands separated."""
    if value == 0:
        return "0"
    if not math.isfinite(value):
        return str(value)
    exponent = math.floor(math.log10(float(f"{abs(value):.{digits - 1}e}")) + 1e-12)
    decimals = max(0, digits - 1 - exponent)
    return f"{value:,.{decimals}f}"


def si(value: float, unit: str, digits: int = 3) -> str:
    """`12300` and `B` give `12.3 kB` (a no-break space between number and unit)."""
    exponent = _exponent(value)
    if unit.startswith("B"):  # bytes have no thousandths
        exponent = max(exponent, 0)
    number = significant(value / 10.0**exponent, digits)
    return f"{number}{SPACE}{PREFIXES[exponent]}{unit}".rstrip()


def seconds(value: float | None) -> str:
    """A time, from femtoseconds up; from 1,000 s on in whole seconds; None is a dash."""
    if value is None:
        return NOTHING
    if abs(value) >= 1000:
        return f"{value:,.0f}{SPACE}s"
    return si(value, "s")


def count(value: int) -> str:
    """A whole number with thousands separators."""
    return f"{value:,}"


def percent(fraction: float) -> str:
    """A share: two digits, one decimal below ten percent, `<0.1 %` instead of 0."""
    value = 100 * fraction
    if value == 0:
        return f"0{SPACE}%"
    if value < 0.1:
        return f"<0.1{SPACE}%"
    return f"{value:.1f}{SPACE}%" if value < 9.95 else f"{value:.0f}{SPACE}%"


def estimate(quantity: Estimate, unit: str, prefix: bool = True) -> str:
    """`12.3 mm² (8.10–16.5)`: value, unit and bounds, all with one prefix."""
    exponent = _exponent(quantity.value) if prefix else 0
    scale = 10.0**exponent
    value, low, high = (
        significant(part / scale) for part in (quantity.value, quantity.low, quantity.high)
    )
    named = f"{value}{SPACE}{PREFIXES[exponent]}{unit}".rstrip()
    return f"{named} ({low}–{high})"


def ratio(value: float) -> str:
    """A factor such as `1.04×`; three digits from 10 on, two below 0.1."""
    if 0.1 <= value < 10:
        return f"{value:.2f}×"
    return f"{significant(value, 3 if value >= 10 else 2)}×"


def bar(fraction: float, width: int) -> str:
    """A bar of block characters, `width` columns for 1, padded with spaces."""
    eighths = round(min(max(fraction, 0.0), 1.0) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (EIGHTHS[rest] if rest else "")).ljust(width)


def columns(
    header: Sequence[str], rows: Iterable[Sequence[str]], left: frozenset[int] | set[int]
) -> list[str]:
    """Aligned lines of a text table: columns in `left` to the left, others to the right."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
