"""The JSON schema agrees with the loader on what is valid."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from simulator.config import json_schema
from tests.config.specs import TEXT, MachineSpec


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json_schema(MachineSpec)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def changed(path: tuple[str | int, ...], value: Any) -> Any:
    data = yaml.safe_load(TEXT.replace("1e9", "1.0e+9").replace("9e8", "9.0e+8"))
    data["clock_hz"] = 1e9
    parent = data
    for part in path[:-1]:
        parent = parent[part]
    parent[path[-1]] = value
    return data


SOURCED = {"value": 3, "source": "s", "low": 1, "high": 4, "note": "n"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("clock_hz",), 1e9),
        (("clock_hz",), SOURCED),
        (("cycles", "add"), SOURCED),
        (("units", 0, "rows"), SOURCED),
        (("units", 1, "entries"), {"value": [1, 2], "source": "s"}),
        (("buffer", "ports"), SOURCED),
        (("buffer",), None),
        (("include",), ["other.yaml"]),
    ],
)
def test_valid(
    validator: jsonschema.Draft202012Validator, path: tuple[str | int, ...], value: Any
) -> None:
    assert validator.is_valid(changed(path, value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("clock_hz",), "fast"),
        (("clock_hz",), {"value": 3}),
        (("clock_hz",), {"value": "fast", "source": "s"}),
        (("clock_hz",), SOURCED | {"sorce": "x"}),
        (("units", 0, "rwos"), 3),
        (("units", 0, "kind"), "lot"),
        (("units", 1, "rows"), 3),
        (("buffer", "zzz"), 3),
        (("zzz",), 3),
    ],
)
def test_invalid(
    validator: jsonschema.Draft202012Validator, path: tuple[str | int, ...], value: Any
) -> None:
    assert not validator.is_valid(changed(path, value))


def test_required_keys_may_come_from_elsewhere(
    validator: jsonschema.Draft202012Validator,
) -> None:
    assert not validator.is_valid({"name": "m"})
    assert validator.is_valid({"name": "m", "extends": "other"})
    assert validator.is_valid({"name": "m", "include": "other.yaml"})


def test_presets_are_offered_by_name() -> None:
    schema = json_schema(MachineSpec, {"buffer": "machines"})
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(changed(("buffer",), "some_preset"))
    assert validator.is_valid(changed(("buffer",), {"extends": "some_preset", "ports": 1}))
    assert not validator.is_valid(changed(("buffer",), 3))
