"""Finds what is illegal in a log of commands of units: their order, moments, one row buffer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.names import MOMENTS
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram.checker import violations
from tests.hardware.dram.rows import COLUMN
from tests.hardware.dram.table import BANK, Entry, Table

Ints = NDArray[np.int64]
WORK = ("GWRITE", "PIM_HEADER", "COMP", "READRES", "COMPS_READRES")
"""Commands that come once per input, tile, product or result; rows may be opened again."""


class Work(NamedTuple):
    """A run, and the tick at which the units were given it."""

    submitted: int
    run: Run


class Step(NamedTuple):
    """A command that the units owe. comps: of the segment that it is part of."""

    work: int
    command: str
    bank: int
    row: int
    comps: int = 0


def unit_violations(device: DramDeviceSpec, log: Ints, work: Sequence[Work]) -> list[str]:
    """A line for each rule that a command of the log breaks, those of plain logs included."""
    table = Table(device)
    entries = table.entries(log)
    owed = list(steps(device, work))
    done = [entry for entry in entries if entry.command in WORK]
    found = violations(device, log)
    if disorder := order_violations(done, owed, work):
        return found + disorder
    found += moment_violations(table, entries, done, owed)
    if device.pim.row_buffers == 1:
        found += shut_out_violations(entries, done, owed, work)
    return found


def steps(device: DramDeviceSpec, work: Sequence[Work]) -> Iterator[Step]:
    """What the units do for some runs, in order."""
    pim = device.pim
    for index, (_, run) in enumerate(work):
        for _ in range(run.inputs):
            yield Step(index, "GWRITE", run.input_bank, run.input_row)
        for row in range(run.first_row, run.first_row + run.tiles):
            yield Step(index, "PIM_HEADER", 0, row)
            for _ in range(run.segments):
                if pim.composite:
                    yield Step(index, "COMPS_READRES", 0, row, run.comps)
                    continue
                yield from [Step(index, "COMP", 0, row, run.comps)] * run.comps
                yield from [Step(index, "READRES", 0, row, run.comps)] * pim.results


def order_violations(
    done: Sequence[Entry], owed: Sequence[Step], work: Sequence[Work]
) -> list[str]:
    """Runs, tiles and segments are served in order, each once, and not before they are there."""
    for entry, step in zip(done, owed, strict=False):
        if (entry.command, entry.bank, entry.row) != (step.command, step.bank, step.row):
            return [f"{entry} instead of {step}"]
        if entry.tick <= work[step.work].submitted:
            return [f"{entry} before its run was there at {work[step.work].submitted}"]
    if len(done) != len(owed):
        return [f"{len(done)} commands of units, expected {len(owed)}"]
    return []


def moment_violations(
    table: Table, entries: Sequence[Entry], done: Sequence[Entry], owed: Sequence[Step]
) -> list[str]:
    """Every command against the moments that commands of units before it have led to."""
    found = []
    place = {entry: at for at, entry in enumerate(entries)}
    for cause, name, tick in moments(table, done, owed):
        needs = table.needs[table.befores.index(name), :, BANK]
        last = tick + int(needs.max())
        for entry in entries[place[cause] + 1 :]:
            if entry.tick >= last:
                break
            need = int(needs[table.befores.index(entry.command)])
            if need and entry.tick < tick + need:
                found.append(f"{entry} within {need} ticks of {name} at {tick}")
    return found


def moments(
    table: Table, done: Sequence[Entry], owed: Sequence[Step]
) -> Iterator[tuple[Entry, str, int]]:
    """The command that leads to a moment, its name, its tick."""
    assert set(MOMENTS) == {"FIRST_COMP", "COMPS_DONE"}
    pim = table.device.pim
    interval, pipeline = table.ticks(pim.comp_interval), table.ticks(pim.pipeline)
    before = ""
    for entry, step in zip(done, owed, strict=True):
        if entry.command == "COMP" and before != "COMP":
            yield entry, "FIRST_COMP", entry.tick
        if entry.command == "COMPS_READRES":
            yield entry, "COMPS_DONE", entry.tick + max(step.comps * interval, pipeline)
        before = entry.command


def shut_out_violations(
    entries: Sequence[Entry], done: Sequence[Entry], owed: Sequence[Step], work: Sequence[Work]
) -> list[str]:
    """With one row buffer no request is served from the units' beginning until they are done."""
    found = []
    for first, last in periods(done, owed, work):
        found += [
            f"{entry} while the units work from {first} to {last}"
            for entry in entries
            if entry.command in COLUMN and first <= entry.tick <= last
        ]
    return found


def periods(
    done: Sequence[Entry], owed: Sequence[Step], work: Sequence[Work]
) -> list[tuple[int, int]]:
    """First and last tick of work, over runs that were there before the last had ended."""
    found: list[tuple[int, int]] = []
    run = -1
    for entry, step in zip(done, owed, strict=True):
        if step.work != run and (not found or work[step.work].submitted >= found[-1][1]):
            found.append((entry.tick, entry.tick))
        run = step.work
        found[-1] = (found[-1][0], entry.tick)
    return found
