"""Components in the few groups that an architect thinks in, with their colours.

One rule for every picture: what passes with time, whatever the machine does, is
`static`; everything else goes by the first names of its path.
"""

from __future__ import annotations

from collections.abc import Mapping

from simulator.report.plots.style import (
    BLUE,
    BROWN,
    GREEN,
    INDIGO,
    MANY,
    ORANGE,
    PALE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
)
from simulator.report.result import ZERO, Estimate

BY_TIME = frozenset({"static", "clock.idle", "memory.background", "memory.refresh"})
"""Energies that go with time: leakage with an ideal memory's standby, clocks of units at
rest, and standby and refresh of a memory that is simulated by commands."""

STATIC, MEMORY, MATRIX_UNIT, VECTOR_UNIT = "static", "main memory", "matrix unit", "vector unit"
L2, LLC = "L2 cache", "last-level cache"
ARRAYS, CONVERSION = "SRAM arrays", "conversion arrays"
WIRES = "wires."
"""Before the path of what wires lead to."""

NAMES = {
    "memory": MEMORY,
    "l2": L2,
    "llc": LLC,
    "sram_pim": ARRAYS,
    "sram_pim_conversion": CONVERSION,
}
PLACES = ("core", "chip")
"""First names that say where a component is, not what it is."""

COLOURS = {
    MATRIX_UNIT: BLUE,
    VECTOR_UNIT: GREEN,
    "register file": YELLOW,
    "accumulator": YELLOW,
    "shared memory": ORANGE,
    "scratchpad": ORANGE,
    L2: VERMILION,
    "clock": PURPLE,
    "wires": BROWN,
    MEMORY: SKY,
    STATIC: PALE,
}
"""In the order of a stack: from the arithmetic outwards, then what only time costs. Those that
lie side by side differ in grey, too."""

SPARE = (INDIGO, *MANY[-4:])


def component_group(path: str) -> str:
    """`core.matrix_unit.systolic_array.pe.adder` → `matrix unit`; `clock.idle` → `static`."""
    if path in BY_TIME:
        return STATIC
    names = path.split(".")
    name = names[1] if names[0] in PLACES and len(names) > 1 else names[0]
    return NAMES.get(name, name.replace("_", " "))


def grouped(parts: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Sums by group, in the order of a stack; the parts' total is theirs."""
    sums: dict[str, Estimate] = {}
    for path, part in parts.items():
        group = component_group(path)
        sums[group] = sums.get(group, ZERO) + part
    return {group: sums[group] for group in sorted(sums, key=stack_order)}


def stack_order(group: str) -> tuple[int, str]:
    """Sort key: the order of `COLOURS`; unknown groups by name, just after main memory."""
    known = list(COLOURS)
    if group in COLOURS:
        return (known.index(group), "")
    return (known.index(MEMORY), group)


def group_colours(groups: list[str]) -> dict[str, str]:
    """A colour per group; those that `COLOURS` doesn't know take the spare ones in turn."""
    unknown = sorted(group for group in groups if group not in COLOURS)
    spare = {group: SPARE[i % len(SPARE)] for i, group in enumerate(unknown)}
    return {group: COLOURS.get(group) or spare[group] for group in groups}
