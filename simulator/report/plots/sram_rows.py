"""What the rows of an SRAM array hold: the array to scale, and its table entry by entry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.hardware.sram_pim.layouts import RowSpan
from simulator.numerics import format_named
from simulator.report.plots.style import (
    BLUE,
    GREEN,
    GREY,
    LIGHT,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    label_inches,
    new_figure,
    place,
    styled,
)
from simulator.report.sram.result import SramRun
from simulator.report.units import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ARRAY_WIDTH, HEIGHT = 3.0, 6.4
BELOW, ABOVE, GAP = 0.85, 0.35, 0.25
LABEL_INCHES = 0.2
"""Between labels beside the array, at least."""
NAME_INCHES = 1.0
"""Room for a name in a sum's rows."""
COLUMN_ENTRIES, MANY_ENTRIES = 32, 64
"""Entries below each other in the table's details, of tables of at most `MANY_ENTRIES`; of
larger ones as many as that. More stand in columns beside."""
HEADING = 0.45
SQUARE = 0.17
BAR_WIDTH = 1.05
SMALL = 7.5
COLOURS = {
    "weight": ORANGE,
    "entry": BLUE,
    "sum": GREEN,
    "zeros": PURPLE,
    "carry": PURPLE,
    "next_weight": SKY,
    "free": "#f3f5f7",
}
EMPTY = "#eef1f4"
HATCH = "////"
FAINT = 0.3
"""Of rows that a weight leaves unwritten."""


@dataclass(frozen=True, slots=True)
class Band:
    """Rows that one label beside the array is for."""

    first: int
    rows: int
    text: str

    @property
    def middle(self) -> float:
        """Where its label would best be."""
        return self.first + self.rows / 2


@styled
def plot_sram_rows(run: SramRun) -> Figure:
    """One array in its first pass: rows downwards, columns to the right, and its table.

    Rows of weights, sums of weights, accumulators and free ones are to scale. Beside them
    stands every entry of the table with the weights that it is the sum of and its rows.
    """
    bands = bands_of(run)
    labels = label_inches([band.text for band in bands]) * SMALL / 9 + 0.35
    details = _details_inches(run)
    margin = label_inches([str(run.spec.rows)]) + 0.3
    left = margin + ARRAY_WIDTH + labels + GAP
    figure = new_figure(left + details + GAP, BELOW + HEIGHT + ABOVE)
    array = place(figure, margin, BELOW, ARRAY_WIDTH, HEIGHT)
    _draw_array(array, run)
    _draw_labels(array, run, bands)
    table = place(figure, left, BELOW, details, HEIGHT)
    _draw_table(table, run, details)
    spec = run.spec
    k = run.chosen.basis_weights
    array.set_title(f"{spec.rows} × {spec.columns} {spec.layout}: rows with k = {k}")
    table.set_title("The table, entry by entry")
    _legend(figure, run)
    return figure


def _legend(figure: Figure, run: SramRun) -> None:
    from matplotlib.patches import Patch

    used = {span.use for span in run.spans}
    texts = {"weight": "a weight", "entry": "a sum of weights, made by an addition"}
    texts |= {"sum": "an accumulator of every output", "next_weight": "weights of the next group"}
    texts["free"] = "free"
    handles = [Patch(color=COLOURS[use], label=text) for use, text in texts.items() if use in used]
    if any(span.bits < span.rows for span in run.spans if span.use == "weight"):
        signed = format_named(run.spec.weight_format).signed
        instead = "the sign is read again" if signed else "zeros are read instead"
        unwritten = Patch(color=ORANGE, alpha=FAINT, label=f"not written: {instead}")
        handles.insert(1, unwritten)
    figure.legend(
        handles=handles, loc="lower left", ncols=len(handles), handlelength=0.9, handleheight=0.9
    )


# -- the array ----------------------------------------------------------------------------
def bands_of(run: SramRun) -> list[Band]:
    """Rows to be named beside the array, from the first to the last."""
    k, spans = run.chosen.basis_weights, run.spans
    serial = run.spec.layout == "bit_serial"
    table = [span for span in spans if span.use in ("weight", "entry")]
    each = f"{len(table)} entries × {_plural(table[0].rows, 'row')}"
    one = f"table: 1 weight, {_plural(table[0].rows, 'row')}"
    found = [_band(table, f"table: {each}" if len(table) > 1 else one)]
    sums = [span for span in spans if span.use == "sum"]
    if sums:
        text = f"{_plural(len(sums), 'sum')} × {_plural(sums[0].rows, 'row')}"
        found.append(_band(sums, text))
    names = {"zeros": "zeros", "carry": "carries, never read"}
    found += [_band([span], names[span.use]) for span in spans if span.use in names]
    room = [span for span in spans if span.use == "next_weight"]
    if room:
        found.append(_band(room, f"{_plural(k, 'weight')} of the next group"))
    more = run.chosen.largest_batch - run.chosen.blocks.batch if serial else 0
    for span in spans:
        if span.use == "free":
            text = f"free: {_plural(span.rows, 'row')}"
            found.append(_band([span], text + (f", {_plural(more, 'more sum')}" if more else "")))
    return sorted(found, key=lambda band: band.first)


def _plural(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def _band(spans: list[RowSpan], text: str) -> Band:
    return Band(spans[0].first, spans[-1].first + spans[-1].rows - spans[0].first, text)


def _draw_array(ax: Axes, run: SramRun) -> None:
    """Spans as bands; columns without an output are pale and hatched."""
    spec, outputs = run.spec, min(run.tile.n, run.chosen.outputs)
    width = 1 if spec.layout == "bit_serial" else run.chosen.entry_bits
    used = outputs * width
    for span in run.spans:
        _draw_span(ax, run, span, used, run.chosen.outputs * width)
    empty = spec.columns - used
    if empty:
        ax.broken_barh(
            [(used, empty)],
            (0, spec.rows),
            facecolors="none",
            edgecolor=GREY,
            hatch=HATCH,
            linewidth=0,
        )
    taken = sum(span.rows for span in run.spans if span.use != "free")
    if width > 1:
        lines = [output * width for output in range(1, outputs)]
        ax.vlines(lines, 0, taken, colors="white", linewidth=0.5)
    ax.set_xlim(0, spec.columns)
    ax.set_ylim(spec.rows, 0)
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    ax.locator_params(integer=True)
    ax.set_ylabel("row", color=MUTED)
    words = f"columns: {_plural(outputs, 'output')}" + (f" of {width} bits" if width > 1 else "")
    ax.set_xlabel(words + (f", {count(empty)} unused (hatched)" if empty else ""), color=MUTED)


def _draw_span(ax: Axes, run: SramRun, span: RowSpan, used: int, held: int) -> None:
    """Rows over the columns `used`; up to `held` others could have outputs, too."""
    per_inch = run.spec.rows / HEIGHT
    filled = min(span.bits, span.rows) if span.use in ("weight", "entry") else span.rows
    line = 0.4 if span.rows > 0.04 * per_inch and span.use != "free" else 0.0
    box: dict[str, Any] = {"edgecolor": "white", "linewidth": line}
    colour, rows = COLOURS[span.use], (span.first, filled)
    ax.broken_barh([(0, used)], rows, facecolors=colour, **box)
    if held > used:
        ax.broken_barh([(used, held - used)], rows, facecolors=colour, alpha=FAINT, **box)
    if filled < span.rows:
        rest = (span.first + filled, span.rows - filled)
        ax.broken_barh([(0, used)], rest, facecolors=ORANGE, alpha=FAINT, linewidth=0)
    wide = used / run.spec.columns * ARRAY_WIDTH > NAME_INCHES
    if span.use == "sum" and wide and span.rows > 0.16 * per_inch:
        name = f"row {span.number} of inputs" if run.chosen.blocks.batch > 1 else "sums"
        middle = span.first + span.rows / 2
        ax.text(used / 2, middle, name, ha="center", va="center", color=LIGHT, fontsize=SMALL)


def _draw_labels(ax: Axes, run: SramRun, bands: list[Band]) -> None:
    """Names to the right of the array, apart from each other, with lines to their rows."""
    rows, columns = run.spec.rows, run.spec.columns
    gap = LABEL_INCHES * rows / HEIGHT
    places = spread([band.middle for band in bands], gap, gap / 2, rows - gap / 2)
    per_inch = columns / ARRAY_WIDTH
    for band, y in zip(bands, places, strict=True):
        ends = [columns, columns + 0.1 * per_inch, columns + 0.25 * per_inch]
        ax.plot(ends, [band.middle, band.middle, y], color=MUTED, linewidth=0.7, clip_on=False)
        edge, inset = columns + 0.05 * per_inch, min(0.02 * rows / HEIGHT, band.rows / 4)
        ax.plot(
            [edge, edge],
            [band.first + inset, band.first + band.rows - inset],
            color=MUTED,
            linewidth=1.6,
            solid_capstyle="butt",
            clip_on=False,
        )
        ax.text(columns + 0.29 * per_inch, y, band.text, va="center", fontsize=SMALL)


def spread(wanted: list[float], gap: float, low: float, high: float) -> list[float]:
    """Places in ascending order, `gap` apart between `low` and `high`, near those wanted."""
    places: list[float] = []
    for number, place_wanted in enumerate(wanted):
        after = places[-1] + gap if places else low
        last = high - gap * (len(wanted) - 1 - number)
        places.append(max(after, min(place_wanted, last)))
    return places


# -- the table ----------------------------------------------------------------------------
def _details_inches(run: SramRun) -> float:
    return _columns(run) * _column_inches(run)


def _columns(run: SramRun) -> int:
    return -(-_entries(run) // _below(run))


def _entries(run: SramRun) -> int:
    return (1 << run.chosen.basis_weights) - 1


def _below(run: SramRun) -> int:
    """Entries of a column."""
    return COLUMN_ENTRIES if _entries(run) <= MANY_ENTRIES else MANY_ENTRIES


def _column_inches(run: SramRun) -> float:
    k = run.chosen.basis_weights
    return _numbers_inches(run) + k * SQUARE + 0.12 + _bar_inches(run) + 0.3


def _numbers_inches(run: SramRun) -> float:
    """Room for the numbers of an entry's rows."""
    last = str(run.spec.rows)
    return 0.25 + 0.06 * len(f"{last}–{last}" if run.spec.layout == "bit_serial" else last)


def _bar_inches(run: SramRun) -> float:
    return BAR_WIDTH if _entries(run) <= MANY_ENTRIES else 0.65 * BAR_WIDTH


def _draw_table(ax: Axes, run: SramRun, inches: float) -> None:
    """Entries below each other: rows, a square per weight that is in the sum, and the bits."""
    table = [span for span in run.spans if span.use in ("weight", "entry")]
    below = _below(run)
    step = min(0.3, (HEIGHT - HEADING) / min(len(table), below))
    column = _column_inches(run)
    ax.set_xlim(0, inches)
    ax.set_ylim(HEIGHT, 0)
    ax.axis("off")
    for number, span in enumerate(table):
        x = number // below * column
        y = HEADING + (number % below + 0.5) * step
        if number % below == 0:
            _draw_heading(ax, run, x)
        _draw_entry(ax, run, span, x, y, step)


def _draw_heading(ax: Axes, run: SramRun, x: float) -> None:
    k = run.chosen.basis_weights
    start = x + _numbers_inches(run)
    style: dict[str, Any] = {"fontsize": SMALL, "color": MUTED, "va": "bottom"}
    ax.text(start - 0.1, 0.4, "rows", ha="right", **style)
    for weight in range(k):
        centre = start + (weight + 0.5) * SQUARE
        ax.text(centre, 0.4, str(weight), ha="center", **style)
    ax.text(start + k * SQUARE / 2, 0.24, "weights", ha="center", **style)
    ax.text(start + k * SQUARE + 0.12, 0.4, "bits, lowest first", ha="left", **style)


def _draw_entry(ax: Axes, run: SramRun, span: RowSpan, x: float, y: float, step: float) -> None:
    k, bits = run.chosen.basis_weights, run.chosen.entry_bits
    start, tall = x + _numbers_inches(run), 0.72 * step
    last = span.first + span.rows - 1
    rows = str(span.first) if span.rows == 1 else f"{span.first}–{last}"
    size = min(SMALL, step * 72 * 0.75)
    ax.text(start - 0.1, y, rows, ha="right", va="center", fontsize=size)
    colour, height = COLOURS[span.use], (y - tall / 2, tall)
    squares = [(start + weight * SQUARE + 0.02, SQUARE - 0.04) for weight in range(k)]
    for chosen, shade in ((1, colour), (0, EMPTY)):
        those = [place for bit, place in enumerate(squares) if span.number >> bit & 1 == chosen]
        ax.broken_barh(those, height, facecolors=shade, linewidth=0)
    left, each = start + k * SQUARE + 0.12, _bar_inches(run) / bits
    cells = [(left + bit * each, each * 0.9) for bit in range(bits)]
    ax.broken_barh(cells[: span.bits], height, facecolors=colour, linewidth=0)
    ax.broken_barh(cells[span.bits :], height, facecolors=colour, alpha=FAINT, linewidth=0)
