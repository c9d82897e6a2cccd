"""Values with a source: `{value: 940e6, source: "…", low: …, high: …}`."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.config.errors import nearest
from simulator.config.nodes import Node, Sourced

SOURCED_KEYS = ("value", "source", "low", "high", "quality", "note", "unit")


def fold_sourced(node: Node) -> Node:
    """Replace a mapping written as a sourced value by the value; return others as they are.

    A mapping is meant as a sourced value if it has `value` and `source`, or if it
    has `value` and no key that a sourced value cannot have.
    Raises ConfigError if such a mapping is incomplete or its bounds exclude the value.
    """
    fields = node.value
    if not isinstance(fields, Mapping) or "value" not in fields:
        return node
    unknown = [key for key in fields if key not in SOURCED_KEYS]
    if unknown and "source" not in fields:
        return node
    if unknown:
        key = unknown[0]
        raise fields[key].error(
            f"unknown key {key!r} in a sourced value; valid keys: {', '.join(SOURCED_KEYS)}",
            found=key,
            nearest=nearest(key, SOURCED_KEYS),
        )
    if "source" not in fields:
        raise node.error("a value with bounds or notes needs a `source`", expected="source")
    value = fields["value"]
    if isinstance(value.value, Mapping):
        raise value.error("found a mapping as `value`, expected text, a number or a list")
    sourced = Sourced(
        value=plain(value),  # type: ignore[arg-type]
        source=_text(fields, "source") or "",
        low=_number(fields, "low"),
        high=_number(fields, "high"),
        quality=_text(fields, "quality"),
        note=_text(fields, "note"),
        unit=_text(fields, "unit"),
    )
    if not sourced.source.strip():
        raise fields["source"].error("the source is empty", expected="where the value comes from")
    _check_bounds(sourced, node)
    return Node(value.value, node.origin, node.line, sourced)


def plain(node: Node) -> object:
    """Return the value of a list or scalar without marks; lists become tuples."""
    if isinstance(node.value, tuple):
        return tuple(plain(item) for item in node.value)
    return node.value


def _text(fields: Mapping[str, Node], key: str) -> str | None:
    if key not in fields or fields[key].value is None:
        return None
    value = fields[key].value
    if isinstance(value, Mapping | tuple):
        raise fields[key].error(f"found a mapping or list as `{key}`, expected text")
    return str(value)


def _number(fields: Mapping[str, Node], key: str) -> float | None:
    if key not in fields or fields[key].value is None:
        return None
    value = fields[key].value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise fields[key].error(f"`{key}` is not a number", found=value, expected="a number")
    return value


def _check_bounds(sourced: Sourced, node: Node) -> None:
    value = sourced.value
    if isinstance(value, bool) or not isinstance(value, int | float):
        if sourced.low is None and sourced.high is None:
            return
        raise node.error("`low` and `high` need a single number as `value`", found=value)
    if sourced.low is not None and value < sourced.low:
        raise node.error(f"the value {value} is below its own `low`, {sourced.low}", found=value)
    if sourced.high is not None and value > sourced.high:
        raise node.error(f"the value {value} is above its own `high`, {sourced.high}", found=value)
