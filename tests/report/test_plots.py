import struct
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection, PolyCollection

from simulator.report import plots
from simulator.report.plots.points import Point, clear_share
from simulator.report.plots.roofline import roofline_points
from simulator.report.plots.style import INCH_PER_CHARACTER, image
from simulator.report.plots.window import choose_window, skipped_repeats, window_bars
from simulator.report.result import Result
from tests.report.cases import one_operator
from tests.report.factory import make_result

ALL = [getattr(plots, name) for name in plots.__all__]


@pytest.mark.parametrize("plot", ALL)
def test_png_is_an_image_with_ink(result: Result, plot: object) -> None:
    assert callable(plot)
    figure = plot(result)
    data = image(figure, "png")
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    assert width > 500 and height > 200
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba()).reshape(-1, 4)
    coloured = np.ptp(pixels[:, :3].astype(int), axis=1) > 60
    assert coloured.mean() > 0.001


@pytest.mark.parametrize("plot", ALL)
def test_equal_results_give_equal_bytes(result: Result, plot: object) -> None:
    assert callable(plot)
    assert image(plot(result), "svg") == image(plot(result), "svg")


@pytest.mark.parametrize("plot", ALL)
def test_no_picture_fails_on_a_lone_operator(plot: object) -> None:
    assert callable(plot)
    for run in (
        one_operator("compute", 1000, {"drain": 10}),
        one_operator("vector", 100, {}, macs=0, read=0, memory_bound=0, kind="vector"),
    ):
        assert len(image(plot(run), "png")) > 1000


def test_time_bars_stack_to_the_phase(result: Result) -> None:
    figure = plots.plot_time_by_operator(result)
    assert len(figure.axes) == 2
    for axes, unit, cycles in zip(
        figure.axes,
        (1e3, 1e3),
        (result.phases[0].cycles, sum(p.cycles for p in result.phases[1:])),
        strict=True,
    ):
        assert axes.get_xlabel() == "time (ms)"
        total = sum(bar.get_width() for bar in axes.patches)  # type: ignore[attr-defined]
        assert total == pytest.approx(cycles / result.machine["clock_hz"] * unit, rel=1e-6)


def test_roofline_has_every_operator_under_the_roof(result: Result) -> None:
    points = roofline_points(result)
    (axes,) = plots.plot_roofline(result).axes
    scatters = [c for c in axes.collections if isinstance(c, PathCollection)]
    assert len(scatters) == 2
    assert sum(len(c.get_offsets()) for c in scatters) == len(points)  # type: ignore[arg-type]
    peak = 2 * 32768 * result.machine["clock_hz"]
    for point in points:
        roof = min(peak, point.intensity * result.machine["memory_bandwidth_bytes_per_s"])
        assert point.value <= roof * 1.0001
    low, high = axes.get_xlim()
    assert all(low < p.intensity < high for p in points)
    labels = [text.get_text() for text in axes.texts]
    assert sum(label.startswith("gate_up_proj") for label in labels) == 2


def test_names_of_roofs_keep_clear_of_points(result: Result) -> None:
    """A text goes along its line to where no point is; to the middle if none is near."""
    (axes,) = plots.plot_roofline(result).axes
    line = [(1.0, 1e12), (100.0, 1e14)]
    assert clear_share(axes, line, "memory", [], []) == 0.5
    there = [Point("decode", "gemm", 10.0, 1e13, 0.5)]
    share = clear_share(axes, line, "memory", there, [])
    (x0, y0), (x1, y1) = axes.transData.transform(line) / axes.figure.dpi
    assert abs(share - 0.5) * np.hypot(x1 - x0, y1 - y0) > 0.5 * 6 * INCH_PER_CHARACTER


def test_timeline_rows_are_queues(result: Result) -> None:
    (axes,) = plots.plot_timeline(result).axes
    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows == ["operator", "core0.load", "core0.matrix", "core0.vector", "core0.store"]
    assert sum(isinstance(c, PolyCollection) for c in axes.collections) == len(rows)


def test_what_ends_first_is_on_top_in_a_timeline(result: Result) -> None:
    """Transfers in flight overlap; the one that moves must not hide behind those that wait."""
    (axes,) = plots.plot_timeline(result).axes
    rows = [each for each in axes.collections if isinstance(each, PolyCollection)]
    for row in rows[-len(axes.get_yticks()) :]:
        ends = [path.vertices[:, 0].max() for path in row.get_paths()]
        assert ends == sorted(ends, reverse=True)


def test_timeline_of_a_chosen_window(result: Result) -> None:
    decode = result.phases[1]
    figure = plots.plot_timeline(
        result, "decode[0]", decode.start_cycle, decode.start_cycle + 94_000
    )
    (axes,) = figure.axes
    assert axes.get_xlim() == pytest.approx((0, 100))
    assert axes.get_xlabel().endswith("(µs)")
    assert axes.get_title(loc="left").startswith("Timeline of decode[0]")


def test_timeline_without_tiles_shows_units() -> None:
    (axes,) = plots.plot_timeline(make_result(layers=1, window=False)).axes
    assert "systolic_array" in [label.get_text() for label in axes.get_yticklabels()]


def test_labels_of_the_overview_do_not_overlap(result: Result) -> None:
    figure = plots.plot_overview(result)
    figure.canvas.draw()
    assert len(figure.axes) == 5
    for axes in figure.axes:
        boxes = [
            text.get_window_extent()
            for text in [*axes.texts, axes.title, axes._left_title]  # type: ignore[attr-defined]
            if text.get_text() and not text.get_rotation()
        ]
        for number, box in enumerate(boxes):
            assert not any(box.overlaps(other) for other in boxes[number + 1 :])
        assert inside(axes)


def inside(axes: Axes) -> bool:
    """Whether tick labels and axis labels are on the page."""
    page = axes.figure.bbox
    tight = axes.get_tightbbox()
    return tight is not None and bool(
        tight.x0 >= page.x0 and tight.y0 >= page.y0 and tight.x1 <= page.x1 + 8
    )


def test_plots_import_matplotlib_late_and_pyplot_never() -> None:
    code = (
        "import sys, simulator.report.plots, simulator.report.files, simulator.report.result\n"
        "assert 'matplotlib' not in sys.modules and 'pandas' not in sys.modules\n"
        "from tests.report.factory import make_result\n"
        "simulator.report.plots.plot_overview(make_result(layers=1))\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pictures_show_themselves_in_a_notebook(result: Result) -> None:
    picture = plots.plot_roofline(result)
    assert picture._repr_png_() == image(picture, "png")  # type: ignore[attr-defined]


def test_a_result_is_one_line_in_a_console(result: Result) -> None:
    assert f"{result.cycles:,} cycles" in repr(result)
    assert len(repr(result)) < 200 and "\n" not in repr(result)


def test_skipped_repeats_are_marked(result: Result) -> None:
    window = choose_window(result)
    bars = window_bars(result, window)
    cut = (window.start + window.cycles // 4, window.start + window.cycles // 2)
    kept = [b for b in bars if b.row == "operator" or b.end <= cut[0] or b.start >= cut[1]]
    assert skipped_repeats(result, bars, window) == []
    ((start, end),) = skipped_repeats(result, kept, window)
    assert cut[0] - window.cycles // 20 <= start <= cut[0]
    assert cut[1] <= end <= cut[1] + window.cycles // 20
    everything = replace(result, simulation={"skipped_commands": 0})
    assert skipped_repeats(everything, kept, window) == []


def test_default_window_is_the_first_layer(result: Result) -> None:
    window = choose_window(result)
    first = [op for op in result.operators if op.phase == "prefill" and op.block == "layers"]
    assert (window.phase, window.block) == ("prefill", "layers.0")
    assert window.cycles == sum(op.exclusive_cycles for op in first if op.instance == 0)
