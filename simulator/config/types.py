"""Type annotations of specs: what values they take, and how to say so."""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, PlainValidator, WrapValidator
from pydantic.fields import FieldInfo
from pydantic_core import InitErrorDetails

LARGEST_INTEGER = 2**63 - 1
_SCALARS = (bool, int, float, str)
_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    type(None): "null",
}
_COERCERS = (BeforeValidator, PlainValidator, WrapValidator)

Check = Callable[[Any], list[InitErrorDetails]]


def scalar_check(field: FieldInfo) -> Check | None:
    """Return what finds errors: scalars of a field that pydantic would silently convert.

    Fields with a converter of their own (`BeforeValidator`) are left to it.
    """
    if any(isinstance(item, _COERCERS) for item in field.metadata):
        return None
    try:
        return _check(cast(Hashable, field.annotation))
    except TypeError:  # an annotation that cannot be hashed
        return None


@cache
def _check(annotation: Any) -> Check | None:
    """Make the check of one annotation; None if nothing in it needs one."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        converted = any(isinstance(item, _COERCERS) for item in arguments[1:])
        return None if converted else _check(arguments[0])
    if origin in (tuple, list, set, frozenset) and arguments:
        return _check_items(_check(arguments[0])) if _is_uniform(origin, arguments) else None
    if origin in (dict, Mapping) and arguments:
        return _check_values(_check(arguments[1]))
    if origin in (Union, types.UnionType):
        return _check_union(arguments)
    if annotation in _SCALARS:
        return _check_scalar((annotation,))
    return None


def _is_uniform(origin: Any, arguments: tuple[Any, ...]) -> bool:
    return origin is not tuple or (len(arguments) == 2 and arguments[1] is Ellipsis)


def _check_union(arguments: tuple[Any, ...]) -> Check | None:
    members = [argument for argument in arguments if argument is not type(None)]
    if len(members) == 1:
        return _check(members[0])
    scalars = tuple(member for member in members if member in _SCALARS)
    others = [member for member in members if member not in _SCALARS]
    if scalars and all(_takes_no_scalar(member) for member in others):
        return _check_scalar(scalars)
    return None


def _takes_no_scalar(annotation: Any) -> bool:
    if get_origin(annotation) in (tuple, list, set, frozenset, dict, Mapping):
        return True
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _check_scalar(allowed: tuple[Any, ...]) -> Check:
    wanted = allowed[0]
    error = {bool: "bool_type", int: "int_type", float: "float_type", str: "string_type"}[wanted]

    def check(value: Any) -> list[InitErrorDetails]:
        kind = type(value)
        if kind is bool or kind is str:
            return [] if kind in allowed else [{"type": error, "loc": (), "input": value}]
        if kind is not int and kind is not float:
            return []
        if bool in allowed and len(allowed) == 1:
            return [{"type": error, "loc": (), "input": value}]
        if int in allowed and not -LARGEST_INTEGER <= value <= LARGEST_INTEGER and value == value:
            if float in allowed and kind is float:
                return []
            limit = {"le": LARGEST_INTEGER} if value > 0 else {"ge": -LARGEST_INTEGER}
            name = "less_than_equal" if value > 0 else "greater_than_equal"
            return [{"type": name, "loc": (), "input": value, "ctx": limit}]
        return []

    return check


def _check_items(item_check: Check | None) -> Check | None:
    if item_check is None:
        return None

    def check(value: Any) -> list[InitErrorDetails]:
        if not isinstance(value, list | tuple):
            return []
        return [
            _within(index, error) for index, item in enumerate(value) for error in item_check(item)
        ]

    return check


def _check_values(value_check: Check | None) -> Check | None:
    if value_check is None:
        return None

    def check(value: Any) -> list[InitErrorDetails]:
        if not isinstance(value, Mapping):
            return []
        return [_within(key, error) for key, item in value.items() for error in value_check(item)]

    return check


def _within(part: str | int, error: InitErrorDetails) -> InitErrorDetails:
    return {**error, "loc": (part, *error.get("loc", ()))}


def describe(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Say what `annotation` takes: `a whole number of at least 1`, `one of: a, b`."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return describe(arguments[0], [*arguments[1:], *metadata])
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(describe(argument, metadata) for argument in arguments))
    if origin is Literal:
        names = [value if isinstance(value, str) else repr(value) for value in arguments]
        return names[0] if len(names) == 1 else f"one of: {', '.join(names)}"
    if annotation in (int, float):
        return _NAMES[annotation] + describe_bounds(metadata)
    if annotation is str and any(getattr(item, "min_length", 0) for item in metadata):
        return f"{_NAMES[str]}, not empty"
    if annotation in _NAMES:
        return _NAMES[annotation]
    if origin in (tuple, list, set, frozenset) or annotation in (tuple, list):
        inner = describe(arguments[0]) if arguments and _is_uniform(origin, arguments) else ""
        return f"a list, each item {inner}" if inner else "a list"
    if origin in (dict, Mapping) or annotation is dict:
        return "a mapping"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "a mapping"
    return "another value"


def describe_bounds(metadata: Sequence[Any]) -> str:
    """Say the bounds in the constraints `metadata`, with a leading space; may be empty."""
    bounds = {
        name: getattr(item, name)
        for given in metadata
        for item in (given.metadata if isinstance(given, FieldInfo) else (given,))
        for name in ("ge", "gt", "le", "lt", "multiple_of")
        if getattr(item, name, None) is not None
    }
    words = {
        "ge": "of at least",
        "gt": "greater than",
        "le": "of at most",
        "lt": "less than",
        "multiple_of": "that is a multiple of",
    }
    if bounds.keys() >= {"ge", "le"}:
        return f" from {bounds['ge']} to {bounds['le']}"
    phrases = [f"{words[name]} {bounds[name]}" for name in words if name in bounds]
    return f" {' and '.join(phrases)}" if phrases else ""


def step_into(annotation: Any, part: str | int) -> tuple[Any, Sequence[Any]]:
    """Return the annotation and constraints of item `part` of a list or mapping type."""
    metadata: Sequence[Any] = ()
    origin, arguments = get_origin(annotation), get_args(annotation)
    while origin is Annotated:
        annotation = arguments[0]
        origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        members = [argument for argument in arguments if get_args(argument)]
        return step_into(members[0], part) if members else (Any, ())
    if origin in (dict, Mapping) and len(arguments) == 2:
        annotation = arguments[1]
    elif origin in (tuple, list, set, frozenset) and arguments:
        fixed = origin is tuple and not _is_uniform(origin, arguments)
        inside = fixed and isinstance(part, int) and part < len(arguments)
        annotation = arguments[int(part)] if inside else arguments[0]
    else:
        return Any, ()
    while get_origin(annotation) is Annotated:
        metadata = [*get_args(annotation)[1:], *metadata]
        annotation = get_args(annotation)[0]
    return annotation, metadata
