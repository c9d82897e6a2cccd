"""Every pair of commands of NeuPIMs' published simulator, against what the kernel lets through.

The published table says how long a bank waits for a command, by where it lies from the bank
that the command before went to. Our commands go to all banks that take part, so that the
longest of these delays counts: from any bank of the first to any bank of the second.
"""

from __future__ import annotations

import csv
from functools import cache
from itertools import product
from pathlib import Path

import pytest

from tests.hardware.dram.pim.mixes import NAMES, pim_device
from tests.hardware.dram.rows import COLUMN
from tests.hardware.dram.test_constraints import START, Clockwork

PAIRS = Path(__file__).with_name("neupims_pairs.csv")
COLUMNS = {"hbm2-neupims-dual": "dual", "hbm2-newton-single": "single"}
OURS = {
    "ACTIVATE": "ACT",
    "PRECHARGE": "PRE",
    "READ": "RD",
    "WRITE": "WR",
    "READ_PRECHARGE": "RDA",
    "WRITE_PRECHARGE": "WRA",
    "REFRESH": "REFab",
    "GWRITE": "GWRITE",
    "G_ACT": "G_ACT",
    "COMP": "COMP",
    "READRES": "READRES",
    "COMPS_READRES": "COMPS_READRES",
    "PIM_PRECHARGE": "PIM_PRECHARGE",
}
NOT_OURS = {
    "SREF_ENTER": "no controller policy enters self-refresh",
    "SREF_EXIT": "as SREF_ENTER",
    "REFRESH_BANK": "the published controller refreshes whole ranks",
    "PWRITE": "no part of the published mapping, nor of ours",
}
NEW = {
    "PREA": "the published controller closes banks one by one",
    "PIM_HEADER": "the published one waits for the input in its queue's logic",
}
"""Commands of ours that the published table does not have; what they wait for is ours too."""
DIFFERENT = {
    ("GWRITE", "GWRITE"): "the same bank's inputs also share the one buffer of the vector",
    ("GWRITE", "RDA"): "as GWRITE, RD: the row buffer and the bus know nothing of the precharge",
    ("GWRITE", "WRA"): "as GWRITE, WR",
    ("COMP", "RDA"): "as COMP, RD: data bus",
    ("COMP", "WRA"): "as COMP, WR: data bus",
    ("READRES", "RDA"): "as READRES, RD: data bus",
    ("READRES", "WRA"): "as READRES, WR: data bus",
    ("COMPS_READRES", "RDA"): "as COMPS_READRES, RD: data bus",
    ("COMPS_READRES", "WRA"): "as COMPS_READRES, WR: data bus",
}
"""Pairs for which we have the longer delay, and why."""


@cache
def published(name: str) -> dict[tuple[str, str, str], int]:
    """Delays by our commands and the place of the second bank from the first."""
    lines = [line for line in PAIRS.read_text().splitlines() if not line.startswith("#")]
    return {
        (OURS[row["prev_cmd"]], OURS[row["next_cmd"]], row["scope"]): int(row[COLUMNS[name]])
        for row in csv.DictReader(lines)
        if row["prev_cmd"] in OURS and row["next_cmd"] in OURS
    }


def places(first: int, second: int) -> tuple[str, ...]:
    """What the published table calls the place of a bank from another, of 16 in a rank."""
    if first // 16 != second // 16:
        return ("other_ranks",)
    if first // 4 != second // 4:
        return "other_bankgroups_same_rank", "same_rank"
    if first != second:
        return "other_banks_same_bankgroup", "same_rank"
    return "same_bank", "same_rank"


def expected(name: str, before: str, after: str, first: range, second: range) -> int:
    """The longest published delay from a bank to a bank; 0 if there is none."""
    table = published(name)
    delays = [
        table.get((before, after, place), 0)
        for one, other in product(first, second)
        for place in places(one, other)
    ]
    return max(0, *delays)


@cache
def clockwork(name: str) -> Clockwork:
    return Clockwork(pim_device(name, "as_published"))


def waits(name: str, before: str, after: str) -> list[tuple[int, int]]:
    """Cycles that the kernel has a command wait, and those published, for all places.

    But not for a column command to a bank that has just closed itself: it never comes.
    """
    clock = clockwork(name)
    table, found = clock.table, []
    for source in clock.sources(before):
        clock.reset()
        clock.issue(before, source, START)
        first = range(source, source + table.banks_of(before))
        for target in clock.targets(after):
            if before in ("RDA", "WRA") and after in COLUMN and target == source:
                continue
            second = range(target, target + table.banks_of(after))
            wait = max(0, clock.legal_from(after, target) - START)
            found.append((wait, expected(name, before, after, first, second)))
    return found


def test_the_copy_of_the_published_table_is_whole() -> None:
    lines = [line for line in PAIRS.read_text().splitlines() if not line.startswith("#")]
    rows = list(csv.DictReader(lines))
    assert len(rows) == 208
    assert {row[key] for row in rows for key in ("prev_cmd", "next_cmd")} == {*OURS, *NOT_OURS}
    changed = [row for row in rows if row["single"] != row["dual"]]
    assert len(changed) == sum(int(row["changed"]) for row in rows) == 19


@pytest.mark.parametrize("name", NAMES)
def test_every_published_pair_waits_as_long_as_published(name: str) -> None:
    """Earliest legal cycles; where we differ on purpose, ours are the longer."""
    found = {pair: waits(name, *pair) for pair in product(OURS.values(), repeat=2)}
    wrong = {
        pair: sorted(set(cycles))
        for pair, cycles in found.items()
        if any(ours != theirs for ours, theirs in cycles)
    }
    assert {pair: wrong[pair] for pair in wrong if pair not in DIFFERENT} == {}
    assert set(wrong) == set(DIFFERENT)
    assert all(ours >= theirs for pair in wrong for ours, theirs in wrong[pair])


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_one_kind_wait_alike_with_and_without_a_precharge(name: str) -> None:
    """The pairs that the published table leaves out are as those with RD and WR."""
    for before in ("GWRITE", "COMP", "READRES", "COMPS_READRES"):
        for plain, closing in (("RD", "RDA"), ("WR", "WRA")):
            assert waits_of(name, before, closing) == waits_of(name, before, plain)


def waits_of(name: str, before: str, after: str) -> list[int]:
    return [ours for ours, _ in waits(name, before, after)]


@pytest.mark.parametrize("name", NAMES)
def test_what_the_published_table_does_not_have(name: str) -> None:
    """The input is there before a tile is announced; PREA closes as PRE, opens as PRE."""
    assert waits_of(name, "GWRITE", "PIM_HEADER") == [96] * len(waits(name, "GWRITE", "PIM_HEADER"))
    commands = clockwork(name).table.device.commands
    others = [each for each in commands if each != "GWRITE"]
    assert not any(waits_of(name, each, "PIM_HEADER")[0] for each in others)
    assert set(commands) == {*OURS.values(), *NEW}
    in_rank = {"ACT": 34, "RD": 5, "WR": 22, "GWRITE": 96, "REFab": 260}
    for before, cycles in in_rank.items():
        assert max(waits_of(name, before, "PREA")) == cycles
    assert max(waits_of(name, "PREA", "ACT")) == max(waits_of(name, "PREA", "REFab")) == 14
