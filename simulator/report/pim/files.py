"""What `cyclelab pim --output DIR` writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from simulator.report.files import ImageFormat, write_all, write_figure
from simulator.report.pim.document import to_json
from simulator.report.pim.result import PimRun
from simulator.report.pim.spans import UNIT_COMMANDS, window_of

BUS, BANKS, UNITS = 1, 2, 3
"""Process ids of the timeline: the command bus, rows of the banks, rows of their units."""


def write_outputs(run: PimRun, directory: str | Path, plots: bool = True) -> list[Path]:
    """Write result.json, timeline.json and the pictures into `directory`.

    Returns the paths, in that order. Raises CyclelabError if it cannot write.
    """
    return write_all(directory, _contents(run, plots))


def write_picture(run: PimRun, path: Path) -> None:
    """Draw the timeline into a file; raises CyclelabError if it cannot be written."""
    from simulator.report.plots.pim_timeline import plot_pim_timeline

    write_figure(plot_pim_timeline(run), path)


def timeline_json(run: PimRun) -> str:
    """The commands of the log in Chrome's trace event format, for https://ui.perfetto.dev."""
    window = window_of(run)
    microseconds = run.device.timing.clock_ps * 1e-6
    events: list[dict[str, Any]] = []
    for pid, name in ((BUS, "command bus"), (BANKS, "rows of banks"), (UNITS, "rows of units")):
        events.append({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}})
    buses = {name: command.bus for name, command in run.device.commands.items()}
    kinds = ["requests and refresh", "units"]
    if "row" in buses.values():
        kinds = [f"{kind}, {bus} bus" for bus in ("column", "row") for kind in kinds]
    for number, kind in enumerate(kinds):
        events.append(
            {"ph": "M", "name": "thread_name", "pid": BUS, "tid": number, "args": {"name": kind}}
        )
    for each in window.commands:
        track = int(each.name in (*UNIT_COMMANDS, "PIM_PRECHARGE"))
        track += 2 * int(buses[each.name] == "row")
        arguments = {"cycle": each.cycle, "bank": each.banks[0], "row": each.row}
        start = each.cycle * microseconds
        events.append(
            {"ph": "X", "name": each.name, "pid": BUS, "tid": track, "ts": start}
            | {"dur": microseconds, "args": arguments}
        )
    for row in window.rows:
        events.append(
            {"ph": "X", "name": f"row {row.row}", "pid": UNITS if row.units else BANKS}
            | {"tid": row.bank, "ts": row.start * microseconds}
            | {"dur": (row.end - row.start) * microseconds}
        )
    lines = ",\n".join(json.dumps(event) for event in events)
    return f'{{"displayTimeUnit": "ns", "traceEvents": [\n{lines}\n]}}\n'


def _contents(run: PimRun, plots: bool) -> Iterator[tuple[str, bytes]]:
    yield "result.json", to_json(run).encode()
    yield "timeline.json", timeline_json(run).encode()
    if not plots:
        return
    from simulator.report.plots.pim_timeline import plot_pim_timeline
    from simulator.report.plots.style import image

    figure = plot_pim_timeline(run)
    for kind in get_args(ImageFormat):
        yield f"timeline.{kind}", image(figure, kind)
