"""Units in the banks as the arrays that the compiled loop reads."""

from __future__ import annotations

import numpy as np

from simulator.hardware.dram.geometry import Geometry
from simulator.hardware.dram.kernel.layout import RUN_FIELDS, Ints
from simulator.hardware.dram.names import RANK
from simulator.hardware.dram.spec import DramDeviceSpec, level_index

PIM_RING = 64
"""Runs that the queue of a channel's units holds."""
PIM_CONSTANTS = (
    "buffers", "composite", "corrected", "runs", "groups", "closes", "from_row", "input", "comp",
    "pipeline", "results", "ranks", "fit_precharge", "fit_activate", "fit_first", "fit_comp",
    "fit_least", "fit_result", "fit_closed", "fit_other", "slack_any", "slack_activate",
    "slack_precharge", "fit_tests", "announces", "double", "enter", "leave",
    "finishes", "register_row",
)  # fmt: skip


def pim_constants(device: DramDeviceSpec, geometry: Geometry) -> dict[str, int]:
    """Constants of the units, in the layout's order; 0 without any, but for divisors."""
    pim = device.pim
    if pim is None:
        return {name: int(name in ("groups", "closes", "ranks")) for name in PIM_CONSTANTS}
    counts, slack, fit = geometry.counts, pim.slack, pim.fit_test
    mode = pim.mode

    def ticks(expression: str) -> int:
        return device.cycles(expression) * device.ticks_per_clock

    closed_row = device.timing_of("nRP") + device.timing_of("nRCD", "nRCDRD")
    other_row = closed_row + device.timing_of("nRTP", "nRTPL")
    values = (
        pim.row_buffers,
        int(pim.composite),
        int(pim.timing == "corrected"),
        PIM_RING,
        geometry.banks // counts[level_index(pim.activate_scope)],
        geometry.banks // counts[level_index(pim.precharge_scope)],
        int(pim.input == "row"),
        *(ticks(each) for each in (pim.input_latency, pim.comp_interval, pim.pipeline)),
        pim.results,
        counts[RANK],
        *(
            (ticks(each) for each in (fit.precharge, fit.activate, fit.first, fit.comp))
            if fit
            else (0,) * 4
        ),
        device.cycles(fit.least_comps) if fit else 0,
        ticks(fit.result) if fit else 0,
        closed_row * device.ticks_per_clock,
        other_row * device.ticks_per_clock,
        *(
            (ticks(each) for each in (slack.any, slack.activate, slack.precharge))
            if slack
            else (0,) * 3
        ),
        int(fit is not None),
        int("PIM_HEADER" in device.commands),
        int(pim.double_buffered),
        mode.enter if mode else 0,
        mode.leave if mode else 0,
        int(pim.finish_tiles),
        register_row(device),
    )
    return dict(zip(PIM_CONSTANTS, values, strict=True))


def register_row(device: DramDeviceSpec) -> int:
    """The row of every bank through which registers are written; -1 if none is needed."""
    pim = device.pim
    if pim is None or pim.input != "registers":
        return -1
    return device.organisation.counts.rows - 1


def expected_tile_ticks(
    device: DramDeviceSpec, geometry: Geometry, segments: int, comps: int
) -> int:
    """Ticks that the fit test expects of a tile with all rows of the last one open.

    0 without a fit test: refreshes interrupt tiles, which go on behind them.
    """
    c = pim_constants(device, geometry)
    groups = geometry.banks // c["groups"]
    if not c["fit_tests"]:
        return 0
    ticks = geometry.banks * c["fit_precharge"] + c["fit_first"]
    ticks += max(0, groups // c["ranks"] - 1) * c["fit_activate"]
    if c["corrected"]:
        return ticks + segments * (max(comps * c["comp"], c["pipeline"]) + c["fit_result"])
    announced = max(1 << (segments * comps - 1).bit_length(), c["fit_least"])
    results = (1 << (segments - 1).bit_length()) - 1
    return ticks + announced * c["fit_comp"] + results * c["fit_result"]


def new_pim_state(device: DramDeviceSpec, geometry: Geometry, scopes: int) -> list[Ints]:
    """Rows open for the units, all closed, and room for their runs."""
    pim = device.pim
    if pim is None:
        return [np.zeros(0, dtype=np.int64)] * 4
    groups = geometry.counts[level_index(pim.activate_scope)]
    sizes = (groups, scopes, PIM_RING * RUN_FIELDS)
    closed = np.full(geometry.banks, -1, dtype=np.int64)
    return [closed, *(np.zeros(size, dtype=np.int64) for size in sizes)]
