"""Names beside points, none upon another, a point or a line that leads to one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in inches."""
Place = tuple[float, float]

NEAREST_INCHES, STEP_INCHES = 0.07, 0.05
"""How far a name is from its point at least, and how much farther the next place is."""
DIRECTIONS = 24
ASIDE = 0.35
"""What it costs, as a share of the distance, to go towards the other points, not away."""
MARK_INCHES = 0.05
PADDING_INCHES = 0.015
SAMPLE_INCHES = 0.03
"""Between the places of a line that are looked at."""


def place_names(
    points: Sequence[Place], sizes: Sequence[Place], limits: Box, straight: float = 0.0
) -> list[Box | None]:
    """A box of each size near its point, within the limits; None where there is no room.

    Boxes keep clear of each other, of all points and, as long as there is a place, of the
    lines from points to boxes. Those of points far out are placed first, so that a crowd is
    named outwards. straight: what it costs, as a share of the distance, to go straight up,
    down or sideways, where bounds may be drawn.
    """
    centre = (_mean([x for x, _ in points]), _mean([y for _, y in points]))
    sheet = _Sheet([_around(point) for point in points])
    places = partial(_candidates, centre=centre, limits=limits, straight=straight)
    found: list[Box | None] = [None] * len(points)
    for index in sorted(range(len(points)), key=lambda i: -math.dist(points[i], centre)):
        point = points[index]
        free = [b for b in places(point, sizes[index]) if sheet.is_free(b)]
        best = next((box for box in free if sheet.is_reached(point, box)), None)
        box = best or next(iter(free), None)
        if box is not None:
            found[index] = box
            sheet.boxes.append(box)
            sheet.lines.append(_samples(point, nearest_place(box, point)))
    return found


@dataclass(slots=True)
class _Sheet:
    """What is taken: marks of points, boxes of names, and lines between them."""

    marks: list[Box]
    boxes: list[Box] = field(default_factory=list)
    lines: list[list[Place]] = field(default_factory=list)

    def is_free(self, box: Box) -> bool:
        """Whether a box would cover no mark and no name."""
        return not any(_overlap(box, each) for each in (*self.boxes, *self.marks))

    def is_reached(self, point: Place, box: Box) -> bool:
        """Whether a line from a point to a box crosses nothing, and the box no other line."""
        own = _around(point)
        marks = [mark for mark in self.marks if not _overlap(mark, own)]
        line = _samples(point, nearest_place(box, point))
        crossed = any(_holds(each, at) for each in (*self.boxes, *marks) for at in line)
        return not crossed and not any(_holds(box, at) for each in self.lines for at in each)


def nearest_place(box: Box, point: Place) -> Place:
    """The place of a box that is nearest to a point."""
    x, y = point
    return min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])


def _candidates(
    point: Place, size: Place, centre: Place, limits: Box, straight: float
) -> Iterator[Box]:
    """Boxes around a point within the limits, the best first: near it, and away from the centre."""
    away = math.atan2(point[1] - centre[1], point[0] - centre[0])
    farthest = math.dist(limits[:2], limits[2:])
    places = []
    for ring in range(int((farthest - NEAREST_INCHES) / STEP_INCHES)):
        distance = NEAREST_INCHES + ring * STEP_INCHES
        for number in range(DIRECTIONS):
            angle = 2 * math.pi * number / DIRECTIONS
            cost = distance * (1 + ASIDE * (1 - math.cos(angle - away)))
            cost += distance * straight * abs(math.cos(2 * angle))
            places.append((cost, distance, angle))
    for _, distance, angle in sorted(places):
        box = _beside(point, size, distance, angle)
        if box[0] > limits[0] and box[2] < limits[2] and box[1] > limits[1] and box[3] < limits[3]:
            yield box


def _beside(point: Place, size: Place, distance: float, angle: float) -> Box:
    """The box of a size whose nearest place lies so far from a point, in a direction."""
    across, up = math.cos(angle), math.sin(angle)
    x, y = point[0] + distance * across, point[1] + distance * up
    width, height = size
    left, bottom = x - width * (1 - across) / 2, y - height * (1 - up) / 2
    return left, bottom, left + width, bottom + height


def _around(point: Place) -> Box:
    x, y = point
    return x - MARK_INCHES, y - MARK_INCHES, x + MARK_INCHES, y + MARK_INCHES


def _samples(start: Place, end: Place) -> list[Place]:
    steps = max(1, round(math.dist(start, end) / SAMPLE_INCHES))
    return [
        (start[0] + (end[0] - start[0]) * i / steps, start[1] + (end[1] - start[1]) * i / steps)
        for i in range(steps)
    ]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _overlap(a: Box, b: Box) -> bool:
    apart = PADDING_INCHES
    return (
        a[0] < b[2] + apart and b[0] < a[2] + apart and a[1] < b[3] + apart and b[1] < a[3] + apart
    )


def _holds(box: Box, place: Place) -> bool:
    return box[0] <= place[0] <= box[2] and box[1] <= place[1] <= box[3]
