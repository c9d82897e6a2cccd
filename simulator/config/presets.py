"""Documents that build on shipped ones: `extends`, and names in place of mappings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from simulator.config.document import Document
from simulator.config.errors import ConfigError, KeyPath
from simulator.config.files import display_path
from simulator.config.loader import load_document
from simulator.config.nodes import Node, merge
from simulator.config.resources import KINDS, data_root, find

EXTENDS = "extends"

MOST_EXTENSIONS = 32
"""Presets that may build on each other."""


def load_preset(kind: str, name: str | Path, relative_to: Path | None = None) -> Document:
    """Load the preset or file `name` of `kind`, laid over what it `extends`.

    name, relative_to: as `find` takes them.
    Mappings merge key by key, lists are replaced, and values keep their marks.
    Raises ConfigError if a file is missing or wrong, or extensions form a circle.
    """
    return Document(_load(kind, find(kind, name, relative_to), ()))


def resolve_preset(document: Document, path: KeyPath, kind: str) -> Document:
    """Return `document` with the presets of `kind` at `path` put in.

    The value at `path` may be the name or path of a preset (`machine: tpuv3_core`)
    or a mapping that may have `extends: tpuv3_core`; paths are relative to the file
    that the value stands in. Nothing happens if there is no value at `path`.
    """
    node = document.node(path)
    if node is None:
        return document
    if isinstance(node.value, str):
        preset = _named(kind, node, path, ())
        folder = preset.origin.directory
        if folder is not None and folder.is_relative_to(data_root()):
            # What does not fit a shipped preset is the fault of who chose it.
            preset = replace(preset, origin=node.origin, line=node.line)
        return document.replaced(path, preset)
    if not isinstance(node.value, Mapping):
        found = node.value if not isinstance(node.value, tuple) else "a list"
        expected = f"the name of a {KINDS[kind].noun} preset, or a mapping (key: value)"
        raise node.error(f"found {found!r}, expected {expected}", path=path, expected=expected)
    return document.replaced(path, _extended(kind, node, path, ()))


def _load(kind: str, file: Path, chain: tuple[Path, ...]) -> Node:
    resolved = file.resolve()
    if resolved in chain:
        names = [entry.stem for entry in (*chain[chain.index(resolved) :], resolved)]
        raise ConfigError(f"presets extend each other in a circle: {' → '.join(names)}")
    if len(chain) >= MOST_EXTENSIONS:
        raise ConfigError(
            f"{display_path(file)}: more than {MOST_EXTENSIONS} presets extend each other"
        )
    return _extended(kind, load_document(file).root, (), (*chain, resolved))


def _extended(kind: str, node: Node, path: KeyPath, chain: tuple[Path, ...]) -> Node:
    """Lay the mapping `node` over the preset that its `extends` names, if any."""
    if not isinstance(node.value, Mapping) or EXTENDS not in node.value:
        return node
    base = _named(kind, node.value[EXTENDS], (*path, EXTENDS), chain)
    own = {key: child for key, child in node.value.items() if key != EXTENDS}
    return merge(base, replace(node, value=own))


def _named(kind: str, name: Node, path: KeyPath, chain: tuple[Path, ...]) -> Node:
    if not isinstance(name.value, str):
        expected = "the name of a preset or the path of a file"
        raise name.error(f"expected {expected}", path=path, expected=expected)
    try:
        return _load(kind, find(kind, name.value, name.origin.directory), chain)
    except ConfigError as error:
        if error.line is not None:
            raise
        # The name is at fault, not a line of the file it means: point at the name.
        message = f"{error.file}: {error.message}" if error.file else error.message
        raise name.error(
            message, path=path, found=name.value, expected=error.expected, nearest=error.nearest
        ) from None
