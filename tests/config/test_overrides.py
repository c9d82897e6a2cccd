"""`--set key.path=value`."""

from __future__ import annotations

import pytest

from simulator.config import ConfigError, apply_overrides, parse_document

TEXT = """
machine: tpu
core:
  units:
    - {rows: 128, source: none}
  clock_hz: {value: 1e9, source: data sheet}
"""


def changed(*settings: str) -> dict[str, object]:
    return apply_overrides(parse_document(TEXT), settings).data


def test_values_are_yaml() -> None:
    assert changed("core.clock_hz=2e9")["core"]["clock_hz"] == 2e9  # type: ignore[index]
    assert changed("a=[1, {b: no}]")["a"] == [1, {"b": "no"}]
    assert changed("a = text with = inside")["a"] == "text with = inside"
    assert changed("a=null")["a"] is None


def test_indices_address_items() -> None:
    data = changed("core.units.0.rows=64", "core.units.0.columns=32")
    assert data["core"]["units"] == [  # type: ignore[index]
        {"rows": 64, "source": "none", "columns": 32}
    ]


def test_new_keys_are_created_on_the_way() -> None:
    assert changed("x.y.z=1")["x"] == {"y": {"z": 1}}


def test_later_settings_win() -> None:
    assert changed("core.clock_hz=1", "core.clock_hz=2")["core"]["clock_hz"] == 2  # type: ignore[index]


def test_a_path_through_a_preset_extends_it() -> None:
    data = changed("machine.cores=2", "machine.core.dma.outstanding=4")
    assert data["machine"] == {"extends": "tpu", "cores": 2, "core": {"dma": {"outstanding": 4}}}


def test_the_original_is_left_alone() -> None:
    document = parse_document(TEXT)
    before = document.data["core"]["clock_hz"]
    apply_overrides(document, ["core.clock_hz=5"])
    assert document.data["core"]["clock_hz"] == before


def test_marks_and_sources_of_set_values() -> None:
    document = apply_overrides(parse_document(TEXT), ["core.clock_hz=2e9", "x.y={a: [1]}"])
    assert document.marks["core", "clock_hz"] == ("--set core.clock_hz=2e9", None)
    assert document.marks["x", "y", "a", 0] == ("--set x.y={a: [1]}", None)
    assert document.marks["core", "units"] == ("<text>", 4)
    assert document.sources == {}
    sourced = apply_overrides(document, ["core.clock_hz={value: 3, source: me}"])
    assert sourced.sources["core", "clock_hz"].source == "me"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("cores", "--set cores: not a setting, expected key.path=value"),
        ("=3", "not a setting"),
        ("a..b=3", "not a setting"),
        ("a=", "not a setting"),
        ("a=[1", "--set a=[1: not valid YAML"),
        ("a={b: 1, b: 2}", "duplicate key 'b'"),
        ("a=!!int 1", "the tag"),
        ("core.units.1.rows=3", "no item '1' in the list, expected an index of 0 to 0"),
        ("core.units.first.rows=3", "no item 'first' in the list"),
        ("core.units.-1.rows=3", "no item '-1' in the list"),
        (".".join("a" * 100) + "=1", "nested deeper than 64 levels"),
    ],
)
def test_bad_settings(setting: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        changed(setting)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
