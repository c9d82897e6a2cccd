"""The page of a sweep: whole, self-contained, and true to the points."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from simulator.explore.report.files import write_sweep
from simulator.explore.report.page import MOST_ROWS, sweep_page
from simulator.explore.sweep.outcome import SweepResult
from tests.explore.points import result
from tests.explore.test_sweep_pictures import AXES, figures

WRITTEN = {
    "name": "made",
    "experiment": {"machine": "npu_w8a8", "workload": {"model": "llama-2-7b", "layers": 2}},
    "axes": {
        "rows": {"key": "machine.core.matrix_units.0.rows", "values": [16, 32, 64]},
        "kind": {"cases": [{"name": "a", "set": {"one.key": 1}}, {"name": "b", "set": {"x.y": 2}}]},
        "batch": [1, 8],
    },
    "when": ["rows > 8"],
    "equal": {"area": {"kind": "a"}},
}


def made(**more: Any) -> SweepResult:
    own = {"written": WRITTEN, "notes": ("Of <two> layers.",), "settings": ("workload.batch=2",)}
    return result(AXES, figures, **{**own, **more})


class _Balanced(HTMLParser):
    """Collects tags that are left open, and whatever a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "xlink:href") and not (value or "").startswith(
                ("#", "data:")
            ):
                self.loads.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag


def test_everything_is_written_and_the_page_needs_nothing_else(tmp_path: Path) -> None:
    names = [path.name for path in write_sweep(made(), tmp_path)]
    kinds = ("front", "heat_map", "parallel", "sensitivity", "relative")
    pictures = [f"{kind}.{form}" for kind in kinds for form in ("png", "svg")]
    assert names == ["points.csv", "pareto.csv", "sensitivity.csv", *pictures, "report.html"]
    page = (tmp_path / "report.html").read_text("utf-8")
    parser = _Balanced()
    parser.feed(page)
    assert not parser.open and not parser.loads
    assert page.count("<svg") == len(kinds)
    assert "http" not in re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)


def test_without_pictures_there_are_tables_and_the_page(tmp_path: Path) -> None:
    names = [path.name for path in write_sweep(made(), tmp_path, plots=False)]
    assert names == ["points.csv", "pareto.csv", "sensitivity.csv", "report.html"]


def test_the_page_says_what_was_swept_and_how_to_run_it() -> None:
    page = sweep_page(made(constraints=("area_mm2 <= 5",)), {})
    for text in (
        "Made up",
        "Of &lt;two&gt; layers.",
        "machine.core.matrix_units.0.rows",
        "one.key, x.y",
        "machine npu_w8a8, model llama-2-7b, layers 2",
        "rows &gt; 8",
        "area_mm2 &lt;= 5",
        "least time, least energy",
        "main units of all points have the area (mm²) of those with kind a",
        "cyclelab sweep made.yaml --set workload.batch=2 --output report",
        "cyclelab sweep made.sqlite --output report",
        "cyclelab 1+abc",
    ):
        assert text in page


def test_failures_stand_with_their_message_once() -> None:
    def most_fail(labels: dict[str, Any]) -> dict[str, float] | str:
        return "too <large>" if labels["rows"] > 16 else {"seconds": 1.0, "energy_j": 1.0}

    page = sweep_page(result(AXES, most_fail), {})
    assert page.count("too &lt;large&gt;") == 1
    assert "rows 32, kind a, batch 1" in page
    assert '<td class="n wide"' not in page


def test_many_points_stay_in_the_table_of_points() -> None:
    axes: dict[str, list[Any]] = {"rows": list(range(1, MOST_ROWS + 2))}
    page = sweep_page(result(axes, lambda own: {"seconds": own["rows"], "energy_j": 1.0}), {})
    assert "points.csv has them" in page
    assert page.count("<tr>") < 20


@pytest.mark.parametrize("state", ["open", "failed"])
def test_a_sweep_of_which_nothing_ran_is_a_page(state: str, tmp_path: Path) -> None:
    found = result(AXES, lambda own: "no room")
    if state == "open":
        from dataclasses import replace

        points = [replace(point, state="open", error=None) for point in found.points]
        found = SweepResult(found.sweep, found.store, found.version, points)
    names = [path.name for path in write_sweep(found, tmp_path)]
    assert names == ["points.csv", "pareto.csv", "sensitivity.csv", "report.html"]
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "No point was run that keeps all constraints." in page
    assert ("12 points were not run yet" in page) == (state == "open")


def test_a_sweep_of_an_earlier_layout_of_facts_is_a_page() -> None:
    page = sweep_page(result(AXES, figures), {})
    assert "made.yaml</summary>" not in page
