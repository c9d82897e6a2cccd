"""YAML text to a tree of nodes, in one pass over the parser's events.

Working on events instead of on PyYAML's own tree keeps the line of every key,
finds duplicate keys, and bounds depth and size before anything recurses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import yaml

from simulator.config.errors import ConfigError
from simulator.config.nodes import MAX_DEPTH, Node, Origin
from simulator.config.scalars import resolve_scalar
from simulator.config.sourced import fold_sourced

MAX_NODES = 200_000
"""Values in one document, aliases expanded; bounds time and memory."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def parse_node(text: str, origin: Origin) -> Node | None:
    """Parse one YAML document; None if there is none (only blanks and comments).

    Raises ConfigError for anything that is not one well-formed document within
    `MAX_DEPTH` and `MAX_NODES`, and for duplicate keys, tags and endless aliases.
    """
    _check_characters(text, origin)
    builder = _Builder(origin)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.YAMLError as error:
        raise _syntax_error(error, text, origin) from None
    return builder.root


@dataclass(slots=True)
class _Part:
    """A finished node, with the size and height of the tree below it."""

    node: Node
    size: int = 1
    height: int = 0


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is still being read."""

    is_mapping: bool
    line: int
    anchor: str | None
    mapping: dict[str, Node] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)
    key: str | None = None
    key_line: int = 0
    size: int = 1
    height: int = 0


class _Builder:
    """Consumes parser events and keeps the containers that are open on a stack."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.root: Node | None = None
        self.stack: list[_Frame] = []
        self.anchors: dict[str, _Part] = {}
        self.nodes = 0
        self.documents = 0

    def take(self, event: yaml.Event) -> None:
        """Advance by one event."""
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event)
        elif isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._open(event)
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._close()
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, yaml.DocumentStartEvent):
            self.documents += 1
            if self.documents > 1:
                raise self._error("a second YAML document starts here; one per file", event)

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self._refuse_tag(event)
        if self._expects_key():
            self._key(event)
            return
        try:
            value = resolve_scalar(event.value) if event.implicit[0] else event.value
        except ValueError as error:
            raise self._error(str(error), event) from None
        part = _Part(Node(value, self.origin, _line(event)))
        if event.anchor:
            self.anchors[event.anchor] = part
        self._add(part, event)

    def _key(self, event: yaml.ScalarEvent) -> None:
        frame, key = self.stack[-1], event.value
        if not key:
            raise self._error("a key is empty", event)
        if key in frame.mapping:
            first = frame.mapping[key].line
            raise self._error(
                f"duplicate key {key!r}, first given in line {first}", event, found=key
            )
        if event.anchor:
            self.anchors[event.anchor] = _Part(Node(key, self.origin, _line(event)))
        frame.key, frame.key_line = key, _line(event)

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._refuse_tag(event)
        self._refuse_as_key(event)
        if len(self.stack) >= MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", event)
        self._count(1, event)
        is_mapping = isinstance(event, yaml.MappingStartEvent)
        self.anchors.pop(event.anchor or "", None)
        self.stack.append(_Frame(is_mapping, _line(event), event.anchor))

    def _close(self) -> None:
        frame = self.stack.pop()
        value = frame.mapping if frame.is_mapping else tuple(frame.items)
        node = Node(value, self.origin, frame.line)
        if self.stack and self.stack[-1].is_mapping:
            node = replace(node, line=self.stack[-1].key_line)
        try:
            node = fold_sourced(node)
        except ConfigError as error:
            error.path = tuple(_open_path(self.stack))
            raise
        part = _Part(node, frame.size, frame.height + 1)
        if frame.anchor:
            self.anchors[frame.anchor] = part
        self._add(part, None)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._refuse_as_key(event)
        part = self.anchors.get(event.anchor or "")
        if part is None:
            inside = any(frame.anchor == event.anchor for frame in self.stack)
            problem = "stands inside its own anchor" if inside else "has no anchor before it"
            raise self._error(f"the alias *{event.anchor} {problem}", event)
        if len(self.stack) + part.height > MAX_DEPTH:
            raise self._error(f"nested deeper than {MAX_DEPTH} levels", event)
        self._count(part.size, event)
        self._add(part, event)

    def _add(self, part: _Part, event: yaml.Event | None) -> None:
        """Put a finished node where it belongs; `event` is None if it was counted before."""
        if isinstance(event, yaml.ScalarEvent):
            self._count(1, event)
        if not self.stack:
            self.root = part.node
            return
        frame = self.stack[-1]
        frame.size += part.size
        frame.height = max(frame.height, part.height)
        if frame.is_mapping:
            assert frame.key is not None
            frame.mapping[frame.key] = replace(part.node, line=frame.key_line)
            frame.key = None
        else:
            line = _line(event) if event is not None else part.node.line
            frame.items.append(replace(part.node, line=line))

    def _expects_key(self) -> bool:
        return bool(self.stack) and self.stack[-1].is_mapping and self.stack[-1].key is None

    def _refuse_as_key(self, event: yaml.Event) -> None:
        if self._expects_key():
            raise self._error("a key must be plain text, not a list, mapping or alias", event)

    def _refuse_tag(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise self._error(f"the tag {tag!r} is not supported", event, found=tag)

    def _count(self, size: int, event: yaml.Event) -> None:
        self.nodes += size
        if self.nodes > MAX_NODES:
            raise self._error(
                f"more than {MAX_NODES:,} values (aliases count as what they stand for)", event
            )

    def _error(self, message: str, event: yaml.Event, found: object = None) -> ConfigError:
        path = tuple(_open_path(self.stack))
        return ConfigError(
            message, file=self.origin.label, line=_line(event), path=path, found=found
        )


def _open_path(stack: list[_Frame]) -> Iterator[str | int]:
    for frame in stack:
        if not frame.is_mapping:
            yield len(frame.items)
        elif frame.key is not None:
            yield frame.key


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return 1 if mark is None else int(mark.line) + 1


def _check_characters(text: str, origin: Origin) -> None:
    found = _UNPRINTABLE.search(text)
    if found:
        raise ConfigError(
            f"the character U+{ord(found.group()):04X} is not allowed in a text file",
            file=origin.label,
            line=text.count("\n", 0, found.start()) + 1,
            found=found.group(),
        )


def _syntax_error(error: yaml.YAMLError, text: str, origin: Origin) -> ConfigError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or "the file cannot be parsed"
    if "nesting depth" in problem:  # newer parsers have a bound of their own
        problem = f"nested deeper than {MAX_DEPTH} levels"
    line = None if mark is None else int(mark.line) + 1
    if line is not None:
        written = text.split("\n")[line - 1] if line <= text.count("\n") + 1 else ""
        if "\t" in written[: len(written) - len(written.lstrip())]:
            problem = "a tab in the indentation, expected spaces"
    return ConfigError(f"not valid YAML: {problem}", file=origin.label, line=line)
