"""A value with its bounds: what every area, energy and power is stated as."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its bounds, in the unit that the field's name says."""

    value: float
    low: float
    high: float

    def __add__(self, other: Estimate) -> Estimate:
        """Sum; bounds add, since errors of one technology go the same way."""
        return Estimate(self.value + other.value, self.low + other.low, self.high + other.high)

    def scaled(self, factor: float) -> Estimate:
        """Value and bounds times a factor of at least 0."""
        return Estimate(self.value * factor, self.low * factor, self.high * factor)

    def times(self, other: Estimate) -> Estimate:
        """Product of two estimates of at least 0; bounds multiply."""
        return Estimate(self.value * other.value, self.low * other.low, self.high * other.high)

    def relative(self) -> Estimate:
        """Bounds as factors around 1; the value is not 0."""
        return self.scaled(1 / self.value)


def exact(value: float) -> Estimate:
    """A value without doubt."""
    return Estimate(value, value, value)


ZERO = exact(0.0)
EXACT = exact(1.0)
