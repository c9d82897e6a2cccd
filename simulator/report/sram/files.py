"""What `cyclelab sram --output DIR` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from simulator.report.files import ImageFormat, write_all, write_figure
from simulator.report.sram.document import choice_rows, row_rows, to_json
from simulator.report.sram.result import SramRun
from simulator.report.tables import csv_text


def write_outputs(run: SramRun, directory: str | Path, plots: bool = True) -> list[Path]:
    """Write result.json, choices.csv, rows.csv and the pictures into `directory`.

    Returns the paths, in that order. Raises CyclelabError if it cannot write.
    """
    return write_all(directory, _contents(run, plots))


def write_picture(run: SramRun, path: Path) -> None:
    """Draw the array's rows into a file; raises CyclelabError if it cannot be written."""
    from simulator.report.plots.sram_rows import plot_sram_rows

    write_figure(plot_sram_rows(run), path)


def _contents(run: SramRun, plots: bool) -> Iterator[tuple[str, bytes]]:
    yield "result.json", to_json(run).encode()
    yield "choices.csv", csv_text(choice_rows(run)).encode()
    yield "rows.csv", csv_text(row_rows(run)).encode()
    if not plots:
        return
    from simulator.report.plots.sram_cycles import plot_sram_cycles
    from simulator.report.plots.sram_rows import plot_sram_rows
    from simulator.report.plots.style import image

    for name, plot in (("rows", plot_sram_rows), ("cycles", plot_sram_cycles)):
        figure = plot(run)
        for kind in get_args(ImageFormat):
            yield f"{name}.{kind}", image(figure, kind)
