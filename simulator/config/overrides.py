"""Settings from the command line: `--set key.path=value`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from simulator.config.document import Document
from simulator.config.errors import ConfigError
from simulator.config.nodes import MAX_DEPTH, Node, Origin, list_index
from simulator.config.parse import parse_node


@dataclass(frozen=True, slots=True)
class Setting:
    """A key path of a document, and what is to stand there."""

    keys: tuple[str, ...]
    node: Node

    @property
    def key(self) -> str:
        """The path with dots."""
        return ".".join(self.keys)


def apply_overrides(document: Document, overrides: Iterable[str | Setting]) -> Document:
    """Return `document` with each `key.path=value` set, in the given order.

    The value is YAML (`4`, `[1, 2]`, `{rows: 8}`). Indices address list items:
    `core.matrix_units.0.rows=64`. A path that goes through the name of a preset
    (`machine.cores=2` where the file says `machine: tpuv3_core`) extends it.
    Keys that do not exist are created; validation then tells if they are unknown.
    Raises ConfigError for bad syntax, bad YAML or an index outside its list.
    """
    for setting in map(as_setting, overrides):
        document = Document(_set(document.root, setting.keys, setting.node))
    return document


def as_setting(given: str | Setting) -> Setting:
    """A setting that may be written `key.path=value`; raises ConfigError for bad text."""
    if isinstance(given, Setting):
        return given
    text = given
    label = f"--set {text if len(text) <= 80 else text[:79] + '…'}"
    path, equals, value = text.partition("=")
    keys = tuple(key.strip() for key in path.split("."))
    if not equals or not all(keys) or not value.strip():
        raise ConfigError(
            "not a setting, expected key.path=value", file=label, expected="key.path=value"
        )
    if len(keys) > MAX_DEPTH:
        raise ConfigError(f"nested deeper than {MAX_DEPTH} levels", file=label)
    origin = Origin(label)
    try:
        node = parse_node(value, origin)
    except ConfigError as error:
        raise ConfigError(error.message, file=label) from None
    return Setting(keys, _without_lines(node or Node(None, origin)))


def _without_lines(node: Node) -> Node:
    if isinstance(node.value, Mapping):
        inner = {key: _without_lines(child) for key, child in node.value.items()}
        return replace(node, value=inner, line=None)
    if isinstance(node.value, tuple):
        return replace(node, value=tuple(map(_without_lines, node.value)), line=None)
    return replace(node, line=None)


def _set(node: Node | None, keys: Sequence[str], new: Node) -> Node:
    """Return `node` with `new` at `keys` below it."""
    if not keys:
        return new
    key, rest = keys[0], keys[1:]
    if node is not None and isinstance(node.value, tuple):
        index = list_index(key, node.value, new)
        items = list(node.value)
        items[index] = _set(items[index], rest, new)
        return replace(node, value=tuple(items), sourced=None)
    if node is not None and isinstance(node.value, Mapping):
        return replace(node, value={**node.value, key: _set(node.value.get(key), rest, new)})
    if node is not None and isinstance(node.value, str) and node.sourced is None:
        return Node({"extends": node, key: _set(None, rest, new)}, node.origin, node.line)
    return Node({key: _set(None, rest, new)}, new.origin)
