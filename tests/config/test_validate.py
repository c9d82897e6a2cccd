"""Validation: what is accepted, and one line per problem."""

from __future__ import annotations

import pytest
from pydantic import Field, model_validator

from simulator.config import ConfigError, Document, Spec, apply_overrides, parse_document, validate
from tests.config.specs import TEXT, ArraySpec, LutSpec, MachineSpec


def spec(*settings: str) -> MachineSpec:
    return validate(MachineSpec, apply_overrides(parse_document(TEXT, "m.yaml"), settings))


def message(*settings: str) -> str:
    """The message for the machine with `settings`, without the `--set` in front."""
    with pytest.raises(ConfigError) as caught:
        spec(*settings)
    return str(caught.value).removeprefix(f"--set {settings[0]}: ")


def message_of(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        validate(MachineSpec, parse_document(text, "m.yaml"))
    return str(caught.value)


def test_a_valid_document() -> None:
    machine = spec()
    assert machine.units == (ArraySpec(rows=16), LutSpec(entries=(1, 2)))
    assert machine.clock_hz == 1e9
    assert machine.buffer is not None
    assert machine.buffer.capacity_bytes == 1024


@pytest.mark.parametrize("value", ["4096", "4.096e3", "4096.0", "0x1000"])
def test_whole_numbers_may_be_written_as_floats(value: str) -> None:
    buffer = spec(f"buffer.capacity_bytes={value}").buffer
    assert buffer is not None
    assert buffer.capacity_bytes == 4096
    assert type(buffer.capacity_bytes) is int


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("units.0.rows='16'", "units.0.rows: found '16', expected a whole number from 1 to 4096"),
        ("units.0.rows=true", "units.0.rows: found true, expected a whole number from 1 to 4096"),
        ("units.0.rows=1.5", "units.0.rows: found 1.5, expected a whole number from 1 to 4096"),
        ("units.0.rows=0", "units.0.rows: found 0, expected a whole number from 1 to 4096"),
        ("units.0.rows=null", "units.0.rows: found nothing, expected a whole number from 1 to"),
        ("units.0.rows=[1]", "units.0.rows: found a list of 1, expected a whole number from 1 to"),
        ("units.0.count=-1", "units.0.count: found -1, expected a whole number of at least 1"),
        ("buffer.ports=no", "buffer.ports: found 'no', expected a whole number"),
        ("buffer.ports=1e30", "buffer.ports: found 1e+30, expected a whole number that fits 64 b"),
        ("buffer.shared=1", "buffer.shared: found 1, expected true or false"),
        ("buffer.shared=yes", "buffer.shared: found 'yes', expected true or false"),
        ("name=3", "name: found 3, expected text"),
        ("clock_hz=fast", "clock_hz: found 'fast', expected a number greater than 0 and of at m"),
        ("cycles.add='1'", "cycles.add: found '1', expected a number"),
        ("cycles=3", "cycles: found 3, expected a mapping (key: value)"),
        ("units.1.entries=[1, x]", "units.1.entries.1: found 'x', expected a whole number"),
        ("units.1.entries=[1, true]", "units.1.entries.1: found true, expected a whole number"),
        ("shape=[1, 2, 3]", "shape: found a list of 3, expected "),
        ("limit='3'", "limit: found '3', expected a whole number or a number or null"),
        ("sizes='3'", "sizes: found '3', expected a whole number or a list, each item a whole n"),
        ("sizes=[1, x]", "sizes.1: found 'x', expected a whole number"),
        ("buffer=[1]", "buffer: found a list of 1, expected a mapping (key: value)"),
        ("units=[]", "units: found a list of 0, expected at least 1 item"),
        ("units=3", "units: found 3, expected a list, each item a mapping"),
        (
            "units.0.dataflow=weight_stationery",
            "units.0.dataflow: found 'weight_stationery', expected one of: output_stationary, "
            "weight_stationary; did you mean 'weight_stationary'?",
        ),
        ("buffer.prots=2", "buffer.prots: unknown key 'prots'; did you mean 'ports'?"),
        (
            "buffer.zzz=2",
            "buffer.zzz: unknown key 'zzz'; valid keys: capacity_bytes, ports, shared",
        ),
        ("units.1.entires=2", "units.1.entires: unknown key 'entires'; did you mean 'entries'?"),
        ("buffer={}", "buffer: missing key 'capacity_bytes', a whole number greater than 0"),
        ("units.0={kind: array}", "units.0: missing key 'rows', a whole number from 1 to 4096"),
    ],
)
def test_one_wrong_value(setting: str, words: str) -> None:
    found = message(setting)
    assert found.startswith(words)
    assert "\n" not in found


def test_messages_of_validators_stand_at_their_mapping() -> None:
    found = message_of(TEXT.replace("kind: lut", "kind: lot"))
    assert found == "m.yaml:5: units.1.kind: unknown kind 'lot'; known: array, lut"
    found = message_of(TEXT.replace("small", "slow"))
    assert found == "m.yaml:1: a machine called slow is not wanted"


def test_every_problem_has_the_line_of_its_key() -> None:
    text = TEXT.replace("1_024", "-1").replace("entries", "entires").replace("add: 1", "add: x")
    assert message_of(text).splitlines() == [
        "m.yaml:6: units.1.entires: unknown key 'entires'; did you mean 'entries'?",
        "m.yaml:8: buffer.capacity_bytes: found -1, expected a whole number greater than 0",
        "m.yaml:10: cycles.add: found 'x', expected a number",
    ]


def test_many_problems_are_cut_short() -> None:
    text = TEXT + "".join(f"wrong_{i}: 1\n" for i in range(25))
    lines = message_of(text).splitlines()
    assert len(lines) == 11
    assert lines[0].startswith("m.yaml:11: wrong_0: unknown key 'wrong_0'; valid keys: name, ")
    assert lines[-1] == "… and 15 more"


def test_the_error_carries_its_parts() -> None:
    with pytest.raises(ConfigError) as caught:
        validate(MachineSpec, parse_document(TEXT.replace("ports: 1", "prots: 1"), "m.yaml"))
    error = caught.value
    assert (error.file, error.line, error.path) == ("m.yaml", 9, ("buffer", "prots"))
    assert (error.found, error.nearest) == ("prots", "ports")


def test_a_part_of_a_document() -> None:
    indented = "".join(f"  {line}\n" for line in TEXT.splitlines())
    document = parse_document("machine:\n" + indented, "x.yaml")
    assert validate(MachineSpec, document, ("machine",)) == spec()
    document = apply_overrides(document, ["machine.buffer.ports=x"])
    with pytest.raises(ConfigError, match=r"machine\.buffer\.ports: found 'x'"):
        validate(MachineSpec, document, ("machine",))
    with pytest.raises(ConfigError, match="missing key 'machin'"):
        validate(MachineSpec, document, ("machin",))


def test_plain_data_from_python() -> None:
    document = Document.from_data({"name": "m", "clock_hz": 1, "units": [{"kind": "array"}]}, "me")
    with pytest.raises(ConfigError, match=r"me: units\.0: missing key 'rows'"):
        validate(MachineSpec, document)
    with pytest.raises(ConfigError, match="found a value of type object"):
        Document.from_data({"a": [object()]})
    endless: dict[str, object] = {}
    endless["self"] = endless
    with pytest.raises(ConfigError, match="nested deeper than 64 levels"):
        Document.from_data(endless)


def test_specs_are_as_strict_when_built_in_python() -> None:
    for wrong in ({"rows": True}, {"rows": "3"}, {"rows": 2**63}, {"rows": 3, "row": 3}):
        with pytest.raises(ValueError, match="1 validation error"):
            ArraySpec(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="finite"):
        MachineSpec(name="m", clock_hz=float("nan"), units=(ArraySpec(rows=1),))


class PairSpec(Spec):
    """Two sizes that depend on each other; `inner.depth` may be left out."""

    low: int = 1
    high: int = 2
    inner: dict[str, int] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> PairSpec:
        if self.low > self.high:
            raise ValueError(f"low ({self.low}) is above high ({self.high})")
        if self.inner.get("depth", 9) < self.low:
            raise ValueError("inner.depth: expected at least low")
        return self


def blamed(text: str, *settings: str) -> str:
    """The message about a pair."""
    with pytest.raises(ConfigError) as caught:
        validate(PairSpec, apply_overrides(parse_document(text, "p.yaml"), settings))
    return str(caught.value)


def test_checks_over_several_keys_stand_at_the_key_they_begin_with() -> None:
    assert blamed("high: 1\nlow: 3\n") == "p.yaml:2: low: low (3) is above high (1)"
    deep = blamed("low: 2\ninner:\n  depth: 1\n")
    assert deep == "p.yaml:3: inner.depth: expected at least low"


def test_checks_over_several_keys_blame_what_was_typed() -> None:
    typed = blamed("high: 5\nlow: 3\n", "high=1")
    assert typed == "--set high=1: high: low (3) is above high (1)"
    exact = blamed("inner:\n  depth: 1\n", "low=2")
    assert exact == "p.yaml:2: inner.depth: expected at least low"
    assert blamed("high: 5\n", "high=1", "low=7").startswith("--set low=7: low: ")
