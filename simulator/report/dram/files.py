"""What `cyclelab dram --output DIR` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from simulator.report.dram.document import to_json
from simulator.report.dram.result import TraceRun
from simulator.report.files import ImageFormat, write_all, write_figure


def write_outputs(run: TraceRun, directory: str | Path, plots: bool = True) -> list[Path]:
    """Write result.json and the pictures into `directory`, which is made if missing.

    Returns the paths, in that order. Raises CyclelabError if it cannot write.
    """
    return write_all(directory, _contents(run, plots))


def write_picture(run: TraceRun, path: Path) -> None:
    """Draw the activity of banks into a file; raises CyclelabError if it cannot be written."""
    from simulator.report.plots.bank_activity import plot_bank_activity

    write_figure(plot_bank_activity(run), path)


def _contents(run: TraceRun, plots: bool) -> Iterator[tuple[str, bytes]]:
    yield "result.json", to_json(run).encode()
    if not plots:
        return
    from simulator.report.plots.bank_activity import plot_bank_activity
    from simulator.report.plots.latency import plot_latency
    from simulator.report.plots.style import image

    for name, plot in (("bank_activity", plot_bank_activity), ("latency", plot_latency)):
        figure = plot(run)
        for kind in get_args(ImageFormat):
            yield f"{name}.{kind}", image(figure, kind)
