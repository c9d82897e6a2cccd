"""What other packages add, found by entry points and loaded when it is asked for by name.

A package is only looked at for a name that is not one of ours, and for lists. What it does
wrong is a message that names it, and stops nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from simulator.config.errors import CyclelabError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

MATRIX_UNITS = "cyclelab.matrix_units"
MULTIPLIERS = "cyclelab.multipliers"
PRESETS = "cyclelab.presets"
IMPORTERS = "cyclelab.importers"
"""Groups of entry points: classes of matrix units; what multiplies in a systolic array;
packages with a folder `configs`; functions that read a workload."""

T = TypeVar("T")


class PluginError(CyclelabError):
    """Something in another package cannot be used."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """An entry point: its name, and the distribution that it is of."""

    name: str
    package: str
    version: str
    entry: EntryPoint

    @property
    def origin(self) -> str:
        """`cyclelab-example 0.1`."""
        return f"{self.package} {self.version}"

    def load(self) -> Any:
        """What it names; raises PluginError."""
        try:
            return self.entry.load()
        except (Exception, SystemExit) as error:  # whatever a foreign module does
            first = (str(error).strip() or "no message").splitlines()[0]
            raise self.error(
                f"cannot be loaded from {self.entry.value}: {type(error).__name__}: {first}"
            ) from None

    def error(self, what: str) -> PluginError:
        """The error that says so of it."""
        return PluginError(f"{self.name!r} of the package {self.origin} {what}")

    def folder(self) -> Path | None:
        """Where its outermost package or module lies; None if it is not there."""
        try:
            found = find_spec(self.entry.module.partition(".")[0])
        except (ImportError, ValueError):
            return None
        if found is None:
            return None
        if found.submodule_search_locations:
            return Path(next(iter(found.submodule_search_locations)))
        return Path(found.origin) if found.origin else None

    def facts(self) -> list[str]:
        """Its package, version, and a digest of its code: equal where it does the same."""
        return [self.package, self.version, code_digest(self.folder())]


@cache
def plugins(group: str) -> Mapping[str, tuple[Plugin, ...]]:
    """By name, what packages give to a group; more than one where they give the same name."""
    from importlib.metadata import distributions

    found: dict[str, dict[str, Plugin]] = {}
    for distribution in distributions():
        for entry in distribution.entry_points.select(group=group):
            package = distribution.metadata["Name"] or "a package without a name"
            plugin = Plugin(entry.name, package, distribution.version, entry)
            found.setdefault(entry.name, {}).setdefault(package, plugin)  # the first on the path
    return {name: tuple(by.values()) for name, by in sorted(found.items())}


class Registry(Mapping[str, T], Generic[T]):
    """What is known by a name: our own, and what other packages add. Ours cannot be replaced.

    noun: what one is called. group: of entry points. check: raises ValueError, saying what is
    expected, for what is none. Iterating gives names and loads nothing.
    """

    def __init__(self, noun: str, group: str, check: Callable[[str, Any], None]) -> None:
        self.noun = noun
        self.group = group
        self.own: dict[str, T] = {}
        self._check = check

    def add(self, name: str, value: T, replace: bool = False) -> None:
        """One of our own, or of a notebook. Raises ValueError for what is none.

        replace: it takes the place of one that has its name, which is an error otherwise.
        """
        if name in self.own and not replace:
            raise ValueError(f"{self.noun} {name!r} is registered twice")
        self._check(name, value)
        self.own[name] = value

    def __getitem__(self, name: str) -> T:
        """The one of a name. Raises KeyError, or PluginError for one that cannot be used."""
        if name in self.own:
            return self.own[name]
        plugin = self.plugin(name)
        if plugin is None:
            raise KeyError(name)
        value: T = plugin.load()
        try:
            self._check(name, value)
        except ValueError as error:
            raise plugin.error(f"is no {self.noun}: {error}") from None
        return value

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in plugins(self.group)

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from (name for name in plugins(self.group) if name not in self.own)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def plugin(self, name: str) -> Plugin | None:
        """Where a name comes from, None if it is our own or nobody's.

        Raises PluginError if several packages give it.
        """
        if name in self.own:
            return None
        given = plugins(self.group).get(name, ())
        if len(given) > 1:
            raise PluginError(f"{self.noun} {name!r} is of several packages: {_names(given)}")
        return given[0] if given else None

    def refused(self) -> list[str]:
        """Names that packages may not have, in words."""
        return [
            f"{self.noun} {name!r} of {_names(given)} is not used: the name is cyclelab's own"
            for name, given in plugins(self.group).items()
            if name in self.own
        ]

    def unknown(self, name: object) -> str:
        """What to say of a name that nobody has."""
        hint = nearest(name, self) if isinstance(name, str) else None
        return f"unknown {self.noun} {name!r}; known: {', '.join(sorted(self))}" + (
            f"; did you mean {hint!r}?" if hint else ""
        )


def _names(given: tuple[Plugin, ...]) -> str:
    return ", ".join(plugin.origin for plugin in given)


@cache
def code_digest(place: Path | None) -> str:
    """A digest of a module, or of all modules of a package."""
    digest = hashlib.sha256()
    if place is not None:
        files = sorted(place.rglob("*.py")) if place.is_dir() else [place]
        for path in files:
            digest.update(path.name.encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
