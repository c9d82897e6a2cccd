"""Operators as points over operational intensity: marks, and names that cover nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator.report.plots.style import INCH_PER_CHARACTER, PAPER, SEQUENCE

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS = "oDs^v"
CLUSTER_INCHES = 0.3
MIN_LABELLED_SHARE = 0.005
LABEL_POINTS = 7.5
LABEL_SCALE = 0.78
"""Width of a name of that size, of one in the house's size."""
CLEARANCE_INCHES = 0.02
STEPS = 150
MARK_INCHES, LINE_INCHES = 0.12, 0.18
"""Half a large mark; a line of text."""
BOX_STEPS = 10
"""A box counts as so many places and one."""
SHARES = (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8)
LABEL_OFFSETS = (
    *((8, 0), (8, -10), (-8, -10), (8, -20), (-8, -20), (-8, 0)),
    *((0, -14), (0, 14), (8, -30), (-8, -30), (0, -24), (-8, 14), (8, 14)),
)
"""Places for a label around its point, in points; tried in this order."""

LabelBox = tuple[float, float, float, float]
"""Left, bottom, right, top in inches."""


@dataclass(slots=True)
class Point:
    """An operator of a phase.

    intensity: operations per byte of main memory. value: operations per second or per
        joule. share: of the time or of the energy of its phase group, 0 to 1.
    """

    phase: str
    name: str
    intensity: float
    value: float
    share: float


def draw_points(ax: Axes, points: Sequence[Point], phases: Sequence[str]) -> None:
    """A mark per point, its area growing with the share; a colour and a shape per phase."""
    for number, phase in enumerate(p for p in phases if any(q.phase == p for q in points)):
        own = [p for p in points if p.phase == phase]
        ax.scatter(
            [p.intensity for p in own],
            [p.value for p in own],
            s=[24 + 220 * p.share for p in own],
            c=SEQUENCE[number % len(SEQUENCE)],
            marker=MARKERS[number % len(MARKERS)],
            edgecolors=PAPER,
            linewidths=0.6,
            alpha=0.85,
            label=phase,
            zorder=3,
        )


def name_series(figure: Figure, ax: Axes, left: float, bottom: float) -> None:
    """A legend of the marks on a line below the axes (inches), where none is taken for a point."""
    handles, labels = ax.get_legend_handles_labels()
    if not handles:
        return
    width, height = figure.get_size_inches()
    figure.legend(
        handles,
        labels,
        loc="lower left",
        bbox_to_anchor=(left / width, bottom / height),
        ncols=len(handles),
        markerscale=0.8,
        handletextpad=0.3,
        columnspacing=1.2,
        borderpad=0,
    )


def clear_share(
    ax: Axes,
    line: Sequence[tuple[float, float]],
    text: str,
    points: Sequence[Point],
    boxes: Sequence[LabelBox],
    size: float = 1.0,
) -> float:
    """How far along a line between two places (in data) a text above it covers least.

    Of points and of boxes; 0 to 1, the nearest to the middle of equal ones. size: of the
    text, against the house's.
    """
    inches = ax.figure.get_dpi()
    (x0, y0), (x1, y1) = ax.transData.transform(line) / inches
    length = math.hypot(x1 - x0, y1 - y0)
    along = ((x1 - x0) / length, (y1 - y0) / length)
    half = size * len(text) * INCH_PER_CHARACTER / 2
    places = [tuple(ax.transData.transform((p.intensity, p.value)) / inches) for p in points]
    for left, bottom, right, top in boxes:
        steps = (left + i * (right - left) / BOX_STEPS for i in range(BOX_STEPS + 1))
        places += [(x, (bottom + top) / 2) for x in steps]

    def met(share: float) -> int:
        found = 0
        for x, y in places:
            ahead = (x - x0) * along[0] + (y - y0) * along[1] - share * length
            above = (y - y0) * along[0] - (x - x0) * along[1]
            near = -MARK_INCHES < above < LINE_INCHES + MARK_INCHES
            found += near and abs(ahead) < half + MARK_INCHES
        return found

    on_line = [share for share in SHARES if half <= share * length <= length - half]
    return min(on_line or SHARES[:1], key=met)


def name_points(
    ax: Axes,
    points: Sequence[Point],
    obstacles: Sequence[LabelBox],
    thin: Sequence[LabelBox] = (),
) -> None:
    """Name the largest point of each cluster, where its name covers nothing else.

    thin: lines that a name may cross rather than be left out.
    """
    inches = ax.figure.get_dpi()
    places = {id(p): ax.transData.transform((p.intensity, p.value)) / inches for p in points}
    taken = [*obstacles, *(_around(x, y, 0.05) for x, y in places.values())]
    left = sorted(points, key=lambda p: -p.share)
    while left and left[0].share >= MIN_LABELLED_SHARE:
        head = left[0]
        x, y = places[id(head)]
        near = [
            p
            for p in left
            if p.phase == head.phase
            and abs(places[id(p)][0] - x) < CLUSTER_INCHES
            and abs(places[id(p)][1] - y) < CLUSTER_INCHES
        ]
        left = [p for p in left if p not in near]
        text = head.name if len(near) == 1 else f"{head.name} + {len(near) - 1} more"
        _write_beside(ax, text, (head.intensity, head.value), taken, thin)


def _write_beside(
    ax: Axes,
    text: str,
    point: tuple[float, float],
    taken: list[LabelBox],
    thin: Sequence[LabelBox],
) -> None:
    """Write a text beside a point, inside the axes and clear of all that is `taken`, if it fits.

    The place that it takes is added to `taken`.
    """
    inches = ax.figure.get_dpi()
    x, y = ax.transData.transform(point) / inches
    limits = _inches(ax, ax.get_window_extent())
    width = len(text) * INCH_PER_CHARACTER * LABEL_SCALE
    for avoided in ([*taken, *thin], taken):
        for dx, dy in LABEL_OFFSETS:
            x0 = x + dx / 72 - (0 if dx > 0 else width if dx < 0 else width / 2)
            box = (x0, y + dy / 72 - 0.06, x0 + width, y + dy / 72 + 0.06)
            if _within(box, limits) and not any(_overlap(box, other) for other in avoided):
                ax.annotate(
                    text,
                    point,
                    (dx, dy),
                    textcoords="offset points",
                    ha="left" if dx > 0 else "right" if dx < 0 else "center",
                    va="center",
                    fontsize=LABEL_POINTS,
                )
                taken.append(box)
                return


def artist_boxes(ax: Axes, artists: Sequence[Artist]) -> list[LabelBox]:
    """The places that texts and legends take."""
    return [_inches(ax, artist.get_window_extent()) for artist in artists]


def log_steps(low: float, high: float) -> list[float]:
    """From low to high (above 0) in equal factors, close enough for a smooth line."""
    return [low * (high / low) ** (i / STEPS) for i in range(STEPS + 1)]


def line_boxes(ax: Axes, line: Sequence[tuple[float, float]]) -> list[LabelBox]:
    """Small boxes at points (in data) along a line, for names to keep clear of."""
    return [
        _around(x, y, CLEARANCE_INCHES)
        for x, y in ax.transData.transform(line) / ax.figure.get_dpi()
    ]


def _inches(ax: Axes, extent: Any) -> LabelBox:
    """A matplotlib `Bbox` of pixels in inches."""
    inch = float(ax.figure.get_dpi())
    return (extent.x0 / inch, extent.y0 / inch, extent.x1 / inch, extent.y1 / inch)


def _around(x: float, y: float, radius: float) -> LabelBox:
    return (x - radius, y - radius, x + radius, y + radius)


def _within(a: LabelBox, limits: LabelBox) -> bool:
    return a[0] > limits[0] and a[2] < limits[2] and a[1] > limits[1] and a[3] < limits[3]


def _overlap(a: LabelBox, b: LabelBox) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
