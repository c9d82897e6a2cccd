"""Base class of every frozen specification that comes from YAML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from simulator.config.types import Check, scalar_check

_SEEN: ContextVar[dict[int, list[type[Spec]]] | None] = ContextVar("_SEEN", default=None)


class Spec(BaseModel):
    """A frozen, strictly checked piece of configuration: unknown keys are errors.

    Text is never read as a number, nor are `true` and `false`; a float is a
    whole number only if it has no fraction (`1e9`), and fits 64 bits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _exact_scalars(cls, value: Any, info: ValidationInfo) -> Any:
        check = _check_of(cls, info.field_name or "")
        if check is not None and (errors := check(value)):
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return value

    @model_validator(mode="before")
    @classmethod
    def _note(cls, data: Any) -> Any:
        seen = _SEEN.get()
        if seen is not None and isinstance(data, dict):
            seen.setdefault(id(data), []).append(cls)
        return data


@cache
def _check_of(spec: type[Spec], name: str) -> Check | None:
    """The check of a field's scalars."""
    return scalar_check(spec.model_fields[name])


@contextmanager
def noting_specs() -> Iterator[dict[int, list[type[Spec]]]]:
    """Collect which specs were tried on which dict (by `id`) while the context is open.

    This is how messages know the valid keys of a mapping whose spec is chosen
    during validation, such as a matrix unit's by its `kind`.
    """
    seen: dict[int, list[type[Spec]]] = {}
    token = _SEEN.set(seen)
    try:
        yield seen
    finally:
        _SEEN.reset(token)
