"""Finds what is illegal in what units with registers do: their order, what goes on beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram.checker import violations
from tests.hardware.dram.table import Entry, Table

Ints = NDArray[np.int64]


class Owed(NamedTuple):
    """What runs lead to. rows: of every COMP. results: COMPs behind which sums are read out.

    first: the COMP that each run begins with.
    """

    rows: list[int]
    results: list[int]
    first: list[int]


def owed(runs: Sequence[Run]) -> Owed:
    """COMPs and results of some runs, one by one."""
    rows: list[int] = []
    results: list[int] = []
    first: list[int] = []
    held = 0
    for run in runs:
        first.append(len(rows))
        for tile in range(run.tiles):
            for segment in range(run.segments):
                rows += [run.first_row + tile] * run.comps
                if run.keeps:
                    continue
                held += 1
                last = tile + 1 == run.tiles and segment + 1 == run.segments
                if last or held >= run.sums:
                    results.append(len(rows) - 1)
                    held = 0
    return Owed(rows, results, first)


def register_violations(device: DramDeviceSpec, log: Ints, runs: Sequence[Run]) -> list[str]:
    """A line for each rule that a log breaks. All runs were there before the first command."""
    pim, work = device.pim, owed(runs)
    entries = Table(device).entries(log)
    by_name: dict[str, list[Entry]] = {}
    for entry in entries:
        by_name.setdefault(entry.command, []).append(entry)
    comps, loads = by_name.get("COMP", []), by_name.get("GWRITE", [])
    results = by_name.get("READRES", [])
    found = violations(device, log)
    if [entry.row for entry in comps] != work.rows:
        return [*found, "COMPs in another order, or not all of them"]
    if len(loads) != sum(run.inputs for run in runs):
        found.append(f"{len(loads)} bursts of vectors")
    if len(results) != len(work.results) * pim.results:
        return [*found, f"{len(results)} READRES behind {len(work.results)} readings of sums"]
    place = {entry: at for at, entry in enumerate(entries)}
    ticks = [place[entry] for entry in comps]
    found += _loads_in_time([place[each] for each in loads], ticks, runs, work, pim.double_buffered)
    found += _results_in_time(
        [place[each] for each in results], ticks, work, pim.results, pim.double_buffered
    )
    return found + _modes(device, entries)


def _loads_in_time(
    loads: list[int], comps: list[int], runs: Sequence[Run], work: Owed, beside: bool
) -> list[str]:
    """A vector is there before its first COMP, and does not replace one that is in use."""
    found, begin = [], 0
    for number, run in enumerate(runs):
        own = loads[begin : begin + run.inputs]
        begin += run.inputs
        in_use = number - (1 if beside else 0)  # the run whose vector it replaces ends before
        earliest = comps[work.first[in_use] - 1] if in_use > 0 else -1
        if any(not earliest < at < comps[work.first[number]] for at in own):
            found.append(f"the vector of run {number} is loaded too early or too late")
    return found


def _results_in_time(
    results: list[int], comps: list[int], work: Owed, each: int, beside: bool
) -> list[str]:
    """Sums leave behind their last COMP, before others take their registers."""
    found = []
    for number, comp in enumerate(work.results):
        own = results[number * each : (number + 1) * each]
        following = comp + 1
        if beside:  # in registers of their own until the next sums are due
            following = next(iter(work.results[number + 1 :]), len(comps))
        latest = comps[following] if following < len(comps) else max(*results, *comps) + 1
        if any(not comps[comp] < at < latest for at in own):
            found.append(f"results {number} are read out too early or too late")
    return found


def _modes(device: DramDeviceSpec, entries: list[Entry]) -> list[str]:
    """The memory is in the units' mode from before their first command to behind the last."""
    mode = device.pim.mode
    if mode is None:
        return []
    kinds = ("PIM_MODE", "G_ACT", "GWRITE", "COMP", "READRES")
    names = [entry.command for entry in entries if entry.command in kinds]
    inside = names[mode.enter : len(names) - mode.leave]
    outside = names[: mode.enter] + names[len(names) - mode.leave :]
    wrong = "PIM_MODE" in inside or set(outside) != {"PIM_MODE"}
    return ["the mode changes at another time"] if wrong else []
