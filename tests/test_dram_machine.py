"""Machines whose memory is modelled by commands, from YAML to the energy of each command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulator import api
from simulator.cli import main
from simulator.cost import ZERO
from simulator.cost.dram import CATEGORIES, command_energies
from simulator.experiment import Experiment
from simulator.report.build import STATIC
from simulator.report.result import Result
from tests.hardware.dram.devices import device
from tests.mapping.cli_cases import written
from tests.mapping.result_laws import check_result, check_sum, findings
from tests.mapping.small import gemms, machine_document, transformer
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
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    "unknown kind": ({"kind": "drm"}, "memory:", "", ["'drm'", "did you mean 'dram'"]),
    "unknown policy": (
        {"controller.page": "clsed"},
        "controller:",
        "controller",
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
        "memory:",
        "",
        ["interleave_bytes is 48", "multiple", "32 bytes"],
    ),
    "chunks that do not divide a channel": (
        {"interleave_bytes": 96},
        "memory:",
        "",
        ["interleave_bytes is 96", "does not divide"],
    ),
    "row not last": (
        {
            "controller.address_mapping": {
                "order": ["pseudo_channel", "bank_group", "row", "column", "bank", "rank"]
            }
        },
        "memory:",
        "",
        ["address_mapping.order", "row must come last"],
    ),
    "row in two pieces": (
        {
            "controller.address_mapping": {
                "order": ["row:2", "pseudo_channel", "bank_group", "column", "bank", "rank", "row"]
            }
        },
        "memory:",
        "",
        ["address_mapping.order", "in one piece"],
    ),
    "unknown field": (
        {"controller.address_mapping": {"order": ["colum", "row"]}},
        "order:",
        "controller.address_mapping.order",
        ["'colum'", "did you mean 'column'"],
    ),
    "too many banks added": (
        {"controller.address_mapping": {"xor_banks_with_row": 5}},
        "memory:",
        "",
        ["xor_banks_with_row", "at most 4"],
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
        "memory:",
        "",
        ["ddr4-3200", "per-bank refresh"],
    ),
    "a timing that cannot be": (
        {"device": {"extends": "hbm2-1760", "timing": {"cycles": {"nREFI": 10}}}},
        "device:",
        "device",
        ["refresh interval of 10"],
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


# -- settings ----------------------------------------------------------------------
def loaded(settings: dict[str, Any] | None = None) -> Experiment:
    """An experiment on the shipped machine; settings: by key path below `machine.memory`."""
    below = {f"machine.memory.{key}": value for key, value in (settings or {}).items()}
    return api.gemm_experiment(64, 64, 64, MACHINE, below)


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
    assert memory_of(plain)["device.name"] == "hbm2-1760"
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


# -- results -----------------------------------------------------------------------
def gemm(size: int = 256, machine: str = MACHINE, **settings: Any) -> Result:
    return api.gemm(size, size, size, machine, settings)


def test_runs_are_equal_however_they_are_simulated() -> None:
    once = gemm()
    assert gemm().to_dict() == once.to_dict()
    assert findings(gemm(**{"simulation.every_event": True})) == findings(once)


@pytest.mark.parametrize("size", [1, 33, 100, 256])
def test_results_obey_their_laws(size: int) -> None:
    check_result(gemm(size))


@pytest.mark.parametrize("size", [64, 256, 1000])
def test_no_faster_than_an_ideal_memory_of_its_peak(size: int) -> None:
    found = gemm(size)
    peak = found.machine["memory_bandwidth_bytes_per_s"]
    ideal = {"machine.memory.bandwidth_bytes_per_s": peak, "machine.memory.latency_s": 0}
    assert found.cycles >= gemm(size, "tpuv3_core", **ideal).cycles
    # 16 channels of 2 data buses with 8 bytes at both edges of a clock of 1.137 ns.
    assert peak == pytest.approx(16 * 2 * 8 * 2 / 1137e-12)


def test_a_transformer(tmp_path: Path) -> None:
    """Layers have weights of their own; decode steps too run on the memory."""
    document = {
        "name": "tiny",
        "machine": small()["machine"],
        "workload": {
            "model": transformer(tmp_path, num_hidden_layers=3),
            "prefill_tokens": 16,
            "decode_steps": 2,
            "precision": {"weights": "int8", "activations": "int8", "kv_cache": "int8"},
        },
    }
    result = api.run(document)
    check_estimates_of(result)
    for phase in result.phases:
        assert phase.dram is not None
        burst_bytes = 32
        assert phase.dram["reads"] * burst_bytes >= phase.dram_read_bytes
        assert phase.dram["writes"] * burst_bytes >= phase.dram_write_bytes
    assert findings(api.run(document, {"simulation.every_event": True})) == findings(result)


def check_estimates_of(result: Result) -> None:
    check_sum(result.energy_by_component.values(), result.energy_j)
    check_sum((phase.energy_j for phase in result.phases), result.energy_j)
    for phase in result.phases:
        operators = [op.energy_j for op in result.operators if op.phase == phase.name]
        check_sum(operators, phase.energy_j)


# -- energy ------------------------------------------------------------------------
def test_energy_by_command() -> None:
    result = gemm()
    check_estimates_of(result)
    found = result.energy_by_component
    memory = {path for path in found if path.startswith("memory")}
    assert memory == {f"memory.{category}" for category in CATEGORIES}
    assert STATIC in found, "leakage on the chip"
    (phase,) = result.phases
    assert phase.dram is not None
    commands, each = phase.dram["commands"], command_energies(device("hbm2-1760"))
    moved = commands["RD"] + commands["WR"]
    expected = {
        "activate": each.activate_pj.scaled(commands["ACT"]),
        "read": each.read_pj.scaled(commands["RD"]),
        "write": each.write_pj.scaled(commands["WR"]),
        "refresh": each.refresh_all_pj.scaled(commands["REFab"]),
        "io": each.io_pj.scaled(moved),
    }
    for category, energy in expected.items():
        check_sum([energy.scaled(1e-12)], found[f"memory.{category}"])
    # Standby: between that of closed rows and that of open ones, over 16 channels.
    standby = found["memory.background"].value
    seconds = phase.dram["cycles"] * 1137e-12
    assert 16 * each.standby_closed_w.value * seconds < standby
    assert standby < 16 * each.standby_open_w.value * seconds
    # 256 x 256 inputs, weights and outputs of 2 bytes.
    assert moved * 32 == 3 * 256 * 256 * 2


def test_operators_have_traffic_by_their_bytes_and_the_rest_by_their_time() -> None:
    result = api.run(small() | {"workload": gemms((64, 64, 64), (4, 4, 4))})
    check_estimates_of(result)
    found = result.energy_by_component
    by_time = found["memory.refresh"] + found["memory.background"] + found[STATIC]
    by_bytes = sum((found[f"memory.{each}"] for each in ("activate", "read", "write", "io")), ZERO)
    moved = [op.bytes["dram_read"] + op.bytes["dram_write"] for op in result.operators]
    parts = [
        by_time.scaled(op.exclusive_cycles / result.cycles) + by_bytes.scaled(each / sum(moved))
        for op, each in zip(result.operators, moved, strict=True)
    ]
    for op, part in zip(result.operators, parts, strict=True):
        assert op.energy_j.value > part.value, "what the chip does comes on top"
    on_chip = [found[path] for path in found if path != STATIC and not path.startswith("memory")]
    check_sum([*parts, *on_chip], result.energy_j)


def test_a_longer_run_refreshes() -> None:
    """Every 3430 cycles of the memory, each of two pseudo channels of 16 channels."""
    result = gemm(1000)
    (phase,) = result.phases
    assert phase.dram is not None
    intervals = int(phase.dram["cycles"] // 3430)
    assert intervals >= 2
    assert phase.dram["commands"]["REFab"] == pytest.approx(32 * intervals, abs=32)
    refresh = result.energy_by_component["memory.refresh"]
    assert refresh.low < refresh.value < refresh.high
    without = gemm(1000, **{"machine.memory.controller.refresh": "none"})
    assert without.energy_by_component["memory.refresh"].value == 0
    assert without.cycles < result.cycles
