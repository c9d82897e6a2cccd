"""Whole numbers that a program passes, checked as those that somebody types are."""

from __future__ import annotations

import operator
from typing import Any

from simulator.config.errors import CyclelabError

LARGEST_SIZE = 999_999_999


def checked_size(value: Any, name: str, least: int = 1, most: int = LARGEST_SIZE) -> int:
    """The value, an int or one of numpy's, from `least` to `most`; raises CyclelabError."""
    try:
        size = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        size = None
    if size is None or not least <= size <= most:
        raise CyclelabError(
            f"{name}: found {value!r}, expected a whole number from {least} to {most:,}"
        )
    return size
