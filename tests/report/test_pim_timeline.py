"""The timeline of a channel whose banks compute: intervals that can be, and add up."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from itertools import pairwise

import pytest

from simulator.gemv import SETTINGS, simulate_gemv
from simulator.hardware.dram.load import load_channel
from simulator.hardware.dram.pim.gemv import GemvLayout
from simulator.report.pim.files import timeline_json
from simulator.report.pim.result import PimRun
from simulator.report.pim.spans import window_of
from simulator.report.plots.pim_timeline import plot_pim_timeline
from simulator.report.plots.style import image

DUAL, SINGLE = "hbm2-neupims-dual", "hbm2-newton-single"
CASES = [
    # device, outputs, inputs, segment, reads beside, settings
    (DUAL, 100, 600, 200, True, ()),
    (DUAL, 300, 1000, None, False, ()),
    (DUAL, 900, 512, 128, True, ("controller.refresh=all_bank",)),
    (DUAL, 33, 520, None, False, ("device.pim.timing=as_published",)),
    (SINGLE, 300, 600, 200, True, ()),
    (SINGLE, 64, 1300, None, False, ("controller.refresh=none",)),
    (SINGLE, 1, 1, None, False, ()),
    ("hbm2-samsung-pim", 130, 700, None, False, ()),
    ("hbm3-attacc-bank", 600, 300, None, False, ("controller.refresh=all_bank",)),
    ("hbm3-attacc-bank-group", 300, 128, None, True, ()),
    ("hbm3-attacc-buffer", 65, 129, None, False, ("controller.refresh=none",)),
]
IDS = [f"{case[0]} {case[1]}x{case[2]}" for case in CASES]
Case = tuple[str, int, int, int | None, bool, tuple[str, ...]]
Spans = Iterable[tuple[float, float]]


@cache
def simulated(case: Case) -> PimRun:
    device, outputs, inputs, segment, reads, settings = case
    defaults = {key: (key, value) for key, value in SETTINGS.items()}
    setup = load_channel(device, list(settings), defaults)
    return simulate_gemv(GemvLayout(setup.spec.device, outputs, inputs, segment), setup, reads)


def check_apart(spans: Spans) -> None:
    """Intervals have a length, and none begins before the one before has ended."""
    ordered = sorted(spans)
    assert all(start < end for start, end in ordered)
    for (_, end), (start, _) in pairwise(ordered):
        # Times are in microseconds: a cycle is 0.001 of them, and roundings are far less.
        assert start > end - 1e-9


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_events_of_a_track_do_not_overlap(case: Case) -> None:
    """As Chrome reads them: complete events, each on a process and thread of its own."""
    run = simulated(case)
    document = json.loads(timeline_json(run))
    tracks = defaultdict(list)
    names = set()
    for event in document["traceEvents"]:
        if event["ph"] == "M":
            names.add(event["args"]["name"])
            continue
        assert event["ph"] == "X" and event["ts"] >= 0 and event["dur"] > 0
        tracks[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"]))
    assert names >= {"command bus", "rows of banks", "rows of units"}
    for spans in tracks.values():
        check_apart(spans)
    # One command a cycle on a bus, whoever it is for; two tracks for each bus.
    for bus in range(2):
        of_bus = [spans for (pid, tid), spans in tracks.items() if pid == 1 and tid // 2 == bus]
        check_apart([span for spans in of_bus for span in spans])
    ends = [end for spans in tracks.values() for _, end in spans]
    cycle = run.device.timing.clock_ps * 1e-6
    assert max(ends) < (run.result.cycles + 1.5) * cycle, "a command in the last cycle has its own"


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_all_commands_of_a_short_run_are_shown(case: Case) -> None:
    run = simulated(case)
    window = window_of(run)
    found: dict[str, int] = defaultdict(int)
    for each in window.commands:
        found[each.name] += 1
    counted = {name: count for name, count in run.result.commands.items() if name in found}
    assert sum(found.values()) < 4000, "nothing of it is left out"
    assert found == counted
    assert window.end_cycles <= run.result.cycles
    refreshes = sum(count for name, count in found.items() if name.startswith("REF"))
    assert len(window.refreshes) == refreshes


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_rows_are_open_as_long_as_the_channel_says(case: Case) -> None:
    """A rank with at least one row open, of either kind, counts."""
    run = simulated(case)
    rows = window_of(run).rows
    counts = run.device.organisation.counts
    ranks = counts.pseudo_channels * counts.ranks
    banks = run.device.banks // ranks
    total = 0.0
    for rank in range(ranks):
        spans = sorted((row.start, row.end) for row in rows if row.bank // banks == rank)
        reached = 0.0
        for start, end in spans:
            total += max(0.0, end - max(start, reached))
            reached = max(reached, end)
    # The window ends with the last command, the run when its result is out.
    rest = ranks * (run.result.cycles - window_of(run).end_cycles)
    assert total <= run.result.row_open_cycles + 1e-6 <= total + rest + 2


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_units_multiply_as_long_as_they_do(case: Case) -> None:
    """Intervals do not overlap and add up to a COMP's time each, shorter last chunks included."""
    run = simulated(case)
    assert run.device.pim is not None
    computing = window_of(run).computing
    check_apart(computing)
    interval = run.device.cycles(run.device.pim.comp_interval)
    assert sum(end - start for start, end in computing) == run.result.comps * interval


@pytest.mark.parametrize(
    "case", [CASES[2], CASES[6], *CASES[7:9]], ids=["long", "a single sum", "modes", "two buses"]
)
def test_pictures_are_drawn(case: Case) -> None:
    data = image(plot_pim_timeline(simulated(case)), "png")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_picture_is_the_same_every_time() -> None:
    run = simulated(CASES[0])
    assert image(plot_pim_timeline(run), "svg") == image(plot_pim_timeline(run), "svg")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_shares_of_the_time_are_shares(case: Case) -> None:
    shares = simulated(case).shares
    assert all(0 <= share <= 1 for share in shares.values())
    assert sum(shares.values()) == pytest.approx(1)


def test_a_picture_of_a_part_says_so() -> None:
    """4,000 commands of a run that has more."""
    long = simulated(("hbm2-neupims-dual", 2048, 1024, 128, False, ()))
    title = plot_pim_timeline(long).axes[0].get_title(loc="left")
    end = window_of(long).end_cycles
    assert title.endswith(
        f": the first 4,000 commands, {end:,.0f} of {long.result.cycles:,.0f} cycles"
    )
    assert end < long.result.cycles
    assert "first" not in plot_pim_timeline(simulated(CASES[0])).axes[0].get_title(loc="left")
