"""Texts of an axis that speak of others: `bipolar{bits}` is `bipolar4` where `bits` is 4."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulator.config import Document, nearest
from simulator.config.errors import KeyPath
from simulator.config.nodes import Node, leaves
from simulator.config.overrides import Setting

if TYPE_CHECKING:
    from simulator.explore.sweep.axis import Axis

_NAMED = re.compile(r"\{([^{}]*)\}")


def check_braces(axes: Sequence[Axis], document: Document) -> None:
    """Raise ConfigError, with file and line, for a text that names what is no axis."""
    names = [axis.name for axis in axes]
    for axis in axes:
        path: KeyPath = ("axes", axis.name)
        for node in (s.node for level in axis.levels for s in level.settings):
            for named in _names(node):
                if named in names:
                    continue
                hint = nearest(named, names)
                raise (node if node.line else document.locate(path)).error(
                    f"{{{named}}} names no axis, expected one of {', '.join(names)}"
                    + (f"; did you mean {hint!r}?" if hint else "")
                )


def filled(settings: Sequence[Setting], labels: Mapping[str, Any]) -> list[Setting]:
    """Settings of a point with the labels of its axes in place of their names in braces.

    A text that is nothing else becomes the label, a number if that is one.
    """
    return [
        replace(each, node=_filled(each.node, labels)) if has_braces(each.node) else each
        for each in settings
    ]


def has_braces(node: Node) -> bool:
    """Whether some text in a value names an axis."""
    return next(_names(node), None) is not None


def _names(node: Node) -> Iterator[str]:
    for leaf in leaves(node):
        if isinstance(leaf.value, str):
            yield from _NAMED.findall(leaf.value)


def _filled(node: Node, labels: Mapping[str, Any]) -> Node:
    if isinstance(node.value, Mapping):
        return replace(node, value={k: _filled(v, labels) for k, v in node.value.items()})
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(_filled(child, labels) for child in node.value))
    if not isinstance(node.value, str):
        return node
    whole = _NAMED.fullmatch(node.value)
    if whole is not None:
        return replace(node, value=labels[whole[1]])
    return replace(node, value=_NAMED.sub(lambda found: str(labels[found[1]]), node.value))
