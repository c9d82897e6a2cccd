"""The tree a YAML file becomes: values that know where they were written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from numbers import Integral, Real
from pathlib import Path

from simulator.config.errors import ConfigError
from simulator.config.scalars import Scalar

MAX_DEPTH = 64
"""Levels of nesting that are read; deeper input is a mistake or an attack."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a value was read from: how messages name it, and where its paths start.

    directory: folder that relative paths in it refer to; None = the current one.
    """

    label: str
    directory: Path | None = None


@dataclass(frozen=True, slots=True)
class Sourced:
    """A value with where it comes from, and how well it is known.

    low, high: bounds, in the unit of the value.
    quality: how the value was obtained, such as `datasheet`, `measured`, `estimated`.
    """

    value: Scalar | tuple[object, ...]
    source: str
    low: float | None = None
    high: float | None = None
    quality: str | None = None
    note: str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a document. Trees are immutable and may share parts.

    line: 1-based line of the key (or list item) that holds the value.
    sourced: set if it was written as `{value: …, source: …}`.
    """

    value: Mapping[str, Node] | tuple[Node, ...] | Scalar
    origin: Origin
    line: int | None = None
    sourced: Sourced | None = None

    def error(self, message: str, **details: object) -> ConfigError:
        """Return a ConfigError at this place."""
        return ConfigError(message, file=self.origin.label, line=self.line, **details)  # type: ignore[arg-type]


def leaves(node: Node) -> Iterator[Node]:
    """The scalars of a tree, each where it was written."""
    if isinstance(node.value, Mapping):
        for child in node.value.values():
            yield from leaves(child)
    elif isinstance(node.value, tuple):
        for child in node.value:
            yield from leaves(child)
    else:
        yield node


def merge(base: Node, over: Node) -> Node:
    """Lay `over` on `base`: mappings merge key by key, all else is replaced.

    A mapping of indices over a list (`{0: {rows: 64}}`) changes these items of
    the list. A sourced value is one value: it is replaced with its source. So is a
    mapping by one of another `kind`, whose keys mean something else.
    """
    if not isinstance(over.value, Mapping):
        return over
    if isinstance(base.value, Mapping):
        if "kind" in over.value and _kind(over.value) != _kind(base.value):
            return over
        merged = dict(base.value)
        for key, child in over.value.items():
            merged[key] = merge(merged[key], child) if key in merged else child
        return replace(over, value=merged)
    if isinstance(base.value, tuple) and over.value and all(map(is_index, over.value)):
        items = list(base.value)
        for key, child in over.value.items():
            index = list_index(key, items, child)
            items[index] = merge(items[index], child)
        return replace(base, value=tuple(items), sourced=None)
    return over


def _kind(mapping: Mapping[str, Node]) -> object:
    return mapping["kind"].value if "kind" in mapping else None


def is_index(key: str) -> bool:
    """Whether `key` can index a list."""
    return key.isascii() and key.isdecimal()


def list_index(key: str, items: list[Node] | tuple[Node, ...], at: Node) -> int:
    """Return `key` as an index into `items`; raises ConfigError at `at` if there is none."""
    if is_index(key) and len(key) < 10 and int(key) < len(items):
        return int(key)
    count = len(items)
    valid = f"an index of 0 to {count - 1}" if count else "nothing: the list is empty"
    raise at.error(f"no item {key!r} in the list, expected {valid}", found=key, expected=valid)


def from_data(value: object, origin: Origin, depth: int = 0) -> Node:
    """Make a tree from dicts, lists and scalars that were never in a file."""
    if depth > MAX_DEPTH:
        raise ConfigError(f"nested deeper than {MAX_DEPTH} levels", file=origin.label)
    if isinstance(value, Mapping):
        items = {str(key): from_data(item, origin, depth + 1) for key, item in value.items()}
        return Node(items, origin)
    if isinstance(value, list | tuple):
        return Node(tuple(from_data(item, origin, depth + 1) for item in value), origin)
    if value is None or isinstance(value, str | int | float | bool):
        return Node(value, origin)
    if isinstance(value, Integral | Real):  # numpy's
        return Node(int(value) if isinstance(value, Integral) else float(value), origin)
    raise ConfigError(
        f"found a value of type {type(value).__name__}, "
        "expected a mapping, list, text, number, true, false or null",
        file=origin.label,
    )
