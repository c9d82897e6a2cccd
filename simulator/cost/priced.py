"""An estimate together with where it comes from."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.cost.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Priced:
    """sources: one line per number or law that went into the estimate, no line twice."""

    estimate: Estimate
    sources: tuple[str, ...]

    def times(self, factor: Estimate, *sources: str) -> Priced:
        """Multiply by an uncertain factor that has sources of its own."""
        return Priced(self.estimate.times(factor), _distinct(self.sources + sources))

    def combined(self, other: Priced) -> Priced:
        """Multiply by another priced number."""
        return self.times(other.estimate, *other.sources)


def _distinct(sources: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sources))
