"""Whatever is done to a valid file: it loads, or there is a message. Never a traceback."""

from __future__ import annotations

import copy
import json
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import CyclelabError, apply_overrides, parse_document, validate
from tests.config.specs import TEXT, MachineSpec

JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**15, 10**40)
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["array", "lut", "", "*a", "1e999", "value", "source"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(max_size=6) | st.sampled_from(["kind", "value"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def check(text: str, *settings: str) -> None:
    """Load and validate `text`; only a message may come of it."""
    try:
        machine = validate(MachineSpec, apply_overrides(parse_document(text, "m.yaml"), settings))
    except CyclelabError as error:
        assert str(error).strip()
        assert len(str(error)) < 20_000
    else:
        assert machine.units


def places(data: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Paths of all values below `data`."""
    items: list[tuple[str | int, Any]] = []
    if isinstance(data, dict):
        items = list(data.items())
    elif isinstance(data, list):
        items = list(enumerate(data))
    found = []
    for key, value in items:
        found += [(*path, key), *places(value, (*path, key))]
    return found


VALID = yaml.safe_load(TEXT)
PATHS = places(VALID)


def parent_of(data: Any, path: tuple[str | int, ...]) -> Any:
    for part in path[:-1]:
        data = data[part]
    return data


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(TEXT) - 1), st.characters()), max_size=6))
def test_changed_characters(changes: list[tuple[int, str]]) -> None:
    text = list(TEXT)
    for position, character in changes:
        text[position] = character
    check("".join(text))


@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)))
def test_cut_out_pieces(start: int, stop: int) -> None:
    check(TEXT[:start] + TEXT[stop:])


@settings(max_examples=300)
@given(st.sampled_from(PATHS), JUNK)
def test_replaced_values(path: tuple[str | int, ...], junk: Any) -> None:
    data = copy.deepcopy(VALID)
    parent_of(data, path)[path[-1]] = junk
    check(yaml.safe_dump(data, allow_unicode=True))
    check(json.dumps(data))


@given(st.sampled_from([path for path in PATHS if isinstance(path[-1], str)]), st.text(max_size=9))
def test_renamed_keys(path: tuple[str | int, ...], name: str) -> None:
    data = copy.deepcopy(VALID)
    parent = parent_of(data, path)
    parent[name] = parent.pop(path[-1])
    check(yaml.safe_dump(data))


@given(st.text(max_size=40))
def test_any_text(text: str) -> None:
    check(text)
    check(TEXT + text)


@settings(max_examples=200)
@given(st.sampled_from([".".join(map(str, path)) for path in PATHS]) | st.text(max_size=9), JUNK)
def test_any_setting(path: str, junk: Any) -> None:
    check(TEXT, f"{path}={json.dumps(junk)}")
    check(TEXT, f"{path}={junk}")
