"""Load a YAML file and the files it includes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from simulator.config.document import Document
from simulator.config.errors import ConfigError
from simulator.config.files import display_path, read_text
from simulator.config.nodes import Node, Origin, merge
from simulator.config.parse import parse_node
from simulator.config.resources import data_root

REMEMBERED_FILES = 128
"""Files whose trees are kept: experiments of a sweep share theirs."""
MAX_FILES = 64
"""Files one document may include, counted as often as they are included."""


def load_document(path: Path | str) -> Document:
    """Load the YAML mapping in the file `path`, with everything it includes.

    A top-level `include: other.yaml` (or a list) names files, relative to the
    including file or else to the shipped `configs/`, that are laid underneath: later
    ones win over earlier ones, and the including file wins over all. Every value keeps
    the mark of the file that it came from. Raises ConfigError for whatever is wrong with
    any of them.
    """
    return Document(_Loader().load(Path(path), ()))


def parse_document(text: str, label: str = "<text>", directory: Path | None = None) -> Document:
    """Parse YAML `text`; includes are relative to `directory` (the current one if None).

    Raises ConfigError as `load_document` does.
    """
    root = _mapping(parse_node(text, Origin(label, directory)), label)
    return Document(_Loader().with_includes(root, ()))


@dataclass
class _Loader:
    files: int = 0
    roots: dict[Path, Node] = field(default_factory=dict)

    def load(self, path: Path, chain: tuple[Path, ...]) -> Node:
        """Load `path`; `chain` are the files that include it, outermost first."""
        resolved = _resolve(path)
        if resolved in chain:
            names = [display_path(file) for file in (*chain[chain.index(resolved) :], resolved)]
            raise ConfigError(f"files include each other in a circle: {' → '.join(names)}")
        self.files += 1
        if self.files > MAX_FILES:
            raise ConfigError(f"more than {MAX_FILES} files are included", expected=str(MAX_FILES))
        if resolved not in self.roots:
            label = display_path(path)
            node = _parsed(read_text(path, label=label), Origin(label, resolved.parent))
            self.roots[resolved] = _mapping(node, label)
        return self.with_includes(self.roots[resolved], (*chain, resolved))

    def with_includes(self, root: Node, chain: tuple[Path, ...]) -> Node:
        """Return `root` without its `include`, over the files that this names."""
        assert isinstance(root.value, Mapping)
        include = root.value.get("include")
        if include is None:
            return root
        own = {key: child for key, child in root.value.items() if key != "include"}
        base: Node | None = None
        for entry in include.value if isinstance(include.value, tuple) else (include,):
            included = self._included(entry, chain)
            base = included if base is None else merge(base, included)
        over = replace(root, value=own)
        return over if base is None else merge(base, over)

    def _included(self, entry: Node, chain: tuple[Path, ...]) -> Node:
        if not isinstance(entry.value, str) or not entry.value:
            raise entry.error(
                "expected a file name or a list of file names",
                path=("include",),
                found=entry.value,
                expected="a file name or a list of file names",
            )
        path = (entry.origin.directory or Path()) / entry.value
        shipped = data_root() / "configs" / entry.value
        missing = not os.path.exists(path)
        if missing and os.path.isfile(shipped):
            path, missing = shipped, False
        try:
            return self.load(path, chain)
        except ConfigError as error:
            if error.line is not None:
                raise
            # The file itself is at fault, not a line in it: say who wanted it.
            elsewhere = " (looked in the shipped configs/ as well)" if missing else ""
            raise entry.error(
                f"cannot include {entry.value!r}: {error}{elsewhere}", path=("include",)
            ) from None


@lru_cache(REMEMBERED_FILES)
def _parsed(text: str, origin: Origin) -> Node | None:
    """The tree of a file, by what it holds and not by when it was written."""
    return parse_node(text, origin)


def _resolve(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError):
        return path


def _mapping(node: Node | None, label: str) -> Node:
    if node is None or (node.value is None and node.sourced is None):
        raise ConfigError("the file is empty, expected `key: value` lines", file=label)
    if not isinstance(node.value, Mapping):
        kind = "a list" if isinstance(node.value, tuple) else f"only {_short(node.value)}"
        raise node.error(f"found {kind}, expected `key: value` lines", expected="a mapping")
    return replace(node, line=1)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
