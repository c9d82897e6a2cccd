"""Check a document against a spec; every finding becomes a line for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from simulator.config.blame import pointed
from simulator.config.document import Document
from simulator.config.errors import ConfigError, KeyPath, format_path, nearest
from simulator.config.spec import Spec, noting_specs
from simulator.config.types import LARGEST_INTEGER, describe, step_into

ModelT = TypeVar("ModelT", bound=BaseModel)
MAX_NAMES = 20
"""Valid names that a message lists before it stops."""


def validate(model_type: type[ModelT], document: Document, prefix: KeyPath = ()) -> ModelT:
    """Return the `model_type` that the mapping at `prefix` of `document` describes.

    Raises ConfigError with every problem found: file, line, full key path, what
    was found, what was expected, and the nearest valid key.
    """
    data: Any = document.data
    for part in prefix:
        inside = isinstance(data, dict) and part in data
        if not inside:
            raise document.error(prefix, f"missing key {part!r}", expected="a mapping")
        data = data[part]
    with noting_specs() as specs:
        try:
            return model_type.model_validate(data)
        except ValidationError as error:
            translator = _Translator(document, prefix, data, specs)
            raise translator.translate(error) from None


class _Translator:
    """Turns pydantic's errors about one piece of data into ConfigErrors."""

    def __init__(
        self,
        document: Document,
        prefix: KeyPath,
        data: Any,
        specs: Mapping[int, Sequence[type[Spec]]],
    ) -> None:
        self.document = document
        self.prefix = prefix
        self.data = data
        self.specs = specs

    def translate(self, error: ValidationError) -> ConfigError:
        """Return one ConfigError for all of `error`, in the order of the file."""
        details = error.errors(include_url=False)
        paths = [self._path(detail) for detail in details]
        unknown = {
            (path[:-1], self._meant(path))
            for path, detail in zip(paths, details, strict=True)
            if detail["type"] == "extra_forbidden"
        }
        found: dict[str, ConfigError] = {}
        for path, detail in zip(paths, details, strict=True):
            kind = detail["type"]
            if kind == "missing" and (path[:-1], str(path[-1])) in unknown:
                continue  # the misspelt key says it all
            if kind == "too_short" and any(_is_inside(other, path) for other in paths):
                continue  # items were dropped because they are wrong themselves
            if kind.endswith("_type") and any(_is_inside(other, path) for other in paths):
                continue  # another type is fine here, but for what is wrong inside
            problem = self._problem(path, detail)
            # One option may set several keys: what is wrong with it is said once.
            typed = problem.file is not None and problem.line is None
            found.setdefault(
                f"{problem.file}: {problem.message}" if typed else str(problem), problem
            )
        return ConfigError.of(list(found.values()))

    def _problem(self, path: KeyPath, detail: ErrorDetails) -> ConfigError:
        kind = detail["type"]
        if kind == "extra_forbidden":
            return self._unknown_key(path)
        if kind == "missing":
            return self._missing_key(path)
        if kind in ("value_error", "assertion_error"):
            message = str(detail.get("ctx", {}).get("error", detail["msg"]))
            return pointed(self.document, self.prefix + path, message)
        expected = self._expected(path, detail)
        found = detail["input"]
        near = None
        if kind == "literal_error" and isinstance(found, str):
            near = nearest(found, expected.removeprefix("one of: ").split(", "))
        return self._error(
            path,
            f"found {_show(found)}, expected {expected}",
            found=found,
            expected=expected,
            nearest=near,
        )

    def _unknown_key(self, path: KeyPath) -> ConfigError:
        key = str(path[-1])
        message = f"unknown key {key!r}"
        near = self._meant(path)
        valid = self._valid_keys(path[:-1])
        if near is None and valid:
            shown = ", ".join(valid[:MAX_NAMES])
            message += f"; valid keys: {shown}{', …' if len(valid) > MAX_NAMES else ''}"
        return self._error(path, message, found=key, nearest=near)

    def _missing_key(self, path: KeyPath) -> ConfigError:
        expected = self._field_words(path)
        message = f"missing key {path[-1]!r}" + (f", {expected}" if expected else "")
        return self._error(path[:-1], message, expected=expected or None)

    def _expected(self, path: KeyPath, detail: ErrorDetails) -> str:
        limit = detail.get("ctx", {})
        if limit.get("le") == LARGEST_INTEGER or limit.get("ge") == -LARGEST_INTEGER:
            return "a whole number that fits 64 bits"
        if detail["type"] == "too_short" and "min_length" in limit:
            count = limit["min_length"]
            return f"at least {count} item{'s' if count > 1 else ''}"
        if detail["type"] in ("model_type", "model_attributes_type", "dict_type"):
            return "a mapping (key: value)"
        words = self._field_words(path)
        if words and words != "another value":
            return words
        message = detail["msg"].removeprefix("Input should be ")
        return message[:1].lower() + message[1:]

    def _error(self, path: KeyPath, message: str, **details: Any) -> ConfigError:
        return self.document.error(self.prefix + path, message, **details)

    def _path(self, detail: ErrorDetails) -> KeyPath:
        """Return where `detail` points in the data.

        pydantic's location also names union members and discriminator values,
        which no reader of the file has ever seen: they are left out.
        """
        path: list[str | int] = []
        data = self.data
        for part in detail["loc"]:
            if isinstance(data, dict) and str(part) in data:
                path.append(str(part))
                data = data[str(part)]
            elif isinstance(data, list) and isinstance(part, int) and part < len(data):
                path.append(part)
                data = data[part]
        if detail["type"] == "missing":
            path.append(detail["loc"][-1])
        return tuple(path)

    def _at(self, path: KeyPath) -> Any:
        data = self.data
        for part in path:
            data = data[part]
        return data

    def _valid_keys(self, path: KeyPath) -> list[str]:
        """Return the keys that specs tried on the mapping at `path` know."""
        return list(
            dict.fromkeys(
                field.alias or name
                for spec in self.specs.get(id(self._at(path)), ())
                for name, field in spec.model_fields.items()
            )
        )

    def _meant(self, path: KeyPath) -> str | None:
        given = self._at(path[:-1])
        valid = self._valid_keys(path[:-1])
        free = [key for key in valid if key not in given]
        return nearest(str(path[-1]), free) or nearest(str(path[-1]), valid)

    def _field_words(self, path: KeyPath) -> str:
        """Say what the field at `path` takes; empty if its spec is not known."""
        for length in range(len(path) - 1, -1, -1):
            specs = self.specs.get(id(self._at(path[:length])), ())
            name = str(path[length])
            field = next((s.model_fields[name] for s in specs if name in s.model_fields), None)
            if field is None:
                continue
            annotation: Any = field.annotation
            metadata: Sequence[Any] = field.metadata
            for part in path[length + 1 :]:
                annotation, metadata = step_into(annotation, part)
            return "" if annotation is Any else describe(annotation, metadata)
        return ""


def _is_inside(path: KeyPath, outer: KeyPath) -> bool:
    return len(path) > len(outer) and path[: len(outer)] == outer


def _show(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"a mapping with {format_path(list(value)[:3]).replace('.', ', ') or 'no keys'}"
    if isinstance(value, list | tuple):
        return f"a list of {len(value)}"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
