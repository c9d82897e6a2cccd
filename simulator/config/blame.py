"""Where a check over several keys points: at the key it names, or at the one just written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simulator.config.document import Document
from simulator.config.errors import ConfigError, KeyPath
from simulator.config.nodes import Node
from simulator.config.resources import data_root

_KEY = re.compile(r"(\w+(?:\.\w+)*)(:?) ")
_WORD = re.compile(r"\w+")


def pointed(document: Document, path: KeyPath, message: str, **details: Any) -> ConfigError:
    """Return the error of a check over the keys of a spec, at the key that is at fault.

    Such a check stands at the spec, `path`, where a file and line say little. What it
    says may begin with the key at fault, below `path`: `timing.cycles.nCl: …`, which is
    then not said twice, or `columns (64) are …`. But a key that it speaks of and that
    was set on the command line, or in a file of the user's own where the first one is
    shipped, is at fault instead: without it, all was well.
    """
    match = _KEY.match(message)
    named = _parts(match[1]) if match else ()
    if match and not match[2] and document.node((*path, *named)) is None:
        named = ()  # a word that is no key
    at = _written_last(document, path, named, set(_WORD.findall(message)))
    if match and match[2] and at == named:
        message = message[match.end() :]
    return document.error((*path, *at), message, **details)


def _written_last(document: Document, path: KeyPath, named: KeyPath, words: set[str]) -> KeyPath:
    """Of `named` and the keys below `path` that are among `words`, the one nearest the user."""
    best, nearest = named, _nearness(document.locate((*path, *named))) if named else 0
    for at in document.marks:
        below, node = at[len(path) :], document.locate(at)
        mentioned = below and at[: len(path)] == path and below[-1] in words
        if mentioned and not isinstance(node.value, Mapping) and _nearness(node) > nearest:
            best, nearest = below, _nearness(node)
    return best


def _nearness(node: Node) -> int:
    """2 for a value from the command line, 1 for one of a file of the user's own, 0 if shipped."""
    if node.line is None and node.origin.label.startswith("--"):
        return 2
    folder = node.origin.directory
    return int(folder is None or not folder.is_relative_to(data_root()))


def _parts(text: str) -> KeyPath:
    return tuple(int(part) if part.isdigit() else part for part in text.split("."))
