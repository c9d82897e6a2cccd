"""Energy of DRAM commands, against sums by hand and the published tables."""

from __future__ import annotations

import math
import re
from functools import cache
from pathlib import Path

import pytest

from simulator.config import (
    ConfigError,
    CyclelabError,
    apply_overrides,
    list_presets,
    load_preset,
    validate,
)
from simulator.cost.dram import CATEGORIES, UNITS, command_energies, dram_energy, read_pj_per_bit
from simulator.cost.estimate import ZERO, Estimate
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.spec import DramDeviceSpec

NAMES = list_presets("dram")
LEGACY_HBM2 = "hbm2-2000-dramsim3"
PER_COMMAND = (
    "activate_pj",
    "read_pj",
    "write_pj",
    "refresh_all_pj",
    "refresh_bank_pj",
    "standby_closed_w",
    "standby_open_w",
    "io_pj",
)


@cache
def device(name: str, *settings: str) -> DramDeviceSpec:
    document = apply_overrides(load_preset("dram", name), list(settings))
    return validate(DramDeviceSpec, document)


def ranks(spec: DramDeviceSpec) -> int:
    return spec.organisation.counts.pseudo_channels * spec.organisation.counts.ranks


def categories_of(spec: DramDeviceSpec) -> list[str]:
    """Categories of a device, of which one is of units in its banks."""
    return [*CATEGORIES, *([UNITS] if spec.pim else [])]


def total(parts: dict[str, Estimate]) -> Estimate:
    return sum(parts.values(), ZERO)


# -- by hand: mA · V · ns = pJ -------------------------------------------------------


def test_hbm2_channel_of_128_bits() -> None:
    one = command_energies(device(LEGACY_HBM2))
    # 1.2 V · (65 · 48 − 55 · 34 − 40 · 14) mA · ns = 1.2 · 690
    assert one.activate_pj.value == pytest.approx(828)
    # 64 bytes in 2 ns: 1.2 · (390 − 55) · 2, and with 500 mA
    assert one.read_pj.value == pytest.approx(804)
    assert one.write_pj.value == pytest.approx(1068)
    # 8 Gb: 1.2 · (250 − 55) · 260 pJ
    assert one.refresh_all_pj.value == pytest.approx(60_840)
    assert one.standby_closed_w.value == pytest.approx(0.048)
    assert one.standby_open_w.value == pytest.approx(0.066)
    assert one.io_pj.value == pytest.approx(0.3 * 512)


def test_hbm2_pseudo_channel() -> None:
    one, legacy = (command_energies(device(name)) for name in ("hbm2-2000", LEGACY_HBM2))
    assert one.read_pj.value == pytest.approx(legacy.read_pj.value / 2)  # 32 bytes of 64
    assert one.activate_pj.value == pytest.approx(828)  # a row of 1 KB, as in the file
    # Two of them draw as much as the channel of 128 bits.
    assert one.standby_open_w.value == pytest.approx(0.066)
    # 65536 rows · 16 banks · 1 KB: 8 Gb in each
    assert one.refresh_all_pj.value == pytest.approx(60_840)


def test_a_faster_clock_leaves_the_charge_per_command() -> None:
    slow, fast = (command_energies(device(name)) for name in ("hbm2-2000", "hbm2-2400"))
    assert fast.read_pj == slow.read_pj
    assert fast.activate_pj == slow.activate_pj


@pytest.mark.parametrize("name", ["ddr4-3200", "ddr4-3200-dramsim3"])
def test_ddr4_rank_of_eight_chips(name: str) -> None:
    one = command_energies(device(name))
    # 8 · 1.2 V · (57 · 74 − 52 · 52 − 37 · 22) mA · 0.63 ns = 8 · 1.2 · 700 · 0.63
    assert one.activate_pj.value == pytest.approx(4233.6)
    assert one.read_pj.value == pytest.approx(8 * 1.2 * (168 - 52) * 4 * 0.63)  # 2806
    assert one.write_pj.value == pytest.approx(8 * 1.2 * (150 - 52) * 4 * 0.63)  # 2371
    assert one.refresh_all_pj.value == pytest.approx(8 * 1.2 * (250 - 52) * 560 * 0.63)
    assert one.standby_closed_w.value == pytest.approx(8 * 1.2 * 0.037)
    assert one.standby_open_w.value == pytest.approx(8 * 1.2 * 0.052)


# data/energy/dram_idd_pj.csv of the reference: nJ per activation, read, write; mW of
# average refresh and of standby with an open row. GDDR6 there is eight channels side by side.
PUBLISHED = {
    LEGACY_HBM2: (0.828, 0.804, 1.068, 15.6, 66.0, 1),
    "ddr4-3200-dramsim3": (4.234, 2.806, 2.371, 85.3, 499.2, 1),
    "lpddr4-2400": (6.956, 6.247, 5.769, 50.6, 225.6, 1),
    "gddr6-14000": (5.731, 1.333, 1.212, None, 658.8, 8),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_within_a_percent_of_the_table_of_currents(name: str) -> None:
    spec = device(name)
    one = command_energies(spec)
    activate, read, write, refresh_mw, standby_mw, channels = PUBLISHED[name]
    assert channels * one.activate_pj.value / 1e3 == pytest.approx(activate, rel=0.01)
    assert channels * one.read_pj.value / 1e3 == pytest.approx(read, rel=0.01)
    assert channels * one.write_pj.value / 1e3 == pytest.approx(write, rel=0.01)
    assert channels * one.standby_open_w.value * 1e3 == pytest.approx(standby_mw, rel=0.01)
    if refresh_mw is not None:
        interval_ns = spec.cycles(spec.refresh_interval) * spec.timing.clock_ps / 1e3
        assert one.refresh_all_pj.value / interval_ns == pytest.approx(refresh_mw, rel=0.01)


def test_hbm3_by_stage_of_the_data_path() -> None:
    spec = device("hbm3-6400")
    one = command_energies(spec)
    assert one.activate_pj.value == pytest.approx(0.11 * 8192)  # a row of 1 KB
    assert one.read_pj.value == pytest.approx((0.44 + 1.01 + 1.23 + 0.5) * 256)
    assert one.write_pj == one.read_pj
    assert read_pj_per_bit(spec).value == pytest.approx(3.59)
    assert read_pj_per_bit(spec, 1).value == pytest.approx(0.11 * 32 + 3.18 + 0.3)


def test_hbm3_by_commands_of_a_whole_row() -> None:
    parts = dram_energy(device("hbm3-6400"), {"ACT": 1, "RD": 31, "RDA": 1, "PRE": 1}, 0, 0)
    assert total(parts).value == pytest.approx(3.59e-12 * 8192)


# -- what the categories count --------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_row_costs_the_same_however_much_is_read(name: str) -> None:
    spec = device(name)
    open_row = "ACT1" if spec.split_activation else "ACT"
    one_burst = dram_energy(spec, {open_row: 1, "RD": 1}, 0, 0)
    whole_row = dram_energy(spec, {open_row: 1, "RD": spec.bursts_per_row}, 0, 0)
    assert one_burst["activate"] == whole_row["activate"]
    bits = spec.burst_bytes * 8
    spent = one_burst["activate"] + one_burst["read"] + one_burst["io"]
    assert read_pj_per_bit(spec, 1).value == pytest.approx(spent.value * 1e12 / bits)
    assert total(one_burst).value == pytest.approx(spent.value)


def test_each_command_in_its_category() -> None:
    spec = device("lpddr5-6400")
    one = command_energies(spec)
    joules = {
        "ACT1": {"activate": one.activate_pj},
        "RD": {"read": one.read_pj, "io": one.io_pj},
        "RDA": {"read": one.read_pj, "io": one.io_pj},
        "WR": {"write": one.write_pj, "io": one.io_pj},
        "WRA": {"write": one.write_pj, "io": one.io_pj},
        "REFab": {"refresh": one.refresh_all_pj},
        "REFpb": {"refresh": one.refresh_bank_pj},
    }
    for name in COMMANDS:
        if name == "ACT":
            continue
        parts = dram_energy(spec, {name: 3}, 0, 0)
        assert list(parts) == categories_of(spec)
        for category in CATEGORIES:
            expected = joules.get(name, {}).get(category, ZERO).value * 3e-12
            assert parts[category].value == pytest.approx(expected), (name, category)


def test_background_by_hand() -> None:
    spec = device(LEGACY_HBM2)  # one rank, 1 ns
    parts = dram_energy(spec, {}, cycles=1000, row_open_cycles=400)
    assert parts["background"].value == pytest.approx(400e-9 * 0.066 + 600e-9 * 0.048)
    assert total(parts) == parts["background"]


@pytest.mark.parametrize("name", NAMES)
def test_background_grows_with_open_rows(name: str) -> None:
    spec = device(name)
    closed, half, opened = (
        dram_energy(spec, {}, 1e6, share * ranks(spec) * 1e6)["background"].value
        for share in (0, 0.5, 1)
    )
    assert closed < opened
    assert half == pytest.approx((closed + opened) / 2)
    seconds = 1e6 * spec.timing.clock_ps * 1e-12
    assert closed == pytest.approx(command_energies(spec).standby_closed_w.value * seconds)
    assert opened == pytest.approx(command_energies(spec).standby_open_w.value * seconds)


def test_a_second_rank_draws_standby_but_no_activation() -> None:
    one, two = (
        command_energies(device("ddr4-3200", f"organisation.counts.ranks={n}")) for n in (1, 2)
    )
    assert two.standby_open_w.value == pytest.approx(2 * one.standby_open_w.value)
    assert two.activate_pj == one.activate_pj
    assert two.refresh_all_pj == one.refresh_all_pj  # a refresh is of one rank


@pytest.mark.parametrize("name", [name for name in NAMES if device(name).bank_refresh_interval])
def test_both_ways_to_refresh_cost_the_same_power(name: str) -> None:
    spec = device(name)
    scopes = {"channel": 1, "pseudo_channel": spec.organisation.counts.pseudo_channels}
    together = spec.cycles(spec.refresh_interval)
    one_by_one = spec.cycles(spec.bank_refresh_interval or "")
    all_banks = dram_energy(spec, {"REFab": scopes.get(spec.refresh_scope, ranks(spec))}, 0, 0)
    bank = dram_energy(spec, {"REFpb": 1}, 0, 0)
    assert bank["refresh"].value / one_by_one == pytest.approx(
        all_banks["refresh"].value / together
    )


def test_refresh_of_hbm2_by_bank_is_a_sixteenth() -> None:
    one = command_energies(device("hbm2-2000"))
    assert one.refresh_bank_pj.value == pytest.approx(one.refresh_all_pj.value / 16, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_every_device_is_finite_positive_and_bounded(name: str) -> None:
    spec = device(name)
    one = command_energies(spec)
    for field in PER_COMMAND:
        found: Estimate = getattr(one, field)
        assert all(math.isfinite(x) and x > 0 for x in (found.low, found.value, found.high)), field
        assert found.low < found.value < found.high, field
    assert one.sources
    assert len(one.sources) == len(set(one.sources))
    counts = {command: 7 for command in spec.commands}
    parts = dram_energy(spec, counts, 10_000, 5_000)
    assert list(parts) == categories_of(spec)
    assert all(0 < part.low < part.value < part.high for part in parts.values())


@pytest.mark.parametrize("name", NAMES)
def test_twice_the_channels_twice_the_energy(name: str) -> None:
    spec = device(name)
    counts = {command: 5 for command in spec.commands}
    one = dram_energy(spec, counts, 10_000, 5_000)
    two = dram_energy(spec, counts, 10_000, 5_000, channels=2)
    for category in CATEGORIES:
        assert two[category].value == pytest.approx(2 * one[category].value)
        assert two[category].high == pytest.approx(2 * one[category].high)


# -- units in the banks ---------------------------------------------------------------


def test_commands_of_units_as_neupims_has_them() -> None:
    """Its energies: ACT 828, RD 804 pJ; G_ACT four of ACT, GWRITE 16 of RD, COMP four of RD."""
    spec = device("hbm2-neupims-dual")
    one = command_energies(spec)
    assert one.activate_pj.value == pytest.approx(828, rel=0.001)
    assert one.read_pj.value == pytest.approx(804, rel=0.001)
    assert one.write_pj.value == pytest.approx(1068, rel=0.001)
    opened = dram_energy(spec, {"G_ACT": 1}, 0, 0)
    assert total(opened).value == opened["activate"].value == pytest.approx(3312e-12, rel=0.001)
    loaded = dram_energy(spec, {"GWRITE": 1}, 0, 0)
    assert total(loaded).value == loaded["read"].value == pytest.approx(12864e-12, rel=0.001)
    computed = dram_energy(spec, {"COMP": 1}, 0, 0)
    bits = 32 * 16 * 16  # banks × lanes × FP16
    assert total(computed).value == computed[UNITS].value
    assert computed[UNITS].value == pytest.approx((4 * 804 + 0.32 * bits) * 1e-12, rel=0.001)


@pytest.mark.parametrize("results", ["READRES", "COMPS_READRES"])
def test_results_leave_as_reads_do(results: str) -> None:
    spec = device("hbm2-neupims-dual")
    read = dram_energy(spec, {"RD": 1}, 0, 0)
    assert dram_energy(spec, {results: 1}, 0, 0) == read


@pytest.mark.parametrize(
    ("level", "units", "way_pj"),
    [("bank", 64, 0.44), ("bank-group", 16, 1.45), ("buffer", 2, 3.18)],
)
def test_units_further_out_pay_for_the_way(level: str, units: int, way_pj: float) -> None:
    """AttAcc: the cell alone, with the way to the bank group's multiplexer, and down the TSVs."""
    computed = dram_energy(device(f"hbm3-attacc-{level}"), {"COMP": 1}, 0, 0)
    bits = units * 16 * 16
    assert computed[UNITS].value == pytest.approx((way_pj + 0.32) * bits * 1e-12, rel=0.003)
    assert total(computed).value == computed[UNITS].value


def test_a_change_of_mode_writes_a_burst_into_a_row_that_it_opens() -> None:
    spec = device("hbm2-samsung-pim")
    changed = dram_energy(spec, {"PIM_MODE": 1}, 0, 0)
    assert changed == dram_energy(spec, {"ACT": 1, "WR": 1}, 0, 0)
    opened = dram_energy(spec, {"G_ACT": 1}, 0, 0)
    assert opened["activate"].value == pytest.approx(16 * 828e-12, rel=0.001)


# -- against the prices per bit of the technologies, and the documentation -------------


@pytest.mark.parametrize(
    ("name", "published"),
    [
        ("hbm2-2000", 3.59),  # O'Connor's breakdown
        ("hbm2e-3200", 6.0),  # Micron, device power
        ("hbm3-6400", 4.05),  # weak
        ("gddr6-14000", 7.5),  # Micron, device power
        ("ddr4-3200", 20.3),  # Horowitz
        ("lpddr4-2400", 8.0),  # weak
    ],
)
def test_published_totals_lie_within_the_bounds(name: str, published: float) -> None:
    found = read_pj_per_bit(device(name))
    assert found.low <= published <= found.high


def test_the_documented_table_is_what_comes_out() -> None:
    text = (Path(__file__).parents[2] / "docs" / "cost.md").read_text("utf-8")
    row = re.compile(r"^\| `([\w-]+)` \|.*?\| ([\d.]+) \(([\d.]+)–([\d.]+)\) \| ([\d.]+) \(", re.M)
    rows = {match[1]: match for match in row.finditer(text) if match[1] in NAMES}
    assert set(rows) == set(NAMES)
    for name, match in rows.items():
        streaming, single = read_pj_per_bit(device(name)), read_pj_per_bit(device(name), 1)
        expected = (streaming.value, streaming.low, streaming.high, single.value)
        for shown, value in zip(match.groups()[1:], expected, strict=True):
            assert float(shown) == pytest.approx(value, abs=0.051), name


# -- what is refused ------------------------------------------------------------------


def test_no_energy_block() -> None:
    spec = device("hbm3-6400").model_copy(update={"energy": None, "name": "mine"})
    with pytest.raises(CyclelabError, match=r"'mine' has no `energy` block.*extends: hbm3-6400"):
        dram_energy(spec, {}, 0, 0)


@pytest.mark.parametrize(
    ("commands", "cycles", "open_cycles", "channels", "message"),
    [
        ({"ATC": 1}, 0, 0, 1, r"'ATC'.*did you mean 'ACT'"),
        ({"RD": -1}, 0, 0, 1, r"number of RD is -1"),
        ({}, 100, 101, 1, r"row_open_cycles is 101"),
        ({}, 100, -1, 1, r"row_open_cycles is -1"),
        ({}, 100, 0, -1, r"channels is -1"),
    ],
)
def test_numbers_that_cannot_be(
    commands: dict[str, int], cycles: int, open_cycles: int, channels: int, message: str
) -> None:
    with pytest.raises(CyclelabError, match=message):
        dram_energy(device(LEGACY_HBM2), commands, cycles, open_cycles, channels)


def test_a_row_has_no_more_bursts() -> None:
    with pytest.raises(CyclelabError, match=r"1 to 32"):
        read_pj_per_bit(device("hbm3-6400"), 33)


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("energy.currents.idd0_ma=50", r"an activation would cost nothing"),
        ("energy.currents.idd4r_ma=55", r"idd4r_ma.*no more than the standby"),
        ("energy.currents=null", r"either `currents` or `per_bit`"),
        ("energy.io_pj_per_bit.low=0.4", r"not in order"),
        ("energy.io_pj_per_bit=0.3", r"found 0.3, expected `number`, `low`"),
        ("energy.currents.quality=good", r"'published'|published"),
    ],
)
def test_energy_blocks_that_cannot_be(setting: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        device("hbm2-2000", setting)


def test_a_device_can_switch_its_source(tmp_path: Path) -> None:
    energy = (Path(__file__).parents[2] / "configs/dram/energy/fgdram.yaml").read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(f"extends: hbm2-2000\nname: mine\n{energy}")
    spec = validate(DramDeviceSpec, load_preset("dram", tmp_path / "mine.yaml"))
    assert read_pj_per_bit(spec).value == pytest.approx(3.59)
