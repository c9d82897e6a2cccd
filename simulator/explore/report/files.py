"""What `cyclelab sweep --output DIR` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from simulator.config import CyclelabError
from simulator.explore.analysis.table import point_rows, sensitivity_rows
from simulator.explore.report.page import CAPTIONS, sweep_page
from simulator.explore.sweep.outcome import SweepResult
from simulator.report.files import write_all
from simulator.report.tables import csv_text


def write_sweep(found: SweepResult, directory: str | Path, plots: bool = True) -> list[Path]:
    """Write tables, pictures and a page about a sweep into `directory`, made if missing.

    points.csv, pareto.csv, sensitivity.csv, the pictures as PNG and SVG, and report.html.
    Pictures that a sweep has not, such as the heat map of a single axis, are left out.
    Each file is written whole or not at all. Returns the paths; raises CyclelabError if it
    cannot write.
    """
    return write_all(directory, _contents(found, plots))


def _contents(found: SweepResult, plots: bool) -> Iterator[tuple[str, bytes]]:
    """File names with their bytes, made one after the other."""
    base, goals = found.baseline, list(found.sweep.objectives)
    every = point_rows(found.points, base, goals)
    front = {point.number for point in found.pareto}
    chosen = [row for row, point in zip(every, found.points, strict=True) if point.number in front]
    yield "points.csv", csv_text(every).encode()
    yield "pareto.csv", csv_text(chosen).encode()
    yield "sensitivity.csv", csv_text(sensitivity_rows(found.sensitivity())).encode()
    pictures: dict[str, str] = {}
    for name, png, svg in _pictures(found) if plots else ():
        pictures[name] = svg.decode()
        yield f"{name}.png", png
        yield f"{name}.svg", svg
    yield "report.html", sweep_page(found, pictures).encode()


def _pictures(found: SweepResult) -> Iterator[tuple[str, bytes, bytes]]:
    """Names with PNG and SVG of all pictures that there is something to show in."""
    from simulator.report.plots.style import image

    if not found.pareto:
        return
    for name in CAPTIONS:
        try:
            figure = found.plot(name)
        except CyclelabError:  # says why there is nothing to draw
            continue
        yield name, image(figure, "png"), image(figure, "svg")
