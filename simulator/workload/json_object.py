"""Reading a JSON object key by key, with messages that name file, key and types."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from simulator.config import ConfigError, nearest, read_text
from simulator.config.files import display_path

MAX_JSON_BYTES = 2**20
"""Largest `config.json` that is read; real ones are below 100 KiB."""

REQUIRED = object()
"""Default of a key that must be there."""


class JsonObject:
    """A JSON object from a file. A key that is null counts as absent, as in Hugging Face's."""

    def __init__(self, data: dict[str, Any], label: str, path: tuple[str, ...] = ()) -> None:
        self.data = data
        self.label = label
        self.path = path

    @classmethod
    def load(cls, path: Path | str) -> JsonObject:
        """Read the object in a file; raises ConfigError if there is none."""
        label = display_path(Path(path))
        text = read_text(path, max_bytes=MAX_JSON_BYTES)
        try:
            data = json.loads(text)
        except json.JSONDecodeError as error:
            raise ConfigError(f"not JSON: {error.msg}", file=label, line=error.lineno) from None
        except (ValueError, RecursionError) as error:
            reason = str(error) if isinstance(error, ValueError) else "nested too deeply"
            raise ConfigError(f"not JSON that can be read: {reason}", file=label) from None
        if not isinstance(data, dict):
            raise ConfigError(f"found {_kind(data)}, expected a JSON object", file=label)
        return cls(data, label)

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self.data.get(key) is not None

    def integer(self, key: str, default: Any = REQUIRED) -> Any:
        """An integer, or the default as it is."""
        return self._get(key, int, "an integer", default)

    def number(self, key: str, default: Any = REQUIRED) -> Any:
        """A number, or the default as it is."""
        return self._get(key, (int, float), "a number", default)

    def text(self, key: str, default: Any = REQUIRED) -> Any:
        """A string, or the default as it is."""
        return self._get(key, str, "a string", default)

    def flag(self, key: str, default: Any = REQUIRED) -> Any:
        """A boolean, or the default as it is."""
        return self._get(key, bool, "true or false", default)

    def names(self, key: str) -> list[str]:
        """A list of strings, empty if there is none."""
        found = self._get(key, list, "a list", None) or []
        for name in found:
            if not isinstance(name, str):
                raise self.error(f"found {_kind(name)} in the list, expected a string", key)
        return found

    def child(self, key: str) -> JsonObject:
        """The object at a key, empty if there is none."""
        found = self._get(key, dict, "an object", None) or {}
        return JsonObject(found, self.label, (*self.path, key))

    def size_of(self, key: str, default: int) -> int:
        """Entries of an object, or the default."""
        return len(self.child(key).data) or default

    def choice(self, key: str, choices: dict[str, Any], default: str) -> Any:
        """The value that `choices` gives for the key's string."""
        name = self.text(key, default)
        if name not in choices:
            raise self.error(
                f"{name!r} is not supported; supported: {', '.join(choices)}",
                key,
                found=name,
                nearest=nearest(name, choices),
            )
        return choices[name]

    def error(self, message: str, key: str | None = None, **details: Any) -> ConfigError:
        """A ConfigError about this file, and about one of its keys."""
        path = (*self.path, key) if key else self.path
        return ConfigError(message, file=self.label, path=path, **details)

    def _get(self, key: str, kind: type | tuple[type, ...], expected: str, default: Any) -> Any:
        value = self.data.get(key)
        if value is None:
            if default is REQUIRED:
                absent = "null" if key in self.data else "missing"
                raise self.error(
                    f"the key is {absent}, expected {expected}",
                    key,
                    expected=expected,
                    nearest=None if key in self.data else nearest(key, self.data),
                )
            return default
        # In Python a bool is an int; in a configuration it is a mistake.
        if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
            raise self.error(
                f"found {_kind(value)}, expected {expected}", key, found=value, expected=expected
            )
        return value


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = json.dumps(value)
    return text if len(text) <= 40 else text[:40] + "…"
