"""A loaded configuration: plain data, and for each value its place and source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from simulator.config.errors import ConfigError, KeyPath
from simulator.config.nodes import Node, Origin, Sourced, from_data

__all__ = ["Document", "Mark", "Sourced"]

Mark = tuple[str, int | None]
"""File (or command line option) and 1-based line of a value."""


@dataclass(frozen=True)
class Document:
    """A configuration whose values know where they were written.

    root: a mapping; the tree behind the views below.
    """

    root: Node

    @classmethod
    def from_data(cls, data: Mapping[str, Any], label: str = "") -> Document:
        """Make a document of plain data; `label` names it in messages."""
        return cls(from_data(data, Origin(label)))

    @cached_property
    def data(self) -> dict[str, Any]:
        """The values: dicts, lists and scalars, sourced values as plain values."""
        value = _plain(self.root)
        assert isinstance(value, dict)
        return value

    @cached_property
    def marks(self) -> dict[KeyPath, Mark]:
        """File and line of every value, by its key path; `()` is the document."""
        found: dict[KeyPath, Mark] = {}
        for path, node in _walk(self.root):
            found[path] = (node.origin.label, node.line)
        return found

    @cached_property
    def sources(self) -> dict[KeyPath, Sourced]:
        """The sourced values, by key path."""
        return {path: node.sourced for path, node in _walk(self.root) if node.sourced}

    def node(self, path: KeyPath) -> Node | None:
        """Return the node at `path`, or None."""
        node: Node | None = self.root
        for part in path:
            node = _child(node, part) if node is not None else None
        return node

    def locate(self, path: KeyPath) -> Node:
        """Return the node at `path`, or its nearest parent that exists."""
        node = self.root
        for part in path:
            child = _child(node, part)
            if child is None:
                break
            node = child
        return node

    def error(self, path: KeyPath, message: str, **details: Any) -> ConfigError:
        """Return a ConfigError for the value at `path`, with its file and line."""
        return self.locate(path).error(message, path=path, **details)

    def replaced(self, path: KeyPath, node: Node) -> Document:
        """Return a document with `node` at `path`, whose parents exist."""
        return Document(_replaced(self.root, path, node))


def _child(node: Node, part: str | int) -> Node | None:
    if isinstance(node.value, Mapping):
        return node.value.get(str(part))
    if isinstance(node.value, tuple) and isinstance(part, int) and 0 <= part < len(node.value):
        return node.value[part]
    return None


def _plain(node: Node) -> Any:
    if isinstance(node.value, Mapping):
        return {key: _plain(child) for key, child in node.value.items()}
    if isinstance(node.value, tuple):
        return [_plain(item) for item in node.value]
    return node.value


def _walk(node: Node, path: KeyPath = ()) -> list[tuple[KeyPath, Node]]:
    found = [(path, node)]
    if isinstance(node.value, Mapping):
        for key, child in node.value.items():
            found += _walk(child, (*path, key))
    elif isinstance(node.value, tuple):
        for index, child in enumerate(node.value):
            found += _walk(child, (*path, index))
    return found


def _replaced(node: Node, path: KeyPath, new: Node) -> Node:
    if not path:
        return new
    child = _child(node, path[0])
    if isinstance(node.value, Mapping):
        inner = _replaced(child, path[1:], new) if child is not None else new
        value: Any = {**node.value, str(path[0]): inner}
    elif child is not None and isinstance(node.value, tuple):
        index = int(path[0])
        inner = _replaced(child, path[1:], new)
        value = (*node.value[:index], inner, *node.value[index + 1 :])
    else:
        raise KeyError(path[0])
    return Node(value, node.origin, node.line)
