"""Devices written in YAML alone: a good one works, a bad one gets one clear line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simulator.config import ConfigError
from simulator.hardware.dram.load import load_channel, load_device
from tests.hardware.dram.checker import violations
from tests.hardware.dram.devices import logged
from tests.hardware.dram.laws import check_conservation

HEAD = "extends: ddr4-3200\nname: mine\n"
OWN_DEVICE = """\
extends: standards/ddr4.yaml
name: mine
organisation:
  source: my own data sheet
  counts: {
    bank_groups: 2, banks_per_group: 2, rows: 1024, columns: 256, prefetch: 8, width_bits: 64
  }
timing:
  source: my own data sheet
  quality: assumed
  clock_ps: 1000
  cycles: {
    nBL: 4, nCL: 10, nRCD: 11, nRP: 12, nRAS: 25, nRC: 37, nWR: 15, nRTP: 8, nCWL: 9,
    nCCDS: 4, nCCDL: 6, nWTRS: 3, nWTRL: 8, nCS: 2, nRRDS: 4, nRRDL: 6, nFAW: 30, nRFC: 200,
    nREFI: 4000
  }
"""
CONSTRAINT = "constraints:\n  - {{level: {0}, before: [{1}], after: [RD], delay: {2}}}\n"


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_device_in_yaml_alone(tmp_path: Path) -> None:
    """It extends a standard; a read takes 1 + nRCD + nCL + nBL."""
    spec = load_device(written(tmp_path, OWN_DEVICE))
    assert (spec.name, spec.standard, spec.banks, spec.bursts_per_row) == ("mine", "DDR4", 4, 32)
    assert spec.capacity_bytes == 4 * 1024 * 256 * 8
    assert spec.peak_bytes_per_s == pytest.approx(64 / 4e-9)
    result, _ = logged(spec, np.array([[0, 0, 0, 0, 0]]))
    assert result.cycles == 1 + 11 + 10 + 4


def test_a_constraint_of_ones_own(tmp_path: Path) -> None:
    """The table is replaced as a whole, and the checker reads the same one."""
    text = OWN_DEVICE.replace("nREFI: 4000", "nREFI: 4000, nMine: 40") + (
        "constraints:\n"
        "  - {level: bank, before: [ACT], after: [RD, WR, RDA, WRA], delay: nMine}\n"
        "  - {level: channel, before: [RD, WR], after: [RD, WR], delay: nMine + nCL - 2}\n"
    )
    spec = load_device(written(tmp_path, text))
    stream = np.array([[0, 0, 0, 0, burst] for burst in range(5)])
    result, log = logged(spec, stream)
    assert result.cycles == 1 + 40 + 4 * (40 + 10 - 2) + 10 + 4
    assert violations(spec, log) == []
    check_conservation(spec, stream, result, log)


BAD = {
    "missing timing": (
        HEAD + "read_latency: nCLL + nBL\n",
        "mine.yaml:3: read_latency: timing 'nCLL' is missing, which 'nCLL + nBL' needs; "
        "did you mean 'nCL'?",
    ),
    "missing timing of a constraint": (
        HEAD + CONSTRAINT.format("rank", "ACT", "nRCDD"),
        "mine.yaml:4: constraints.0.delay: timing 'nRCDD' is missing, which 'nRCDD' needs; "
        "did you mean 'nRCD'?",
    ),
    "mistyped timing": (
        HEAD + "timing:\n  cycles: {nCl: 20}\n",
        "mine.yaml:4: timing.cycles.nCl: no latency, interval or constraint of the device is "
        "written in it; did you mean 'nCL'?",
    ),
    "timing of nothing": (
        HEAD + "timing:\n  cycles: {nSecret: 20}\n",
        "mine.yaml:4: timing.cycles.nSecret: no latency, interval or constraint of the device is "
        "written in it; they are in nBL, nCCDL, nCCDS, nCL, nCS, nCWL, nFAW, nRAS, nRC, nRCD, "
        "nREFI, nRFC, nRP, nRRDL, nRRDS, nRTP, nWR, nWTRL, nWTRS",
    ),
    "timing of another standard": (
        HEAD + "timing:\n  cycles: {nRCDRD: 20}\n",
        "mine.yaml:4: timing.cycles.nRCDRD: no latency, interval or constraint of the device is "
        "written in it; did you mean 'nRCD'?",
    ),
    "another name of a burst's cycles": (
        "extends: lpddr5-6400\nname: mine\ntiming:\n  cycles: {nBL: 99}\n",
        "mine.yaml:4: timing.cycles.nBL: no latency, interval or constraint of the device is "
        "written in it; did you mean 'nCL'?",
    ),
    "no time for a burst": (
        HEAD + "timing:\n  cycles: {nBL: 0}\n",
        "timing.cycles.nBL: a burst of 0 cycles, expected at least 1",
    ),
    "no constraints": (
        HEAD + "constraints: []\n",
        "mine.yaml:3: constraints: found a list of 0, expected at least 1 item",
    ),
    "unknown command": (
        HEAD + "commands:\n  ACTT: {}\n",
        "mine.yaml:4: commands.ACTT: unknown command; known: ACT, ACT1, PRE, PREA, RD, WR, RDA, "
        "WRA, REFab, REFpb, ACT2, CAS_RD, CAS_WR; did you mean 'ACT'?",
    ),
    "unknown command of a constraint": (
        HEAD + CONSTRAINT.format("rank", "ACTT", "nRCD"),
        "mine.yaml:4: constraints.0.before: the device has no command 'ACTT'; did you mean 'ACT'?",
    ),
    "unknown level": (
        HEAD + CONSTRAINT.format("ranks", "ACT", "nRCD"),
        "mine.yaml:4: constraints.0.level: found 'ranks', expected one of: channel, "
        "pseudo_channel, rank, bank_group, bank; did you mean 'rank'?",
    ),
    "no preceding command": (
        HEAD + CONSTRAINT.format("rank", "", "nRCD"),
        "mine.yaml:4: constraints.0.before: found a list of 0, expected at least 1 item",
    ),
    "no sum": (
        HEAD + "read_latency: nCL * nBL\n",
        "mine.yaml:3: read_latency: 'nCL * nBL' is not a sum of timing names and whole numbers "
        "(at '* nBL')",
    ),
    "never in time": (
        HEAD + CONSTRAINT.format("rank", "ACT", "nREFI"),
        "mine.yaml:4: constraints.0.delay: nREFI is 12480 cycles, no less than the refresh "
        "interval nREFI of 12480: RD could never follow ACT in time",
    ),
    "no power of two": (
        HEAD + "organisation:\n  counts: {bank_groups: 3}\n",
        "mine.yaml:4: organisation.counts.bank_groups: bank_groups is 3, expected a power of two",
    ),
    "rows shorter than a burst": (
        HEAD + "organisation:\n  counts: {columns: 4}\n",
        "mine.yaml:4: organisation.counts.columns: columns (4) are fewer than prefetch (8)",
    ),
    "negative timing": (
        HEAD + "timing:\n  cycles: {nCL: -1}\n",
        "mine.yaml:4: timing.cycles.nCL: found -1, expected a whole number from 0 to 1099511627776",
    ),
    "unknown key": (
        HEAD + "timings: {clock_ps: 500}\n",
        "mine.yaml:3: timings: unknown key 'timings'; did you mean 'timing'?",
    ),
    "unknown scope": (
        HEAD + "refresh_scope: bank\n",
        "mine.yaml:3: refresh_scope: found 'bank', expected one of: channel, pseudo_channel, rank; "
        "did you mean 'rank'?",
    ),
    "half a clock": (
        HEAD + "commands:\n  ACT: {clocks: 1.5}\n",
        "mine.yaml:4: commands.ACT.clocks: 1.5 is no whole tick",
    ),
    "buses": (
        HEAD + "commands:\n  ACT: {bus: row}\n",
        "mine.yaml:3: commands: either all have a row or column bus, or none: ACT have one, "
        "PRE, PREA, RD, RDA, REFab, WR, WRA have not",
    ),
    "rows closed before they are open": (
        HEAD + "timing:\n  cycles: {nRAS: 10}\n",
        "mine.yaml:4: timing.cycles.nRAS: found 10, expected at least nRCD 22: a row would be "
        "closed before it is open",
    ),
    "rows opened before they are precharged": (
        HEAD + "timing:\n  cycles: {nRC: 10}\n",
        "mine.yaml:4: timing.cycles.nRC: found 10, expected at least nRAS 52 + nRP 22 = 74: a row "
        "is open and then precharged before it is opened again",
    ),
    "groups faster than banks": (
        HEAD + "timing:\n  cycles: {nCCDS: 8, nCCDL: 1}\n",
        "mine.yaml:4: timing.cycles.nCCDL: found 1, expected at least nCCDS 8: banks of one group "
        "are no faster than banks of two",
    ),
    "no refresh interval": (
        HEAD + "refresh_interval: nRP - nRP\n",
        "mine.yaml:3: refresh_interval: nRP - nRP is 0, expected at least 1",
    ),
}


@pytest.mark.parametrize("problem", BAD)
def test_a_bad_device_gets_one_line_with_file_line_and_key(problem: str, tmp_path: Path) -> None:
    text, message = BAD[problem]
    with pytest.raises(ConfigError) as caught:
        load_device(written(tmp_path, text))
    assert str(caught.value).endswith(message)
    assert "\n" not in str(caught.value)


def test_a_row_cycle_may_lack_the_cycle_that_rounding_takes(tmp_path: Path) -> None:
    """tRAS, tRP and tRC are rounded up one by one: 2.5 + 2.5 = 5 cycles are 3 + 3 and 5."""
    device = HEAD + "timing:\n  cycles: {{nRC: {0}}}\n"
    assert load_device(written(tmp_path, device.format(52 + 22 - 1)))
    with pytest.raises(ConfigError, match=r"nRC: found 72, expected at least nRAS 52 \+ nRP 22"):
        load_device(written(tmp_path, device.format(52 + 22 - 2)))


def test_banks_that_are_refreshed_more_often_than_they_can_be(tmp_path: Path) -> None:
    """REFpb needs 72 cycles (nPBR2PBR) behind REFpb, and is asked for every 60."""
    text = "extends: lpddr5-6400\nname: mine\ntiming:\n  cycles: {nREFIpb: 60}\n"
    with pytest.raises(ConfigError, match="REFpb could never follow REFpb in time"):
        load_device(written(tmp_path, text))


def test_a_bank_whose_refresh_comes_before_the_last_one_ends(tmp_path: Path) -> None:
    """One bank of HBM2: REFpb takes nRFCpb = 160 cycles, and its turn comes every 122."""
    counts = "{pseudo_channels: 1, bank_groups: 1, banks_per_group: 1}"
    text = f"extends: hbm2-2000\nname: mine\norganisation:\n  counts: {counts}\n"
    path = written(tmp_path, text)
    assert load_channel(str(path))
    with pytest.raises(ConfigError, match=r"takes a bank 160 cycles, and with 1 banks .* 122"):
        load_channel(str(path), ["controller.refresh=per_bank"])


def test_banks_whose_turn_comes_too_soon(tmp_path: Path) -> None:
    """32 banks of HBM2, refreshed every 9 cycles: a bank's turn comes every 288, and takes 300."""
    text = "extends: hbm2-2000\nname: mine\ntiming:\n  cycles: {nREFIpb: 9, nRFCpb: 300}\n"
    with pytest.raises(ConfigError, match=r"takes a bank 300 cycles, and with 32 banks .* 288"):
        load_channel(str(written(tmp_path, text)), ["controller.refresh=per_bank"])


def test_refreshes_of_banks_that_leave_no_room(tmp_path: Path) -> None:
    """8 cycles from REFpb to the next ACT: one in every 6 would let no row be opened."""
    text = "extends: hbm2-2000\nname: mine\ntiming:\n  cycles: {nREFIpb: 6}\n"
    with pytest.raises(ConfigError, match=r"mine\.yaml:4: device\.timing\.cycles\.nREFIpb: .*ACT"):
        load_channel(str(written(tmp_path, text)))
    busy = "extends: hbm2-2000\nname: mine\ncommands: {REFpb: {clocks: 64}}\n"
    busy += "timing: {cycles: {nREFIpb: 50}}\n"
    with pytest.raises(ConfigError, match=r"the bus is busy for 64 cycles"):
        load_channel(str(written(tmp_path, busy)))


def test_rows_too_long_to_simulate(tmp_path: Path) -> None:
    text = (
        "extends: hbm2-2000\nname: mine\norganisation: {counts: {columns: 2147483648, rows: 1}}\n"
    )
    with pytest.raises(ConfigError, match=r"counts: .*536,870,912 bursts per row"):
        load_device(written(tmp_path, text))


@pytest.mark.parametrize("missing", ["ACT1, ACT2", "CAS_RD, CAS_WR"])
def test_commands_that_a_feature_needs(missing: str, tmp_path: Path) -> None:
    feature = "split_activation: {deadline: nRCD}\n"
    if "CAS" in missing:
        feature = "data_clock: {read_keeps_running: nCL, write_keeps_running: nCL}\n"
    with pytest.raises(ConfigError, match=rf"mine\.yaml:3: .*: there is no command {missing}"):
        load_device(written(tmp_path, HEAD + feature))


ORDER = "controller.address_mapping.order"
BAD_CONTROLLERS = {
    f"{ORDER}=[row]": f"{ORDER}: bits of column, bank_group, bank are missing",
    f"{ORDER}=[rov]": f"{ORDER}: unknown field 'rov'; fields: column, bank_group, bank, "
    "pseudo_channel, rank, row; did you mean 'row'?",
    f"{ORDER}=[bank:1,bank:2,column,bank_group,row]": f"{ORDER}: 'bank:2' takes 2 bits of bank, "
    "1 of its 2 are left",
    "controller.address_mapping.xor_banks_with_row=5": "controller.address_mapping."
    "xor_banks_with_row: found 5, but the bank has 4 bits and the row 16",
    "controller.refresh=per_bank": "controller.refresh: 'mine' has no per-bank refresh",
    "controller.page=close": "controller.page: no page policy is called 'close'; known: closed, "
    "open; did you mean 'closed'?",
    "controller.write_low=0.9": "controller.write_low: write_low (0.9) must be below write_high "
    "(0.8)",
}


@pytest.mark.parametrize("setting", BAD_CONTROLLERS)
def test_a_controller_that_does_not_fit_names_the_setting(setting: str, tmp_path: Path) -> None:
    device = written(tmp_path, HEAD)
    with pytest.raises(ConfigError) as caught:
        load_channel(str(device), [setting])
    assert str(caught.value) == f"--set {setting}: {BAD_CONTROLLERS[setting]}"
