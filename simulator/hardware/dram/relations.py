"""Timings that contradict each other: what contains something else is no shorter than it."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

_OPEN = "a row would be closed before it is open"
_GROUP = "banks of one group are no faster than banks of two"

RELATIONS: tuple[tuple[str, tuple[str, ...], str], ...] = (
    ("nRAS", ("nRCD",), _OPEN),
    ("nRAS", ("nRCDRD",), _OPEN),
    ("nRAS", ("nRCDWR",), _OPEN),
    ("nRC", ("nRAS", "nRP"), "a row is open and then precharged before it is opened again"),
    ("nCCDL", ("nCCDS",), _GROUP),
    ("nCCDL_WR", ("nCCDS_WR",), _GROUP),
    ("nRRDL", ("nRRDS",), _GROUP),
    ("nWTRL", ("nWTRS",), _GROUP),
    ("nRTPL", ("nRTPS",), _GROUP),
    ("nFAW", ("nRRDS",), "a window of four activations holds two"),
    ("nRPab", ("nRP",), "all banks are precharged no faster than one"),
    ("nRFC", ("nRFCpb",), "all banks are refreshed no faster than one"),
    ("nRFCab", ("nRFCpb",), "all banks are refreshed no faster than one"),
)
"""A timing, those it contains, and why."""


def check_relations(cycles: Mapping[str, int], used: AbstractSet[str]) -> None:
    """Raise ValueError if a timing is shorter than what it contains.

    used: timings that the device is written in; others do not matter. Each of the parts is
    rounded up to whole cycles, and so is the whole: it may lack a cycle per further part.
    """
    for name, parts, reason in RELATIONS:
        if not used >= {name, *parts}:
            continue
        least = sum(cycles[part] for part in parts)
        if cycles[name] < least - (len(parts) - 1):
            together = f" = {least}" if len(parts) > 1 else ""
            shown = " + ".join(f"{part} {cycles[part]}" for part in parts)
            raise ValueError(
                f"timing.cycles.{name}: found {cycles[name]}, expected at least "
                f"{shown}{together}: {reason}"
            )
