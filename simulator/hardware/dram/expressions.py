"""Delays as sums of timing names and whole numbers: `nCL + nBL + 2 - nCWL`."""

from __future__ import annotations

import re
from collections.abc import Mapping

from simulator.config import nearest

_TERM = re.compile(r"\s*([+-]?)\s*([A-Za-z_]\w*|\d+)")


def evaluate(expression: str, values: Mapping[str, int]) -> int:
    """The value of a sum of names and numbers; a leading sign is allowed.

    Raises ValueError, in words for a person, for a name without a value or
    anything that is not such a sum.
    """
    position, total = 0, 0
    text = expression.rstrip()
    while position < len(text):
        match = _TERM.match(text, position)
        if match is None or (position and not match[1]):
            raise ValueError(
                f"{expression!r} is not a sum of timing names and whole numbers "
                f"(at {text[position:].strip()!r})"
            )
        sign, term = match.groups()
        total += (-1 if sign == "-" else 1) * _value(term, expression, values)
        position = match.end()
    if not text.strip():
        raise ValueError("an empty expression, expected a sum of timing names")
    return total


def names_in(expression: str) -> set[str]:
    """Timing names of a sum."""
    return {term for _, term in _TERM.findall(expression) if not term.isdigit()}


def _value(term: str, expression: str, values: Mapping[str, int]) -> int:
    if term.isdigit():
        return int(term)
    if term not in values:
        near = nearest(term, values)
        raise ValueError(
            f"timing {term!r} is missing, which {expression!r} needs"
            + (f"; did you mean {near!r}?" if near else "")
        )
    return values[term]
