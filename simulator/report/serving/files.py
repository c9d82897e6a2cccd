"""What `cyclelab serve --output DIR` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from simulator.report.files import ImageFormat, write_all, write_figure
from simulator.report.serving.document import to_json
from simulator.report.serving.result import ServingResult
from simulator.report.serving.tables import iteration_rows, request_rows
from simulator.report.tables import csv_text


def write_outputs(result: ServingResult, directory: str | Path, plots: bool = True) -> list[Path]:
    """Write result.json, iterations.csv, requests.csv and the pictures into `directory`.

    Returns the paths, in that order. Raises CyclelabError if it cannot write.
    """
    return write_all(directory, _contents(result, plots))


def write_picture(result: ServingResult, path: Path) -> None:
    """Draw the run over time into a file; raises CyclelabError if it cannot be written."""
    from simulator.report.plots.serving import plot_serving

    write_figure(plot_serving(result), path)


def _contents(result: ServingResult, plots: bool) -> Iterator[tuple[str, bytes]]:
    yield "result.json", to_json(result).encode()
    yield "iterations.csv", csv_text(iteration_rows(result)).encode()
    yield "requests.csv", csv_text(request_rows(result)).encode()
    if not plots:
        return
    from simulator.report.plots.serving import plot_serving
    from simulator.report.plots.style import image

    figure = plot_serving(result)
    for kind in get_args(ImageFormat):
        yield f"serving.{kind}", image(figure, kind)
