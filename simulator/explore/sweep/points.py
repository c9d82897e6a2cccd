"""The points of a sweep: every combination of levels that no condition leaves out."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from simulator.config import ConfigError, CyclelabError, Document, nearest
from simulator.config.errors import KeyPath
from simulator.config.nodes import Node
from simulator.config.overrides import Setting, apply_overrides, as_setting
from simulator.config.resources import SUFFIXES, find_file
from simulator.cost import Technology, technology_from
from simulator.experiment import Experiment, build_experiment, completed
from simulator.explore.equal import UnequalError, equalising
from simulator.explore.sweep.braces import check_braces, filled
from simulator.explore.sweep.expression import Condition, UnknownNameError
from simulator.explore.sweep.reference import Reference, read_reference
from simulator.explore.sweep.spec import (
    base_experiment,
    read_axes,
    read_conditions,
    read_spec,
)

DEFAULT_LIMIT = 100_000
REMEMBERED_TECHNOLOGIES = 16
NO_MATTER = ("name", "description", "simulation")
"""Keys of an experiment on which no figure depends."""
NO_SPANS = "simulation.timeline_commands=0"
ADVICE = "leave such points out (when), or name another reference"
Levels = tuple[int, ...]
"""A point: which level of each axis."""


class Sweep:
    """A checked sweep. `document` and `overrides` make it again, in another process.

    overrides: `key.path=value`, settings of all points. base: the experiment that points
    share, with its presets and the overrides. Raises ConfigError, with file and line, for what
    is wrong with the sweep itself; its points are checked one by one.
    """

    def __init__(self, document: Document, overrides: Iterable[str] = ()) -> None:
        self.document = document
        self.overrides = tuple(overrides)
        self.spec = read_spec(document)
        self.axes = read_axes(self.spec, document)
        check_braces(self.axes, document)
        self.equal = self._reference()
        self.when = read_conditions(self.spec.when, document, "when")
        self.constraints = read_conditions(self.spec.constraints, document, "constraints")
        self._axis = {axis.name: index for index, axis in enumerate(self.axes)}
        self._technologies: dict[int, tuple[Node, Technology]] = {}
        self.base = self._completed()
        self._early = [c for c in self.when if all(self._is_early(n) for n in c.names)]
        self._late = [c for c in self.when if c not in self._early]

    @property
    def size(self) -> int:
        """Combinations of levels, with those that conditions leave out."""
        return math.prod(len(axis.levels) for axis in self.axes)

    def check_size(self, limit: int = DEFAULT_LIMIT) -> None:
        """Raise ConfigError for more combinations than `limit`."""
        if self.size > limit:
            counts = " × ".join(f"{len(axis.levels):,}" for axis in self.axes)
            raise self.document.error(
                ("axes",),
                f"{self.size:,} points ({counts}), more than {limit:,}: give axes fewer values, "
                "let a search choose points (search: {method: tpe, trials: 1000}), or raise the "
                f"limit with --limit {self.size}",
            )

    def points(self) -> Iterator[Levels]:
        """Points that no condition on axes leaves out, the last axis running fastest."""
        for number in range(self.size):
            levels = self.levels(number)
            if self.wants(levels):
                yield levels

    def wants(self, levels: Levels) -> bool:
        """Whether no condition on axes leaves a point out."""
        return all(self._holds(condition, levels) for condition in self._early)

    def levels(self, number: int) -> Levels:
        """The levels of a point of the whole grid."""
        found = []
        for axis in reversed(self.axes):
            number, level = divmod(number, len(axis.levels))
            found.append(level)
        return tuple(reversed(found))

    def number(self, levels: Levels) -> int:
        """The place of a point in the whole grid."""
        number = 0
        for axis, level in zip(self.axes, levels, strict=True):
            number = number * len(axis.levels) + level
        return number

    def digest(self) -> str:
        """Equal for sweeps whose points have the same places, and which are of one name."""
        axes = [(axis.name, [str(level.label) for level in axis.levels]) for axis in self.axes]
        text = json.dumps([self.spec.name, axes, self.spec.when, self.overrides])
        return hashlib.sha256(text.encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """What a store keeps of the sweep itself."""
        return {
            "title": self.spec.title or self.spec.name,
            "notes": self.spec.notes,
            "axes": self._labels(),
            "constraints": self.spec.constraints,
            "objectives": self.spec.objectives,
            "baseline": self.spec.baseline,
            "settings": self.overrides,
            "written": self.document.data,
        }

    def labels(self, levels: Levels) -> dict[str, Any]:
        """The point as it is shown: a label for each axis."""
        pairs = zip(self.axes, levels, strict=True)
        return {axis.name: axis.levels[level].label for axis, level in pairs}

    def title(self, levels: Levels) -> str:
        """`rows 64, batch 8`."""
        return ", ".join(f"{name} {label}" for name, label in self.labels(levels).items())

    def experiment(self, levels: Levels) -> Experiment | None:
        """The checked experiment of a point; None if a condition on other keys leaves it out.

        Raises ConfigError with file and line.
        """
        experiment = self._sized(levels)
        if not self._late:
            return experiment
        resolved = experiment.resolved()
        holds = all(self._holds(condition, levels, resolved) for condition in self._late)
        return experiment if holds else None

    def _labels(self) -> dict[str, list[Any]]:
        return {axis.name: [level.label for level in axis.levels] for axis in self.axes}

    def _reference(self) -> Reference | None:
        """What main units are sized to; the labels of a baseline are checked as well."""
        axes, equal = self._labels(), self.spec.equal
        read_reference(self.spec.baseline or {}, axes, self.document, ("baseline",))
        if equal is None:
            return None
        return read_reference(equal.labels, axes, self.document, ("equal", equal.what))

    def _sized(self, levels: Levels) -> Experiment:
        """The experiment of a point, its main units as large as those of its reference."""
        own = self._given(levels)
        if self.equal is None or self.spec.equal is None:
            return own
        reference = self.equal.of(levels)
        if reference == levels:
            return own
        model = self._given(reference)
        try:
            size = equalising(own, model, self.spec.equal.what)
        except UnequalError as error:
            raise self.document.error(("equal",), f"{error.what}; {ADVICE}") from None
        return own if size is None else self._given(levels, as_setting(size.setting))

    def _given(self, levels: Levels, *more: Setting) -> Experiment:
        """The experiment of a point as its axes set it, then with more settings."""
        pairs = zip(self.axes, levels, strict=True)
        settings = [s for axis, level in pairs for s in axis.levels[level].settings]
        own = filled(settings, self.labels(levels))
        return build_experiment(self.base, [*own, *more], None, self._technology)

    def _completed(self) -> Document:
        """The experiment that all points share, with its presets and the overrides."""
        given = [as_setting(each) for each in (*self.overrides, NO_SPANS)]
        for setting in given:
            axis = next((a for a in self.axes for key in a.keys if _undoes(key, setting)), None)
            if axis is not None:
                raise setting.node.error(f"{setting.key} is what the axis {axis.name!r} changes")
        whole = [s for s in given if s.key == "machine"]
        base = completed(base_experiment(self.document), whole)
        return apply_overrides(base, [s for s in given if s.key != "machine"])

    def _technology(self, document: Document, path: KeyPath) -> Technology:
        """That of a document; one that was read before is not read again."""
        node = document.locate(path)
        known = self._technologies.get(id(node))
        if known is None:
            if len(self._technologies) >= REMEMBERED_TECHNOLOGIES:
                self._technologies.clear()
            known = self._technologies[id(node)] = (node, technology_from(document, path))
        return known[1]

    def _is_early(self, name: str) -> bool:
        return name in self._axis or any(name == axis.key for axis in self.axes)

    def _holds(
        self, condition: Condition, levels: Levels, resolved: Mapping[str, Any] | None = None
    ) -> bool:
        try:
            return condition.holds(lambda name: self._value(name, levels, resolved))
        except CyclelabError as error:
            at = ("when", self.spec.when.index(condition.text))
            raise self.document.error(at, str(error)) from None

    def _value(self, name: str, levels: Levels, resolved: Mapping[str, Any] | None) -> Any:
        for index, axis in enumerate(self.axes):
            if name in (axis.name, axis.key):
                return axis.levels[levels[index]].label
        value: Any = resolved
        for part in name.split("."):
            if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, Mapping) and part in value:
                value = value[part]
            else:
                known = [*self._axis, *(value if isinstance(value, Mapping) else ())]
                hint = nearest(part, known)
                raise UnknownNameError(
                    f"{name!r} is neither an axis nor a key of the experiment"
                    + (f"; did you mean {hint!r}?" if hint else "")
                )
        return value


def _undoes(key: str, setting: Setting) -> bool:
    """Whether an axis of a key changes what a setting sets, or a whole of which it is part."""
    own = tuple(key.split("."))
    return own[: len(setting.keys)] == setting.keys[: len(own)] and len(own) <= len(setting.keys)


def key_of(experiment: Experiment) -> bytes:
    """Equal for experiments of equal figures: a digest of what they resolve to, of files that
    their workload names, and of the code of other packages that takes part."""
    found = {k: v for k, v in experiment.resolved().items() if k not in NO_MATTER}
    facts = {**found, "technology": experiment.technology.facts, "files": _files(experiment)}
    facts["packages"] = [plugin.facts() for plugin in experiment.plugins().values()]
    text = json.dumps(facts, sort_keys=True)
    return hashlib.sha256(text.encode()).digest()[:16]


def _files(experiment: Experiment) -> list[str]:
    """Digests of the files that are read when the workload is made."""
    node = experiment.document.node(("workload",))
    return [] if node is None else [_digest(path) for path in _named_files(node)]


def _named_files(node: Node) -> Iterator[Path]:
    if isinstance(node.value, Mapping):
        for key, child in node.value.items():
            yield from _named_files(child)
            if key == "imported":
                yield from _imported_file(child)
    elif isinstance(node.value, tuple):
        for child in node.value:
            yield from _named_files(child)
    elif isinstance(node.value, str) and node.value.endswith(SUFFIXES):
        path = (node.origin.directory or Path()) / node.value
        if path.is_file():
            yield path


def _imported_file(node: Node) -> Iterator[Path]:
    """The file of an importer, which may be called anything."""
    file = node.value.get("file") if isinstance(node.value, Mapping) else None
    if file is not None and isinstance(file.value, str) and not file.value.endswith(SUFFIXES):
        with suppress(CyclelabError):  # it is missed when it is read
            yield find_file(file.value, file.origin.directory)


def _digest(path: Path) -> str:
    facts = path.stat()
    return _digest_of(path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=256)
def _digest_of(path: Path, changed_ns: int, size: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def refused(sweep: Sweep, problems: Mapping[str, list[Levels]]) -> ConfigError:
    """The error for points that are wrong: each message once, with how many points it is of."""
    found = []
    for text, points in problems.items():
        first = f"first: {sweep.title(points[0])}"
        count = f"{len(points):,} points, {first}" if len(points) > 1 else first
        found.append(ConfigError(f"{text} ({count})"))
    return ConfigError.of(found)
