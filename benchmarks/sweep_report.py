"""How long it takes to say what a sweep found: front, sensitivities, pictures and page.

python benchmarks/sweep_report.py [COUNT]   # points, whose figures follow from their labels
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from simulator.explore.report.page import CAPTIONS
from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.point import DONE, Point
from simulator.explore.sweep.store import StoredSweep

KINDS = (1, 2, 3, 4)


def made_up(count: int) -> SweepResult:
    """Rows × columns × kinds of arrays."""
    side = max(2, round((count / len(KINDS)) ** 0.5))
    sizes = list(range(8, 8 * side + 8, 8))
    axes: dict[str, list[Any]] = {"rows": sizes, "columns": sizes, "kind": list(KINDS)}
    goals = {"seconds": "min", "energy_j": "min", "area_mm2": "min"}
    points = []
    for number, (rows, columns, kind) in enumerate(product(*axes.values())):
        area = rows * columns * (1 + kind / 7)
        figures = {"seconds": 1 / (area * kind), "energy_j": area**0.5 * kind, "area_mm2": area}
        labels = {"rows": rows, "columns": columns, "kind": kind}
        points.append(Point(number, labels, DONE, 0.1, None, figures, True))
    sweep = StoredSweep(1, "made", "Made up", axes, (), goals)
    return SweepResult(sweep, Path("made.sqlite"), "made", points)


def timed(what: str, of: Callable[[], Any]) -> None:
    start = time.process_time()
    of()
    print(f"{what}: CPU {time.process_time() - start:.2f} s")


def main(count: int) -> None:
    found = made_up(count)
    print(f"{len(found.points):,} points")
    timed("Pareto front", lambda: found.pareto)
    timed("sensitivities of 3 objectives", found.sensitivity)
    for kind in CAPTIONS:
        timed(f"picture {kind}", partial(found.plot, kind))
    with tempfile.TemporaryDirectory() as folder:
        timed("all files", lambda: found.write(folder))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
