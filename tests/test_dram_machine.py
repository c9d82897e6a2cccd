"""Machines whose memory is modelled by commands: what YAML and settings may say about it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator.cli import main
from simulator.experiment import Experiment, gemm_experiment
from tests.mapping.cli_cases import written
from tests.mapping.small import gemms, machine_document
from tests.test_cli_errors import changed, refused

MACHINE = "tpuv3_core_hbm2"
MEMORY = {
    "kind": "dram",
    "device": "hbm2-1760",
    "controller": {"page": "open"},
    "channels": 4,
    "interleave_bytes": 32,
}
SMALL: dict[str, Any] = {
    "name": "small GEMM",
    "machine": machine_document() | {"memory": MEMORY},
    "workload": gemms((24, 24, 24)),
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _compiled_kernel: None) -> None:
    monkeypatch.chdir(tmp_path)


def small(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """The small experiment; changes: by key path below `machine.memory`."""
    return changed(SMALL, {f"machine.memory.{key}": each for key, each in (changes or {}).items()})


def line_of(key: str) -> int:
    """Line of the memory's key in the file that was written."""
    lines = Path("experiment.yaml").read_text(encoding="utf-8").splitlines()
    start = lines.index("  memory:")
    return next(n for n, line in enumerate(lines[start:], start + 1) if line.strip() == key)


# -- mistakes ----------------------------------------------------------------------
WRONG: dict[str, tuple[dict[str, Any], str, str, list[str]]] = {
    # changes, the line that is named, the key, parts of the message
    "unknown device": (
        {"device": "hbm2-1670"},
        "device: hbm2-1670",
        "device",
        ["'hbm2-1670'", "did you mean 'hbm2-1760'"],
    ),
    "unknown key": ({"chanels": 3}, "chanels: 3", "chanels", ["did you mean 'channels'"]),
    "unknown key of the controller": (
        {"controller.read_que": 8},
        "read_que: 8",
        "controller.read_que",
        ["did you mean 'read_queue'"],
    ),
    "unknown key of the device": (
        {"device": {"extends": "hbm2-1760", "timng": {"clock_ps": 1000}}},
        "timng:",
        "device.timng",
        ["did you mean 'timing'"],
    ),
    "unknown kind": ({"kind": "drm"}, "kind: drm", "kind", ["'drm'", "did you mean 'dram'"]),
    "unknown policy": (
        {"controller.page": "clsed"},
        "page: clsed",
        "controller.page",
        ["'clsed'", "did you mean 'closed'"],
    ),
    "no device": (
        {"device": None},
        "device: null",
        "device",
        ["a mapping"],
    ),
    "chunks of no whole burst": (
        {"interleave_bytes": 48},
        "interleave_bytes: 48",
        "interleave_bytes",
        ["interleave_bytes is 48", "multiple", "32 bytes"],
    ),
    "chunks that do not divide a channel": (
        {"interleave_bytes": 96},
        "interleave_bytes: 96",
        "interleave_bytes",
        ["interleave_bytes is 96", "does not divide"],
    ),
    "row not last": (
        {
            "controller.address_mapping": {
                "order": ["pseudo_channel", "bank_group", "row", "column", "bank", "rank"]
            }
        },
        "order:",
        "controller.address_mapping.order",
        ["row must come last"],
    ),
    "row in two pieces": (
        {
            "controller.address_mapping": {
                "order": ["row:2", "pseudo_channel", "bank_group", "column", "bank", "rank", "row"]
            }
        },
        "order:",
        "controller.address_mapping.order",
        ["in one piece"],
    ),
    "unknown field": (
        {"controller.address_mapping": {"order": ["colum", "row"]}},
        "order:",
        "controller.address_mapping.order",
        ["'colum'", "did you mean 'column'"],
    ),
    "too many banks added": (
        {"controller.address_mapping": {"xor_banks_with_row": 5}},
        "xor_banks_with_row: 5",
        "controller.address_mapping.xor_banks_with_row",
        ["the bank has 4 bits"],
    ),
    "no channels": ({"channels": 0}, "channels: 0", "channels", ["1 to 1024"]),
    "keys of an ideal memory": (
        {"capacity_bytes": 2**30},
        "capacity_bytes: 1073741824",
        "capacity_bytes",
        ["unknown key", "channels"],
    ),
    "a refresh that the device lacks": (
        {"device": "ddr4-3200", "interleave_bytes": 64, "controller.refresh": "per_bank"},
        "refresh: per_bank",
        "controller.refresh",
        ["ddr4-3200", "per-bank refresh"],
    ),
    "a timing that cannot be": (
        {"device": {"extends": "hbm2-1760", "timing": {"cycles": {"nREFI": 10}}}},
        "nREFI: 10",
        "device.timing.cycles.nREFI",
        ["refresh interval nREFI of 10"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_memories(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    changes, line, key, parts = WRONG[case]
    message = refused(capsys, "run", written(small(changes)))
    where = f"experiment.yaml:{line_of(line)}: machine.memory"
    assert message.startswith(f"error: {where}{'.' * bool(key)}{key}: ")
    for part in parts:
        assert part in message
    assert len(message.splitlines()) == 1


ONE_ROW = {"extends": "hbm2-1760", "name": "tiny", "organisation": {"counts": {"rows": 1}}}
"""32 banks of 1 KiB: a channel of 32 KiB."""


def test_a_memory_at_command_level_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    document = small()
    del document["machine"]["memory"]["kind"]
    message = refused(capsys, "run", written(document))
    assert "machine.memory.controller: " in message and "add `kind: dram`" in message
    document["machine"]["memory"] = {"kind": "dram", "channels": 2}
    assert "missing key 'device'" in refused(capsys, "run", written(document))


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("device.timing.cycles.nCl=3", "device.timing.cycles.nCl"),
        ("device.timing.cycles.nRFC=3899", "device.timing.cycles.nRFC"),
        ("device.organisation.counts.ranks=1024", "device.organisation.counts.ranks"),
        ("device.organisation.counts.prefetch=256", "device.organisation.counts.prefetch"),
        ("controller.write_low=0.9", "controller.write_low"),
        ("interleave_bytes=48", "interleave_bytes"),
        ("device=7", "device"),
    ],
)
def test_wrong_settings_are_named_as_they_were_typed(
    setting: str, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    setting = f"machine.memory.{setting}"
    message = refused(capsys, "gemm", "8", "8", "8", "--machine", MACHINE, "--set", setting)
    assert message.startswith(f"error: --set {setting}: machine.memory.{key}: ")
    assert len(message.splitlines()) == 1


def test_a_memory_too_small_for_the_weights(capsys: pytest.CaptureFixture[str]) -> None:
    document = small({"device": ONE_ROW}) | {"workload": gemms((4, 400, 400))}
    message = refused(capsys, "run", written(document))
    for part in ("weights 160,000 bytes", "131,072", "28,928 bytes missing"):
        assert part in message
    assert "capacity_bytes" not in message, "there is no such key to change"


def test_a_memory_too_small_for_the_activations(capsys: pytest.CaptureFixture[str]) -> None:
    document = small({"device": ONE_ROW}) | {"workload": gemms((1000, 100, 100))}
    message = refused(capsys, "run", written(document))
    # Weights of 10,000 bytes are 79 stripes of 128; inputs and outputs of 100,000 are 782.
    for part in (f"need {79 * 128 + 2 * 782 * 128:,} bytes", "weights 10,112", "has 131,072"):
        assert part in message
    assert len(message.splitlines()) == 1


def test_a_device_without_energy(capsys: pytest.CaptureFixture[str]) -> None:
    dark = {"extends": "hbm2-1760", "name": "dark", "energy": None}
    message = refused(capsys, "run", written(small({"device": dark})))
    assert "'dark' has no `energy` block" in message and "extends: hbm2-" in message
    assert "machine.memory.device: " in message, "refused when it is read, not behind the run"


# -- settings ----------------------------------------------------------------------
def loaded(settings: dict[str, Any] | None = None) -> Experiment:
    """An experiment on the shipped machine; settings: by key path below `machine.memory`."""
    given = [f"machine.memory.{key}={json.dumps(v)}" for key, v in (settings or {}).items()]
    return gemm_experiment((64, 64, 64), MACHINE, given)


def memory_of(experiment: Experiment) -> dict[str, Any]:
    """What was made of `machine.memory`, by key path."""
    return flat(experiment.resolved()["machine"]["memory"])


def flat(data: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings as one, by key path."""
    found: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{prefix}{key}"
        found |= flat(value, f"{path}.") if isinstance(value, dict) else {path: value}
    return found


@pytest.mark.parametrize(
    ("key", "value", "before"),
    [
        ("device.timing.cycles.nCL", 20, 13),
        ("device.organisation.counts.ranks", 2, 1),
        ("controller.page", "closed", "open"),
        ("channels", 8, 16),
    ],
)
def test_a_setting_changes_what_it_names_and_nothing_else(
    key: str, value: object, before: object
) -> None:
    plain, other = loaded(), loaded({key: value})
    assert memory_of(plain)[key] == before
    assert memory_of(other) == memory_of(plain) | {key: value}
    assert plain.configuration_hash() == loaded().configuration_hash()
    assert plain.configuration_hash() != other.configuration_hash()


def test_another_device() -> None:
    """All of it is another, and further settings are of that one, in whatever order they come."""
    plain = loaded()
    assert memory_of(plain)["device.name"] == "hbm2-1760-16gib"
    other = loaded({"device": "hbm2-2400"})
    assert memory_of(other)["device.name"] == "hbm2-2400"
    assert memory_of(other)["device.timing.clock_ps"] == 833
    changed = loaded({"device.timing.cycles.nCL": 20, "device": "hbm2-2400"})
    assert memory_of(changed) == memory_of(other) | {"device.timing.cycles.nCL": 20}
    hashes = {each.configuration_hash() for each in (plain, other, changed)}
    assert len(hashes) == 3


@pytest.mark.parametrize(
    "setting",
    [
        "machine.memory.device=hbm2-2400",
        "machine.memory.device.timing.cycles.nCL=20",
        "machine.memory.controller.page=closed",
    ],
)
def test_settings_on_the_command_line(setting: str) -> None:
    plain, other = (from_command_line(*words) for words in ((), ("--set", setting)))
    assert plain["configuration_hash"] != other["configuration_hash"]
    assert plain["cycles"] != other["cycles"]
    key, value = setting.split("=")
    found = flat(other["configuration"])
    assert str(found.get(key, found.get(f"{key}.name"))) == value


def from_command_line(*options: str) -> dict[str, Any]:
    file = written(SMALL)
    assert main(["run", file, "--quiet", "--json", "r.json", *options]) == 0
    document: dict[str, Any] = json.loads(Path("r.json").read_text(encoding="utf-8"))
    return document


def test_a_wrong_setting_names_itself(capsys: pytest.CaptureFixture[str]) -> None:
    file = written(SMALL)
    message = refused(capsys, "run", file, "--set", "machine.memory.device=hbm2-240")
    assert "machine.memory.device" in message and "did you mean 'hbm2-2400'" in message
    message = refused(capsys, "run", file, "--set", "machine.memory.controler.page=closed")
    assert "machine.memory.controler" in message and "did you mean 'controller'" in message


def test_a_device_of_ones_own_lies_beside_the_experiment() -> None:
    Path("mine.yaml").write_text("extends: hbm2-1760\nname: mine\n", encoding="utf-8")
    document = small({"device": "./mine.yaml"})
    assert main(["run", written(document), "--quiet", "--json", "r.json"]) == 0
    result = json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert result["configuration"]["machine"]["memory"]["device"]["name"] == "mine"
    assert result["cycles"] == from_command_line()["cycles"]
    # Written out in full, it is the same.
    inline = small({"device": {"extends": "hbm2-1760", "name": "mine"}})
    assert main(["run", written(inline), "--quiet", "--json", "i.json"]) == 0
    again = json.loads(Path("i.json").read_text(encoding="utf-8"))
    assert again["configuration_hash"] == result["configuration_hash"]
