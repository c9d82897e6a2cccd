"""One published number next to ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was measured on what, and both values in `unit`.

    note: why they differ. group: of a study whose findings are summed up by group.
    """

    case: str
    quantity: str
    unit: str
    published: float
    ours: float
    note: str = ""
    group: str = ""

    @property
    def error(self) -> float:
        """(ours - published) / published."""
        return self.ours / self.published - 1


@dataclass(frozen=True, slots=True)
class Study:
    """A set of claims of one source. run: simulates whatever it takes.

    notes: what was assumed, and why numbers differ.
    """

    name: str
    title: str
    source: str
    run: Callable[[], list[Finding]]
    notes: tuple[str, ...] = ()
