"""Pictures of traces: what they show adds up, and they are drawn for any trace."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.collections import QuadMesh

from simulator.report.dram.activity import bank_activity
from simulator.report.dram.result import TraceRun
from simulator.report.plots.bank_activity import plot_bank_activity
from simulator.report.plots.latency import latency_bins, plot_latency
from simulator.report.plots.style import image
from tests.report.dram.runs import ONE, simulated

RUNS = [
    ("mixed", 3000, "hbm2-2000", ()),
    ("stream", 1, "hbm3-6400", ()),
    ("conflict", 300, "ddr4-3200", ("controller.refresh=none",)),
    ("rotation", 3000, "hbm2-2000", ("controller.refresh=per_bank",)),
    ("sparse", 50, "lpddr5-6400", ("controller.page=closed",)),
    ("one_group", 500, "ddr4-3200", ("device.organisation.counts.bank_groups=16",)),
]


@pytest.mark.parametrize("case", RUNS, ids=[case[0] for case in RUNS])
@pytest.mark.parametrize("plot", [plot_bank_activity, plot_latency])
def test_pictures_are_drawn(case: tuple[str, int, str, tuple[str, ...]], plot: object) -> None:
    run = simulated(*case[:3], *case[3])
    assert callable(plot)
    data = image(plot(run), "png")
    assert data[:8] == b"\x89PNG\r\n\x1a\n" and data == image(plot(run), "png")


@pytest.mark.parametrize("case", RUNS, ids=[case[0] for case in RUNS])
def test_what_is_shown_adds_up(case: tuple[str, int, str, tuple[str, ...]]) -> None:
    run = simulated(*case[:3], *case[3])
    activity = bank_activity(run)
    seconds = np.diff(activity.edges_s)
    assert activity.edges_s[0] == 0 and activity.edges_s[-1] == pytest.approx(run.seconds)
    moved = ((activity.read + activity.write) * seconds).sum()
    # The last bin may be shorter than what its rate is taken over.
    assert moved <= run.moved_bytes * 1.0001
    assert moved + seconds.max() * run.peak_bytes_per_s >= run.moved_bytes
    assert (activity.bus.sum(axis=0) <= 1.001 * pseudo_channels(run)).all()
    assert (activity.read + activity.write <= 1.001 * run.peak_bytes_per_s).all()
    assert (activity.refreshing >= 0).all() and (activity.refreshing <= 1).all()
    assert sum(size for _, size in activity.groups) == len(activity.bus)


def pseudo_channels(run: TraceRun) -> int:
    return run.device.organisation.counts.pseudo_channels * run.trace.channels


def test_rows_are_banks_by_the_parts_they_are_in() -> None:
    activity = bank_activity(simulated("stream", 600, "hbm2-2000"))
    assert len(activity.bus) == 32 and activity.level == "bank"
    assert activity.groups[:2] == [("pc 0 bg 0", 4), ("pc 0 bg 1", 4)]
    assert activity.groups[-1] == ("pc 1 bg 3", 4)
    assert activity.borders == [16]
    assert activity.bus[:16].any() and not activity.bus[16:].any()


def test_many_banks_are_shown_by_their_groups() -> None:
    run = simulated("stream", 600, "hbm2-2000", channels=16)
    activity = bank_activity(run)
    assert (activity.level, len(activity.bus)) == ("bank_group", 128)
    assert activity.groups[3] == ("ch 3", 8)
    single = bank_activity(simulated("stream", 600, "hbm2-2000"))
    assert activity.bus[:4].sum() == pytest.approx(single.bus[:16].sum())


def test_refreshes_take_their_share() -> None:
    run = simulated("stream", 20_000, "hbm2-2000", ONE)
    activity = bank_activity(run)
    share = np.average(activity.refreshing.mean(axis=0), weights=np.diff(activity.edges_s))
    assert share == pytest.approx(350 * run.refreshes / run.cycles, rel=0.01)
    maps = [
        mesh
        for axes in plot_bank_activity(run).axes
        for mesh in axes.collections
        if isinstance(mesh, QuadMesh)
    ]
    assert len(maps) >= 4, "two maps with refreshes over them"


def test_latency_bins_hold_all_reads() -> None:
    run = simulated("mixed", 3000, "hbm2-2000")
    edges, counts = latency_bins(run)
    assert counts.sum() == run.total.reads and counts[0] and counts[-1]
    assert (np.diff(edges) > 0).all()
    assert edges[0] < run.nanoseconds(run.total.latency_mean_cycles) < edges[-1]


def test_no_reads() -> None:
    assert len(image(plot_latency(simulated("writes", 5, "hbm2-2000")), "png")) > 1000
