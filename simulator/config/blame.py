"""Where a check over several keys points: at the key it names, or at the one just written."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from simulator.config.document import Document
from simulator.config.errors import ConfigError, CyclelabError, KeyPath
from simulator.config.nodes import Node
from simulator.config.resources import data_root

_KEY = re.compile(r"(\w+(?:\.\w+)*)(:?) ")
_WORD = re.compile(r"\w+")
_ASIDE = re.compile(r"'[^']*'|; known: .*|; did you mean .*|; they are in .*")
"""What a message quotes, lists or suggests."""


def pointed(document: Document, path: KeyPath, message: str, **details: Any) -> ConfigError:
    """Return the error of a check over the keys of a spec, at the key that is at fault.

    Such a check stands at the spec, `path`, where a file and line say little. What it
    says may begin with the key at fault, below `path`: `timing.cycles.nCl: …`, which is
    then not said twice, or `columns (64) are …`. Where that key is a shipped value, or
    only one of several, another one that the message speaks of is at fault instead if
    it stands nearer to the user: on the command line, or in a file of the user's own.
    """
    match = _KEY.match(message)
    named = _parts(match[1]) if match else ()
    if match and not match[2] and document.node((*path, *named)) is None:
        named = ()  # a word that is no key
    at = named
    exact = match is not None and bool(match[2])
    if not (exact and named and _nearness(document.locate((*path, *named))) > 0):
        words = set(_WORD.findall(_ASIDE.sub(" ", message)))
        at = _written_last(document, path, named, words)
    if match and exact and at == named:
        message = message[match.end() :]
    return document.error((*path, *at), message, **details)


@contextmanager
def said_at(document: Document, path: KeyPath) -> Iterator[None]:
    """Let errors that know no file point at the keys at `path`, as `pointed` does."""
    try:
        yield
    except ConfigError as error:
        if error.file is not None:
            raise
        raise pointed(document, path, error.message, nearest=error.nearest) from None
    except CyclelabError as error:
        raise pointed(document, path, str(error)) from None


def _written_last(document: Document, path: KeyPath, named: KeyPath, words: set[str]) -> KeyPath:
    """Of `named` and the keys below `path` that are among `words`, the one nearest the user.

    If `named` is a mapping, the key is one below it.
    """
    start = document.node((*path, *named))
    above = (*path, *named) if start is not None and isinstance(start.value, Mapping) else path
    best, nearest = named, _nearness(document.locate((*path, *named))) if named else 0
    for at in document.marks:
        below, node = at[len(path) :], document.locate(at)
        if not below or below[-1] not in words or at[: len(above)] != above:
            continue
        if _nearness(node) > nearest and _is_one_value(node):
            best, nearest = below, _nearness(node)
    return best


def _is_one_value(node: Node) -> bool:
    """Whether somebody wrote the value as one: a scalar, a list, the name of a preset."""
    if not isinstance(node.value, Mapping):
        return True
    return not any(_nearness(child) for child in node.value.values())


def _nearness(node: Node) -> int:
    """2 for a value from the command line, 1 for one of a file of the user's own, 0 if shipped."""
    if node.line is None and node.origin.label.startswith("--"):
        return 2
    folder = node.origin.directory
    return int(folder is None or not folder.is_relative_to(data_root()))


def _parts(text: str) -> KeyPath:
    return tuple(int(part) if part.isdigit() else part for part in text.split("."))
