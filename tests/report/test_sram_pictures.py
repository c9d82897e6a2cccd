"""Pictures of an array: what rows hold, and cycles by k, with what is in them."""

from __future__ import annotations

from functools import cache
from itertools import pairwise

import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from simulator.hardware.sram_pim.load import load_array
from simulator.lut_gemv import run_lut_gemv
from simulator.report.plots.sram_cycles import COLOURS as PHASE_COLOURS
from simulator.report.plots.sram_cycles import plot_sram_cycles
from simulator.report.plots.sram_rows import COLOURS, bands_of, plot_sram_rows, spread
from simulator.report.plots.style import image
from simulator.report.sram.result import SramRun

Case = tuple[str, int, int, int, tuple[str, ...]]
CASES: list[Case] = [
    # layout, k, n, batch, settings
    *(("bit_serial", 1024, 256, 1, (f"basis_weights={k}",)) for k in range(1, 6)),
    ("bit_serial", 1024, 256, 1, ("basis_weights=6", "rows=512")),
    ("bit_serial", 1000, 100, 8, ("weight_format=uint2",)),
    ("bit_serial", 10, 1, 20, ()),
    *(("bit_parallel", 4096, 4096, 8, (f"basis_weights={k}",)) for k in (1, 2, 4, 6, 7)),
    ("bit_parallel", 64, 30, 1, ()),
    ("bit_parallel", 64, 30, 40, ("basis_weights=8", "rows=264")),
]
IDS = [f"{case[0]} {case[1]}x{case[2]} B={case[3]} {','.join(case[4])}" for case in CASES]


@cache
def counted(case: Case) -> SramRun:
    layout, k, n, batch, settings = case
    return run_lut_gemv(load_array(f"256x256_{layout}", settings), k, n, batch)


@cache
def drawn(case: Case) -> Figure:
    return plot_sram_rows(counted(case))


def texts(figure: Figure) -> list[str]:
    """Everything that is written, apart from ticks."""
    return [text.get_text() for ax in figure.axes for text in ax.texts]


def bars(ax: Axes) -> list[tuple[float, float, float, float]]:
    """Left, right, top, bottom of broken bars, in the order they were drawn."""
    found = []
    for collection in ax.collections:
        if isinstance(collection, PolyCollection):
            for path in collection.get_paths():
                (left, top), (right, bottom) = path.vertices.min(axis=0), path.vertices.max(axis=0)
                found.append((left, right, top, bottom))
    return found


# -- rows ----------------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_rows_are_to_scale(case: Case) -> None:
    """Bars over the used columns cover every row once; others are hatched, over all rows."""
    run = counted(case)
    ax = drawn(case).axes[0]
    spec, chosen = run.spec, run.chosen
    assert ax.get_xlim() == (0, spec.columns) and ax.get_ylim() == (spec.rows, 0)
    width = 1 if spec.layout == "bit_serial" else chosen.entry_bits
    used = min(run.tile.n, chosen.outputs) * width
    inner = sorted((top, bottom) for left, _, top, bottom in bars(ax) if left == 0)
    reached = 0.0
    for top, bottom in inner:
        assert top == reached and bottom > top
        reached = bottom
    assert reached == spec.rows
    hatched = [box for box in bars(ax) if box[0] == used and box[2:] == (0, spec.rows)]
    assert hatched == ([(used, spec.columns, 0, spec.rows)] if used < spec.columns else [])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_row_has_a_name(case: Case) -> None:
    """Bands follow each other over the whole array, and their names keep apart."""
    run = counted(case)
    bands = bands_of(run)
    reached = 0
    for band in bands:
        assert band.first == reached and band.rows > 0
        reached += band.rows
    assert reached == run.spec.rows
    ax = drawn(case).axes[0]
    places = {text.get_text(): text.get_position()[1] for text in ax.texts}
    heights = [places[band.text] for band in bands]
    inches = ax.get_position().height * ax.figure.get_figheight()  # type: ignore[union-attr]
    apart = 0.19 * run.spec.rows / inches
    assert all(b - a >= apart for a, b in pairwise(heights))
    assert heights[0] >= 0 and heights[-1] <= run.spec.rows


def test_names_of_bands() -> None:
    serial = counted(("bit_serial", 1024, 256, 4, ("basis_weights=4",)))
    assert [(band.text, band.first, band.rows) for band in bands_of(serial)] == [
        ("table: 15 entries × 6 rows", 0, 90),
        ("4 sums × 22 rows", 90, 88),
        ("free: 76 rows, 3 more sums", 178, 76),
        ("zeros", 254, 1),
        ("carries, never read", 255, 1),
    ]
    parallel = counted(("bit_parallel", 1024, 256, 4, ("basis_weights=3",)))
    assert [(band.text, band.first, band.rows) for band in bands_of(parallel)] == [
        ("zeros", 0, 1),
        ("table: 7 entries × 1 row", 1, 7),
        ("3 weights of the next group", 8, 3),
        ("free: 245 rows", 11, 245),
    ]


def test_sums_are_named_by_their_row_of_inputs() -> None:
    written = texts(plot_sram_rows(counted(("bit_serial", 1024, 256, 4, ("basis_weights=4",)))))
    for row in range(4):
        assert f"row {row} of inputs" in written
    assert "row 4 of inputs" not in written


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_every_entry_is_in_the_table(case: Case) -> None:
    """Its rows stand beside it, and no entry is below the picture or right of it."""
    run = counted(case)
    figure = drawn(case)
    ax = figure.axes[1]
    written = {text.get_text() for text in ax.texts}
    table = [span for span in run.spans if span.use in ("weight", "entry")]
    assert len(table) == (1 << run.chosen.basis_weights) - 1
    for span in table:
        last = span.first + span.rows - 1
        assert (f"{span.first}–{last}" if span.rows > 1 else str(span.first)) in written
    right, bottom = ax.get_xlim()[1], ax.get_ylim()[0]
    assert all(box[1] <= right and box[3] <= bottom + 1e-9 for box in bars(ax))
    assert max(figure.get_size_inches()) < 20


def test_squares_are_the_weights_of_a_sum() -> None:
    """k = 2: entries 1, 2 and 3 have weights 0, 1 and both; a square for each weight."""
    case: Case = ("bit_serial", 16, 16, 1, ("basis_weights=2",))
    orange, blue = to_rgba(COLOURS["weight"]), to_rgba(COLOURS["entry"])
    filled = [
        [path.vertices[:, 0].min() for path in collection.get_paths()]
        for collection in drawn(case).axes[1].collections
        if tuple(collection.get_facecolor()[0]) in (orange, blue)  # type: ignore[index]
    ]
    squares, bits = filled[::2], filled[1::2]
    first, second = squares[2]
    assert squares == [[first], [second], [first, second]] and first < second
    assert [len(each) for each in bits] == [4, 4, 5], "the sign of a weight is not written twice"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([5.0, 50.0, 95.0], [5.0, 50.0, 95.0]),
        ([0.0, 0.0, 0.0], [2.0, 12.0, 22.0]),
        ([100.0, 100.0], [88.0, 98.0]),
        ([50.0, 51.0, 52.0], [50.0, 60.0, 70.0]),
    ],
)
def test_labels_keep_apart(wanted: list[float], expected: list[float]) -> None:
    assert spread(wanted, gap=10, low=2, high=98) == expected


# -- cycles --------------------------------------------------------------------------------
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_bars_are_the_phases(case: Case) -> None:
    """Four parts a bar add up to the cycles; where the table does not fit, a hatched frame."""
    run = counted(case)
    ax = plot_sram_cycles(run).axes[0]
    heights = [patch.get_height() for patch in ax.patches]  # type: ignore[attr-defined]
    hatched = [patch for patch in ax.patches if patch.get_hatch()]
    assert len(hatched) == sum(not choice.fits for choice in run.choices)
    parts = [patch for patch in ax.patches if not patch.get_hatch()]
    assert len(parts) == len(PHASE_COLOURS) * len(run.choices)
    scale = max(heights) / max(
        max(choice.phases.load, choice.phases.build, choice.phases.lookup, choice.phases.read_out)
        if choice.fits
        else choice.phases.total
        for choice in run.choices
    )
    for number, choice in enumerate(run.choices):
        own = parts[4 * number : 4 * number + 4]
        total = sum(patch.get_height() for patch in own)  # type: ignore[attr-defined]
        assert total == pytest.approx(choice.phases.total * scale)
        assert all((patch.get_alpha() or 1) == 1 for patch in own) == choice.fits
    marks = [text.get_text() for text in ax.texts]
    best = run.choices.index(run.best)
    assert [number for number, mark in enumerate(marks) if mark.endswith("best")] == [best]
    ticks = [label.get_text() for label in ax.get_xticklabels()]
    for tick, choice in zip(ticks, run.choices, strict=True):
        assert tick.startswith(f"{choice.basis_weights}\n") and ("needs" in tick) != choice.fits
        assert ("passes" in tick) == (choice.fits and choice.blocks.passes > 1)


@pytest.mark.parametrize("case", [CASES[0], CASES[6], CASES[-2]])
def test_pictures_are_the_same_every_time(case: Case) -> None:
    for plot in (plot_sram_rows, plot_sram_cycles):
        assert image(plot(counted(case)), "svg") == image(plot(counted(case)), "svg")
        assert image(plot(counted(case)), "png").startswith(b"\x89PNG")


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_bands_of_weights_sums_and_free_rows_are_in_the_legend(case: Case) -> None:
    """All but zeros and carries, a row each, which are named beside the array alone."""
    (legend,) = drawn(case).legends
    handles = [handle for handle in legend.legend_handles if handle is not None]
    colours = {to_rgba(handle.get_facecolor()) for handle in handles}  # type: ignore[attr-defined]
    used = {span.use for span in counted(case).spans} - {"zeros", "carry"}
    assert {to_rgba(COLOURS[use]) for use in used} <= colours
