"""Points that others are measured by: what main units are sized to, the baseline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field, model_validator

from simulator.config import CyclelabError, Document, Spec, nearest
from simulator.config.errors import KeyPath
from simulator.explore.spec import Equal

Label = str | int | float | bool
Labels = dict[str, Label]


class EqualSpec(Spec):
    """What the main units of every point are sized to: the area (mm²), the peak (MACs per
    cycle) or the power (W at the peak) of those of a reference.

    The reference of a point has the labels that are named here, and else the point's own.
    """

    area: Labels | None = Field(default=None, min_length=1)
    peak: Labels | None = Field(default=None, min_length=1)
    power: Labels | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def _one(self) -> EqualSpec:
        given = [name for name in ("area", "peak", "power") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of area, peak, power, found {len(given) or 'none'}")
        return self

    @property
    def what(self) -> Equal:
        """Which of the three."""
        if self.area is not None:
            return "area"
        return "peak" if self.peak is not None else "power"

    @property
    def labels(self) -> Labels:
        """Those of the reference."""
        found = self.area or self.peak or self.power
        assert found is not None
        return found


@dataclass(frozen=True, slots=True)
class Reference:
    """Which levels a point's reference has; by the places of axes. Others are the point's."""

    levels: Mapping[int, int]

    def of(self, levels: tuple[int, ...]) -> tuple[int, ...]:
        """The reference of a point."""
        return tuple(self.levels.get(axis, level) for axis, level in enumerate(levels))


def reference(labels: Mapping[str, Any], axes: Mapping[str, Sequence[Any]]) -> Reference:
    """The reference with some labels. axes: all labels of each.

    A label may be given as its text, as on the command line. Raises CyclelabError, with the
    nearest name, for an unknown axis or label.
    """
    names = list(axes)
    levels = {}
    for name, label in labels.items():
        if name not in axes:
            raise CyclelabError(unknown("axis", name, names))
        own = [(type(each), each) for each in axes[name]]
        if (type(label), label) in own:
            levels[names.index(name)] = own.index((type(label), label))
            continue
        texts = [str(each) for each in axes[name]]
        if str(label) not in texts:
            raise CyclelabError(f"the axis {name!r}: {unknown('label', str(label), texts)}")
        levels[names.index(name)] = texts.index(str(label))
    return Reference(levels)


def read_reference(
    labels: Mapping[str, Any], axes: Mapping[str, Sequence[Any]], document: Document, path: KeyPath
) -> Reference:
    """As `reference`; raises ConfigError with file and line."""
    try:
        return reference(labels, axes)
    except CyclelabError as error:
        raise document.error(path, str(error)) from None


def unknown(what: str, name: str, known: Sequence[str]) -> str:
    """What to say of a name that there is not, with those there are and the nearest."""
    hint = nearest(name, known)
    return f"there is no {what} {name!r}; there are: {', '.join(known)}" + (
        f"; did you mean {hint!r}?" if hint else ""
    )
