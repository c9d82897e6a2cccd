"""Devices and controllers from presets, files and settings; every mistake at its key."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.config import ConfigError, list_presets
from simulator.hardware.dram.load import load_channel, load_device

DEVICE = """\
extends: ddr4-3200
name: mine
timing:
  cycles: {nCL: 20}
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def refused(device: str, *settings: str, **options: object) -> str:
    """The message of a channel that cannot be."""
    named = {f"controller.{key}": (f"--{key} {value}", value) for key, value in options.items()}
    with pytest.raises(ConfigError) as error:
        load_channel(device, settings, named)
    return str(error.value)


@pytest.mark.parametrize("name", list_presets("dram"))
def test_every_preset_makes_a_channel(name: str) -> None:
    setup = load_channel(name)
    assert setup.spec.device == load_device(name)
    assert {"device", "device.organisation", "device.timing"} <= setup.sources().keys()
    assert all(setup.sources().values())


def test_settings_change_device_and_controller() -> None:
    setup = load_channel(
        "hbm2-2000",
        [
            "device.timing.cycles.nCL=20",
            "controller.read_queue=64",
            "device.organisation.counts.pseudo_channels=1",
        ],
        {"controller.page": ("--page closed", "closed"), "controller.read_queue": ("--queue 8", 8)},
    )
    assert setup.spec.device.timing.cycles["nCL"] == 20
    assert setup.spec.device.organisation.counts.pseudo_channels == 1
    assert setup.spec.controller.page == "closed"
    assert setup.spec.controller.read_queue == 64, "--set goes over options"
    plain = load_channel("hbm2-2000")
    assert setup.configuration_hash() != plain.configuration_hash()
    assert plain.configuration_hash() == load_channel("hbm2-2000").configuration_hash()


def test_the_device_is_a_setting_too() -> None:
    setup = load_channel("hbm2-2000", ["device=ddr4-3200", "device.timing.cycles.nCL=21"])
    assert setup.spec.device.name == "ddr4-3200"
    assert setup.spec.device.timing.cycles["nCL"] == 21


def test_a_file_is_a_device() -> None:
    Path("mine.yaml").write_text(DEVICE)
    setup = load_channel("./mine.yaml")
    assert (setup.spec.device.name, setup.spec.device.timing.cycles["nCL"]) == ("mine", 20)
    assert load_device("mine.yaml", ["timing.cycles.nCL=19"]).timing.cycles["nCL"] == 19


@pytest.mark.parametrize(
    ("setting", "parts"),
    [
        ("controller.read_queu=4", ["controller.read_queu: unknown key", "'read_queue'"]),
        ("controller.read_queue=many", ["controller.read_queue: found 'many', expected a whole"]),
        ("controller.page=clsed", ["controller.page: no page policy", "'closed'"]),
        ("controller.scheduler=fifo", ["controller.scheduler: no scheduler policy", "fr_fcfs"]),
        (
            "controller.refresh=per_bank",
            ["controller.refresh: 'ddr4-3200' has no per-bank refresh"],
        ),
        ("controller.write_low=0.9", ["controller.write_low", "must be below write_high (0.8)"]),
        ("controller.address_mapping.order=[row]", ["address_mapping.order: bits of column, "]),
        (
            "controller.address_mapping.order=[colum, row]",
            ["address_mapping.order: unknown field 'colum'", "'column'"],
        ),
        (
            "controller.address_mapping.xor_banks_with_row=9",
            ["address_mapping.xor_banks_with_row: found 9, but the bank has 4"],
        ),
        ("device.timing.cycles.nCL=x", ["device.timing.cycles.nCL: found 'x'"]),
        ("device.organisation.counts.rows=5", ["counts.rows: rows is 5", "power of two"]),
        ("device.refresh_interval=nREFY", ["device.refresh_interval: timing 'nREFY'", "'nREFI'"]),
    ],
)
def test_mistakes_in_settings(setting: str, parts: list[str]) -> None:
    message = refused("ddr4-3200", setting)
    assert message.startswith(f"--set {setting}: "), message
    for part in parts:
        assert part in message
    assert len(message.splitlines()) == 1


def test_mistakes_in_options_name_the_option() -> None:
    assert refused("ddr4-3200", page="clsed").startswith("--page clsed: controller.page: no page")
    assert refused("ddr4-3200", refresh="per_bank").startswith("--refresh per_bank: ")
    assert refused("ddr4-3200", read_queue=0).startswith("--read_queue 0: ")


def test_mistakes_in_files_name_the_line() -> None:
    text = DEVICE.replace("nCL: 20", "nRFC: 99999")
    Path("mine.yaml").write_text(text + "constraints:\n  - {level: bank, before: [RD]}\n")
    assert "mine.yaml:6: device.constraints.0: missing key" in refused("mine.yaml")
    Path("mine.yaml").write_text(text)
    message = refused("mine.yaml")
    assert "mine.yaml:4: device.timing.cycles.nRFC: constraints." in message
    assert "nRFC is 99999 cycles, no less than the refresh interval nREFI of 12480" in message
    with pytest.raises(ConfigError) as error:
        load_device("mine.yaml")
    assert str(error.value).replace(": timing.", ": device.timing.") == message


def test_names_that_do_not_exist() -> None:
    assert "did you mean 'hbm2-2000'?" in refused("hbm-2000")
    assert "x.yaml: no such file" in refused("./x.yaml")


def test_channels_too_large_to_simulate() -> None:
    banks = "device.organisation.counts.bank_groups=1048576"
    assert "4,194,304 banks" in refused("ddr4-3200", banks)
    rows = ["device.organisation.counts.rows=1073741824"]
    rows.append("device.organisation.counts.columns=1073741824")
    message = refused("ddr4-3200", *rows)
    assert "bytes (" in message and "expected at most 1,125,899,906,842,624" in message


MISTAKES = {
    # what is wrong in the file, a harmless setting that the message speaks of too
    "read_latency": ("read_latency: nCL + nBl\n", "device.timing.cycles.nCL=24"),
    "timing.cycles.nFOO": ("timing: {cycles: {nFOO: 24}}\n", "device.timing.cycles.nCL=24"),
    "commands.RD.clocks": ("commands: {RD: {clocks: 1.5}}\n", "device.commands.WR.clocks=2"),
}


@pytest.mark.parametrize("key", MISTAKES)
def test_a_key_that_is_named_exactly_is_blamed(key: str) -> None:
    text, harmless = MISTAKES[key]
    Path("mine.yaml").write_text("extends: hbm2-2000\nname: nCL\n" + text)
    assert refused("mine.yaml", harmless).startswith(f"mine.yaml:3: device.{key}: ")


def test_whoever_chose_a_preset_is_blamed_for_what_does_not_fit_it() -> None:
    from simulator.experiment import gemm_experiment

    setting = "machine.memory.device=ddr4-3200"
    with pytest.raises(ConfigError) as error:
        gemm_experiment((8, 8, 8), "tpuv3_core_hbm2", [setting])
    message = str(error.value)
    assert message.startswith(f"--set {setting}: machine.memory.device: ")
    assert "interleave_bytes is 32, expected a multiple of the burst of 64 bytes" in message


def test_options_are_not_thrown_away() -> None:
    assert "--page closed" in refused("hbm2-2000", "controller={write_low: 0.1}", page="closed")
