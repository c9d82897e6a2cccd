"""The pictures of `report.html`, drawn in its colours, with a caption each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape

from simulator.report.plots.style import GRID, INK, MUTED, PAPER

WIDE = ("time_by_operator", "energy_by_operator", "utilisation", "timeline")
COLUMNS = (("roofline", "energy_by_component"), ("energy_roofline", "area_by_component"))
"""Pictures across the page, then those of two columns."""

CAPTIONS = {
    "time_by_operator": "Where the time goes: exclusive cycles by cause, which add up to the "
    "phase.",
    "energy_by_operator": "Where the energy goes. Above, the phase as a whole. Main memory, "
    "buffers and wires by bytes moved at their mean price, static by time; the rest is the units'.",
    "utilisation": "How much of the time units have work, and what their MACs take at peak, on "
    "average over cores or channels.",
    "timeline": "One layer, tile by tile. The top row shows which operator put off the end.",
    "roofline": "Operations per second against the machine's peaks. Left of the ridge, the "
    "memory is the limit.",
    "energy_roofline": "Operations per joule, after Choi et al. (2013). Left of the energy "
    "balance, main memory takes more than the chip, not counting static power. The line is at "
    "the run's mean prices of an operation, a byte and a second.",
    "energy_by_component": "The whole run by group, at the low estimate, the value and "
    "the high one; below, the largest components in the colours of their groups.",
    "area_by_component": "The whole machine by group, at the low estimate, the value and "
    "the high one; below, the largest components in the colours of their groups.",
}


def figures(pictures: Mapping[str, str]) -> str:
    """All pictures of the page. pictures: name (`roofline`, …) → SVG document."""
    if not pictures:
        return ""
    columns = "".join(
        f"<div>{''.join(_figure(pictures, name) for name in names)}</div>" for names in COLUMNS
    )
    wide = "".join(_figure(pictures, name) for name in WIDE)
    return f'{wide}<div class="two">{columns}</div>'


def _figure(pictures: Mapping[str, str], name: str) -> str:
    label = name.replace("_", " ")
    caption = f"<figcaption>{escape(CAPTIONS[name])}</figcaption>"
    return f'<figure aria-label="{label}">{inline_svg(pictures[name])}{caption}</figure>'


def inline_svg(document: str) -> str:
    """An SVG document made part of a page: no prologue, colours of the page."""
    text = document[document.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r' xmlns(:\w+)?="[^"]*"', "", text)
    for colour, variable in ((INK, "ink"), (MUTED, "muted"), (GRID, "grid"), (PAPER, "card")):
        text = text.replace(colour, f"var(--{variable})")
    return text.replace("fill: #ffffff", "fill: none")
