"""Where mistakes of cases stand: at a setting of the case, or at the case itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulator.api import overrides_from
from simulator.config import ConfigError, CyclelabError, format_path
from simulator.config.nodes import Node

OPTION = "--set "
CUT = "…"
"""How messages name a setting that came as text, and where they cut it off."""


def of_case(
    error: CyclelabError, name: str, settings: Mapping[str, Any], written: Node | None
) -> ConfigError:
    """The error with the case's name, and the line of the case that is at fault.

    settings: of the case, which were applied as `--set` would. written: the case as it
    stands in a file, if it does. What has no place of its own is the fault of the case.
    """
    if not isinstance(error, ConfigError):
        return _at(written, f"case {name!r}: {error}")
    return ConfigError.of([_placed(each, name, settings, written) for each in error.problems])


def _placed(
    problem: ConfigError, name: str, settings: Mapping[str, Any], written: Node | None
) -> ConfigError:
    parts = (f"case {name!r}", format_path(problem.path), problem.message)
    message = ": ".join(part for part in parts if part)
    if not problem.file:
        return _at(written, message, problem.nearest)
    key = _setting(problem.file, settings) if problem.line is None else None
    if key is not None:
        return _at(_value(_value(written, "set"), key), message, problem.nearest)
    return ConfigError(message, file=problem.file, line=problem.line, nearest=problem.nearest)


def _setting(label: str, settings: Mapping[str, Any]) -> str | None:
    """Key of the setting that an error names as an option."""
    shown = label.removeprefix(OPTION).removesuffix(CUT)
    if not label.startswith(OPTION):
        return None
    texts = zip(settings, overrides_from(settings), strict=True)
    return next((key for key, text in texts if text.startswith(shown)), None)


def _value(node: Node | None, key: str) -> Node | None:
    return node.value.get(key) if node is not None and isinstance(node.value, Mapping) else None


def _at(node: Node | None, message: str, nearest: str | None = None) -> ConfigError:
    if node is None:
        return ConfigError(message, nearest=nearest)
    return node.error(message, nearest=nearest)
