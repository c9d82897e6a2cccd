"""An estimate together with where it comes from, and what answers with it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from simulator.config.errors import CyclelabError, nearest
from simulator.cost.estimate import EXACT, Estimate, exact
from simulator.hardware.primitives import Primitive


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

    def plus(self, other: Priced) -> Priced:
        """Add another priced number of the same unit."""
        return Priced(self.estimate + other.estimate, _distinct(self.sources + other.sources))

    def scaled(self, factor: float) -> Priced:
        """Multiply by a count."""
        return Priced(self.estimate.scaled(factor), self.sources)


class Prices(Protocol):
    """What a class of primitives costs. Methods raise CyclelabError for what is unknown."""

    @property
    def shared_energy(self) -> Estimate:
        """Factor that all energies have in common, as bounds around 1."""

    @property
    def shared_leakage(self) -> Estimate:
        """The same of powers of what idles."""

    @property
    def shared_area(self) -> Estimate:
        """The same of areas."""

    def area_um2(self, primitive: Primitive) -> Priced:
        """Area of one primitive on the die."""

    def energy_pj(self, primitive: Primitive, verb: str) -> Priced:
        """Energy of one action."""

    def leakage_w(self, primitive: Primitive) -> Priced:
        """Power of one primitive that does nothing."""


class Unshared:
    """Factors of prices that have none in common, as those of devices bought apart."""

    @property
    def shared_energy(self) -> Estimate:
        """Nothing."""
        return EXACT

    @property
    def shared_leakage(self) -> Estimate:
        """Nothing."""
        return EXACT

    @property
    def shared_area(self) -> Estimate:
        """Nothing."""
        return EXACT


def known_device(primitive: Primitive, devices: Collection[str]) -> str:
    """The device of a primitive; raises CyclelabError with the nearest name for an unknown one."""
    if primitive.device not in devices:
        near = nearest(primitive.device, devices)
        raise CyclelabError(
            f"the technology knows no {primitive.kind} called {primitive.device!r}; known: "
            + ", ".join(sorted(devices))
            + (f"; did you mean {near!r}?" if near else "")
        )
    return primitive.device


def exactly(value: float, *sources: str) -> Priced:
    """A number that is not in doubt."""
    return Priced(exact(value), sources)


def _distinct(sources: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(sources))
