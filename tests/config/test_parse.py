"""YAML text to documents: marks, sources, and one message for each kind of bad text."""

from __future__ import annotations

import time

import pytest

from simulator.config import ConfigError, CyclelabError, Sourced, parse_document


def message(text: str) -> str:
    """The message that `text` gives as file `x.yaml`."""
    with pytest.raises(ConfigError) as caught:
        parse_document(text, "x.yaml")
    return str(caught.value)


def test_data_and_marks() -> None:
    document = parse_document("a: 1\nb:\n  c:\n    - 2\n    - d: no\n", "x.yaml")
    assert document.data == {"a": 1, "b": {"c": [2, {"d": "no"}]}}
    assert document.marks == {
        (): ("x.yaml", 1),
        ("a",): ("x.yaml", 1),
        ("b",): ("x.yaml", 2),
        ("b", "c"): ("x.yaml", 3),
        ("b", "c", 0): ("x.yaml", 4),
        ("b", "c", 1): ("x.yaml", 5),
        ("b", "c", 1, "d"): ("x.yaml", 5),
    }


def test_quoted_scalars_and_keys_are_text() -> None:
    data = parse_document("'1': '2'\n3: \"true\"\nnull: |\n  4\n").data
    assert data == {"1": "2", "3": "true", "null": "4\n"}


def test_sourced_values_become_plain_and_are_remembered() -> None:
    document = parse_document(
        "f_hz: {value: 940e6, source: data sheet, low: 9e8, high: 1e9, quality: measured}\n"
        "sizes: {value: [1, 2], source: [note], note: both}\n".replace("[note]", "guess")
    )
    assert document.data == {"f_hz": 940e6, "sizes": [1, 2]}
    assert document.sources == {
        ("f_hz",): Sourced(940e6, "data sheet", low=9e8, high=1e9, quality="measured"),
        ("sizes",): Sourced((1, 2), "guess", note="both"),
    }


def test_a_mapping_with_a_key_called_value_is_not_always_a_sourced_one() -> None:
    assert parse_document("a: {value: 3, rows: 4}").data == {"a": {"value": 3, "rows": 4}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: {value: 3, low: 1}", "x.yaml:1: a: a value with bounds or notes needs a `source`"),
        ("a: {value: 3, source: ''}", "the source is empty"),
        ("a: {value: 3, source: s, low: 4}", "the value 3 is below its own `low`, 4"),
        ("a: {value: 3, source: s, high: 2}", "the value 3 is above its own `high`, 2"),
        ("a: {value: 3, source: s, low: x}", "`low` is not a number"),
        ("a: {value: x, source: s, low: 1}", "need a single number"),
        ("a: {value: {b: 1}, source: s}", "found a mapping as `value`"),
        ("a: {value: 3, source: s, hihg: 4}", "did you mean 'high'?"),
        ("a: {value: 3, source: [s]}", "found a mapping or list as `source`"),
    ],
)
def test_bad_sourced_values(text: str, words: str) -> None:
    assert words in message(text)


def test_aliases_stand_for_what_they_name() -> None:
    document = parse_document("a: &a {x: 1}\nb: *a\nc: &c 5\nd: [*c, *c]\n")
    assert document.data == {"a": {"x": 1}, "b": {"x": 1}, "c": 5, "d": [5, 5]}
    assert document.marks["b",] == ("<text>", 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3\n", "x.yaml:3: duplicate key 'a', first given in line 1"),
        ("c:\n  a: 1\n  a: 3\n", "x.yaml:3: c: duplicate key 'a', first given in line 2"),
        ("c: [{}, {a: 1, a: 3}]\n", "x.yaml:1: c.1: duplicate key 'a'"),
        ("", "x.yaml: the file is empty"),
        ("# nothing\n\n", "x.yaml: the file is empty"),
        ("---\n...\n", "the file is empty"),
        ("- 1\n- 2\n", "x.yaml:1: found a list, expected `key: value` lines"),
        ("hello", "x.yaml:1: found only 'hello', expected"),
        ("a: 1\n---\nb: 2\n", "x.yaml:2: a second YAML document starts here"),
        ("a: [1, 2\nb: 3\n", "x.yaml:2: not valid YAML"),
        ("a: b: c\n", "x.yaml:1: not valid YAML: mapping values are not allowed"),
        ("a:\n\tb: 1\n", "x.yaml:2: not valid YAML: a tab in the indentation"),
        ("a: !!python/object:os.system {}\n", "x.yaml:1: a: the tag"),
        ("a: !!int 3\n", "the tag"),
        ("a: 1\nb: x\x00y\n", "x.yaml:2: the character U+0000 is not allowed"),
        ("? [1, 2]\n: 3\n", "a key must be plain text"),
        ("{a: 1}: 3\n", "a key must be plain text"),
        ("'': 3\n", "a key is empty"),
        ("a: *b\n", "the alias *b has no anchor before it"),
        ("a: &a [*a]\n", "the alias *a stands inside its own anchor"),
        ("a: .nan\n", "x.yaml:1: a: .nan is not a finite number"),
        ("a:\n  b: 1e999\n", "x.yaml:2: a.b: the number 1e999 is too large"),
    ],
)
def test_bad_text_gives_one_message(text: str, words: str) -> None:
    found = message(text)
    assert words in found
    assert "\n" not in found


def test_nesting_is_bounded() -> None:
    assert parse_document("a: " + "[" * 60 + "]" * 60)
    for opened in ("[", "{a: "):
        assert "nested deeper than 64 levels" in message("a: " + opened * 300_000)


def test_nesting_by_aliases_is_bounded() -> None:
    text = "a0: &a0 [[[[[[[[[[1]]]]]]]]]]\n"
    text += "".join(f"a{i}: &a{i} [[[[[[[[[[*a{i - 1}]]]]]]]]]]\n" for i in range(1, 9))
    assert "nested deeper than 64 levels" in message(text)


def test_aliases_do_not_explode() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    started = time.process_time()
    assert "more than 200,000 values" in message(text)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("item", ["1, ", "[], ", "{}, "])
def test_the_number_of_values_is_bounded(item: str) -> None:
    assert "more than 200,000 values" in message("a: [" + item * 300_000 + "]")


def test_an_error_of_the_configuration_is_one_of_cyclelab() -> None:
    with pytest.raises(CyclelabError):
        parse_document("")
