"""Axes of a sweep: which keys change together, and what they are set to."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from pydantic import Field, model_validator

from simulator.config import Document, Spec
from simulator.config.errors import KeyPath
from simulator.config.nodes import Node
from simulator.config.overrides import Setting
from simulator.explore.sweep.braces import has_braces

FORMS = ("values", "range", "log_range", "cases")
MOST_LEVELS = 1_000_000
"""Of one axis."""


class RangeSpec(Spec):
    """Numbers from one to another, both among them if `step` leads there."""

    start: float = Field(alias="from")
    to: float
    step: float = Field(gt=0)

    def numbers(self) -> list[float]:
        """The numbers, exactly as decimals."""
        start, to, step = (Fraction(str(each)) for each in (self.start, self.to, self.step))
        count = max(0, math.floor((to - start) / step) + 1)
        if count > MOST_LEVELS:
            raise ValueError(f"has {count:,} values, expected at most {MOST_LEVELS:,}")
        return [_number(start + index * step) for index in range(count)]


class LogRangeSpec(Spec):
    """Numbers whose ratios are equal: by `factor`, or so many `points` from end to end."""

    start: float = Field(alias="from", gt=0)
    to: float = Field(gt=0)
    factor: float | None = Field(default=None, gt=1)
    points: int | None = Field(default=None, ge=2, le=MOST_LEVELS)

    @model_validator(mode="after")
    def _one_of_two(self) -> LogRangeSpec:
        if (self.factor is None) == (self.points is None):
            raise ValueError("expected either factor or points")
        return self

    def numbers(self) -> list[float]:
        """The numbers; whole ones, without doubles, where `points` lie between whole numbers."""
        if self.factor is not None:
            return self._by_factor(Fraction(str(self.factor)))
        assert self.points is not None
        whole = self.start.is_integer() and self.to.is_integer()
        exponents = [index / (self.points - 1) for index in range(self.points)]
        exact = [self.start * (self.to / self.start) ** each for each in exponents]
        exact[-1] = self.to
        return list(dict.fromkeys(round(each) if whole else each for each in exact))

    def _by_factor(self, factor: Fraction) -> list[float]:
        numbers, value, to = [], Fraction(str(self.start)), Fraction(str(self.to))
        while value <= to:
            numbers.append(_number(value))
            value *= factor
        return numbers


class AxisCaseSpec(Spec):
    """Settings under a name: key paths to values."""

    name: str | int | float | bool
    set: dict[str, Any] = Field(min_length=1)


class AxisSpec(Spec):
    """What changes, and what it is set to, in one of the FORMS.

    key: a key path of the experiment, that the axis is called if left out. keys: several,
        each value then a list of as many. labels: names of the values, as many.
    cases: named settings, which may be of different keys.
    """

    key: str | None = None
    keys: tuple[str, ...] | None = Field(default=None, min_length=1)
    values: tuple[Any, ...] | None = None
    labels: tuple[str | int | float | bool, ...] | None = None
    range: RangeSpec | None = None
    log_range: LogRangeSpec | None = None
    cases: tuple[AxisCaseSpec, ...] | None = None

    @model_validator(mode="after")
    def _one_form(self) -> AxisSpec:
        given = [form for form in FORMS if getattr(self, form) is not None]
        if len(given) != 1:
            raise ValueError(f"expected one of {', '.join(FORMS)}, found {len(given) or 'none'}")
        if self.key is not None and self.keys is not None:
            raise ValueError("expected either key or keys")
        if self.cases is not None and (self.key or self.keys or self.labels):
            raise ValueError("cases name their own keys: expected neither key, keys nor labels")
        if self.keys is not None and self.values is None:
            raise ValueError("keys: several keys need values, each a list of as many")
        return self


@dataclass(frozen=True, slots=True)
class Level:
    """One value of an axis. label: a scalar, which tells it from others of the axis."""

    label: Any
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis with its levels.

    keys: what it sets. key: the only one, if each level is a scalar value of it.
    """

    name: str
    keys: tuple[str, ...]
    key: str | None
    levels: tuple[Level, ...]


def read_axis(name: str, spec: AxisSpec, document: Document, path: KeyPath) -> Axis:
    """The axis at `path` of a document; raises ConfigError, with its line, if it is empty,
    two levels are alike, or lists do not have as many items as there are keys."""
    if spec.cases is not None:
        levels = _cases(spec, document, path)
    else:
        keys = spec.keys or (spec.key or name,)
        levels = _valued(spec, keys, document, path)
    if not levels:
        raise document.error(path, f"the axis {name!r} is empty, expected a value or more")
    labels = [repr(level.label) for level in levels]
    twice = (
        next((label for label in labels if labels.count(label) > 1), None)
        if len(set(labels)) < len(labels)
        else None
    )
    if twice is not None:
        raise document.error(path, f"two values of the axis {name!r} are {twice}")
    own = tuple(dict.fromkeys(s.key for level in levels for s in level.settings))
    single = own[0] if len(own) == 1 and all(_is_plain(level) for level in levels) else None
    return Axis(name, own, single, levels)


def _is_plain(level: Level) -> bool:
    node = level.settings[0].node
    return bool(node.value == level.label) and not has_braces(node)


def _cases(spec: AxisSpec, document: Document, path: KeyPath) -> tuple[Level, ...]:
    levels = []
    for index, case in enumerate(spec.cases or ()):
        at = (*path, "cases", index, "set")
        settings = [_setting(key, document.node((*at, key)), document, at) for key in case.set]
        levels.append(Level(case.name, tuple(settings)))
    return tuple(levels)


def _valued(
    spec: AxisSpec, keys: tuple[str, ...], document: Document, path: KeyPath
) -> tuple[Level, ...]:
    nodes = _nodes(spec, document, path)
    labels = spec.labels
    if labels is not None and len(labels) != len(nodes):
        at = (*path, "labels")
        raise document.error(at, f"found {len(labels)} labels of {len(nodes)} values")
    levels = []
    for index, node in enumerate(nodes):
        values: tuple[Node, ...] = (node,)
        if spec.keys is not None:
            if not isinstance(node.value, tuple) or len(node.value) != len(keys):
                raise node.error(f"found {_shown(node)}, expected a list of {len(keys)} values")
            values = node.value
        settings = tuple(
            _setting(key, value, document, path) for key, value in zip(keys, values, strict=True)
        )
        levels.append(Level(labels[index] if labels else _label(node, index), settings))
    return tuple(levels)


def _nodes(spec: AxisSpec, document: Document, path: KeyPath) -> list[Node]:
    """The values, each where it was written."""
    if spec.values is not None:
        short = document.node((*path, "values")) is None
        node = document.node(path if short else (*path, "values"))
        assert node is not None and isinstance(node.value, tuple)
        return list(node.value)
    form = "range" if spec.range is not None else "log_range"
    written = document.locate((*path, form))
    found = spec.range or spec.log_range
    assert found is not None
    try:
        return [Node(number, written.origin, written.line) for number in found.numbers()]
    except ValueError as error:
        raise written.error(str(error), path=(*path, form)) from None


def _setting(key: str, node: Node | None, document: Document, path: KeyPath) -> Setting:
    keys = tuple(part.strip() for part in key.split("."))
    if not all(keys) or node is None:
        raise document.error(path, f"found {key!r}, expected a key path of the experiment")
    return Setting(keys, node)


def _label(node: Node, index: int) -> Any:
    """A scalar, a list of them joined, or what a mapping is called."""
    if isinstance(node.value, tuple):
        return ", ".join(str(_label(item, index)) for item in node.value)
    if isinstance(node.value, Mapping):
        named = next((node.value[key] for key in ("name", "kind") if key in node.value), None)
        return str(named.value) if named is not None else f"value {index + 1}"
    return node.value


def _shown(node: Node) -> str:
    count = len(node.value) if isinstance(node.value, tuple | Mapping) else None
    return repr(node.value) if count is None else f"{count} of them"


def _number(exact: Fraction) -> float:
    return int(exact) if exact.denominator == 1 else float(exact)
