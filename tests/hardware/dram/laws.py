"""What holds for every stream that a channel has served."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.channel import ChannelResult
from simulator.hardware.dram.names import COMMANDS
from simulator.hardware.dram.spec import DramDeviceSpec

Ints = NDArray[np.int64]
READS = (COMMANDS["RD"], COMMANDS["RDA"])
CLOSING = tuple(COMMANDS[name] for name in ("PRE", "PREA", "RDA", "WRA"))
WRITES = (COMMANDS["WR"], COMMANDS["WRA"])


def check_conservation(
    device: DramDeviceSpec, stream: Ints, result: ChannelResult, log: Ints
) -> None:
    """Every request is served exactly once, and every counter adds up."""
    asked = (stream[:, 1] == 0).sum(), (stream[:, 1] == 1).sum()
    commands = Counter({name: 0 for name in result.commands}) + Counter(result.commands)
    reads, writes = commands["RD"] + commands["RDA"], commands["WR"] + commands["WRA"]
    assert (result.reads, result.writes) == asked
    assert reads == result.reads - result.forwarded_reads
    assert writes == result.writes - result.coalesced_writes
    assert result.row_hits + result.row_misses + result.row_conflicts == reads + writes
    assert result.latency_counts.sum() == result.reads
    assert result.busy_cycles == (reads + writes) * device.burst_cycles
    assert len(log) == sum(commands.values())
    assert commands["ACT"] + commands["ACT1"] <= reads + writes
    check_places(stream, result, log)
    ticks = open_row_ticks(device, log, round(result.cycles * device.ticks_per_clock))
    assert result.row_open_cycles * device.ticks_per_clock == ticks


def open_row_ticks(device: DramDeviceSpec, log: Ints, end: int) -> int:
    """Ticks with at least one row open, rank by rank; rows left open count up to `end`."""
    counts = device.organisation.counts
    per_rank = counts.bank_groups * counts.banks_per_group
    opens = COMMANDS["ACT2"] if device.split_activation else COMMANDS["ACT"]
    scope_banks = (
        device.banks
        // {
            "channel": 1,
            "pseudo_channel": counts.pseudo_channels,
            "rank": counts.pseudo_channels * counts.ranks,
        }[device.refresh_scope]
    )
    open_banks: dict[int, set[int]] = {}
    since: dict[int, int] = {}
    total = 0
    for tick, command, bank, _ in log.tolist():
        if command == opens:
            if not open_banks.setdefault(bank // per_rank, set()):
                since[bank // per_rank] = tick
            open_banks[bank // per_rank].add(bank)
        elif command in CLOSING:
            closed = range(bank, bank + (scope_banks if command == COMMANDS["PREA"] else 1))
            for rank in {each // per_rank for each in closed}:
                was_open = bool(open_banks.get(rank))
                open_banks[rank] = open_banks.get(rank, set()) - set(closed)
                total += tick - since[rank] if was_open and not open_banks[rank] else 0
    return total + sum(max(0, end - since[rank]) for rank, banks in open_banks.items() if banks)


def check_places(stream: Ints, result: ChannelResult, log: Ints) -> None:
    """Column commands go to the rows that were asked for, no more often than that."""
    for op, kinds, spared in (
        (0, READS, result.forwarded_reads),
        (1, WRITES, result.coalesced_writes),
    ):
        asked = places(stream[stream[:, 1] == op], 2)
        served = places(log[np.isin(log[:, 1], kinds)], 2)
        missing = asked - served
        assert not served - asked, "column commands that nobody asked for"
        assert sum(missing.values()) == spared


def places(rows: Ints, first: int) -> Counter[tuple[int, ...]]:
    """How often each bank and row occur, in columns from `first` on."""
    return Counter(map(tuple, rows[:, first : first + 2].tolist()))
