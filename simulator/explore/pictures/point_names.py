"""Names of cases beside their points on axes; those in one place have one name together."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from simulator.explore.pictures.labels import Box, Place, nearest_place, place_names
from simulator.report.plots.style import INK, MUTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NAME_POINTS = 7.5
LEADER_INCHES = 0.13
"""Distance of a name from its point from which a line joins them."""
CLEARLY_NEARER = 1.5
"""How much farther another point must be, for a name to need no line to its own."""
LINE_CHARACTERS = 40
"""Of names that stand together, before the next line."""


def name_points(
    ax: Axes, names: Sequence[str], values: Sequence[Place], together: float, straight: float
) -> None:
    """Write names beside the points at some values of the axes, where there is room.

    together: inches, within which points are one to the eye and have one name, `a, b`.
    straight: as for `place_names`.
    """
    inch = float(ax.figure.get_dpi())
    pixels = ax.transData.transform(values)
    marks = gathered([(float(x) / inch, float(y) / inch) for x, y in pixels], together)
    places = [place for place, _ in marks]
    joined = [_listed([names[index] for index in indices]) for _, indices in marks]
    paper = {"facecolor": "white", "edgecolor": "none", "pad": 0.4, "alpha": 0.85}
    texts = [
        ax.text(
            *(0, 0, "\n".join(textwrap.wrap(text, LINE_CHARACTERS))),
            fontsize=NAME_POINTS,
            color=INK,
            bbox=paper,
            zorder=2.5,
        )
        for text in joined
    ]
    sizes = [(e.width / inch, e.height / inch) for e in (t.get_window_extent() for t in texts)]
    frame = ax.get_window_extent()
    limits = (frame.x0 / inch, frame.y0 / inch, frame.x1 / inch, frame.y1 / inch)
    boxes = place_names(places, sizes, limits, straight)
    for text, place, box in zip(texts, places, boxes, strict=True):
        if box is None:
            text.remove()
            continue
        text.set_position(_data(ax, (box[0], (box[1] + box[3]) / 2)))
        text.set_verticalalignment("center")
        if needs_leader(box, place, places):
            _lead(ax, place, nearest_place(box, place))


def gathered(places: Sequence[Place], together: float) -> list[tuple[Place, list[int]]]:
    """Places with the indices of those that lie within `together` of the first there."""
    found: list[tuple[Place, list[int]]] = []
    for index, place in enumerate(places):
        near = next((own for at, own in found if math.dist(at, place) < together), None)
        if near is None:
            found.append((place, [index]))
        else:
            near.append(index)
    return found


def _listed(names: Sequence[str]) -> str:
    """`a, b`; or `a; b, c` where a name has a comma itself."""
    return ("; " if any("," in name for name in names) else ", ").join(names)


def needs_leader(box: Box, place: Place, places: Sequence[Place]) -> bool:
    """Whether a name is far from its point, or hardly nearer to it than to another."""
    own = math.dist(nearest_place(box, place), place)
    others = [math.dist(nearest_place(box, each), each) for each in places if each != place]
    return own >= LEADER_INCHES or min(others, default=math.inf) < CLEARLY_NEARER * own


def _lead(ax: Axes, start: Place, end: Place) -> None:
    """A line from a point to its name."""
    xs, ys = zip(_data(ax, start), _data(ax, end), strict=True)
    ax.plot(xs, ys, color=MUTED, linewidth=0.5, zorder=2)


def _data(ax: Axes, place: Place) -> Place:
    """A place in inches as values of the axes."""
    inch = float(ax.figure.get_dpi())
    x, y = ax.transData.inverted().transform((place[0] * inch, place[1] * inch))
    return float(x), float(y)
