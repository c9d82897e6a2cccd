"""SRAM macros from a table of a memory compiler: area, access energy, leakage.

Between the capacities of the table, at one access width, each quantity is
log-log linear in capacity. A bank wider than any tabulated width that suits its
capacity is made of equal macros side by side, which all work at every access.

A macro below the smallest of its width follows the slope between the two smallest: its
periphery shrinks less than its cells, so it takes no less than in proportion, and no more
than the smallest does.
"""

from __future__ import annotations

import csv
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp, inf, log
from pathlib import Path

from simulator.config.errors import ConfigError, CyclelabError
from simulator.config.files import display_path, read_text
from simulator.cost.estimate import Estimate, exact

QUANTITIES = ("area_mm2", "read_nJ", "write_nJ", "leak_mW")
"""Columns that are interpolated; `tech_nm`, `cell`, `ports`, `size_bytes`, `width_bits` select."""
TIMES_SMALLER = 8
"""So much smaller than the smallest macro of its width one may be: 32 rows of 64 bits."""


@dataclass(frozen=True, slots=True)
class SramMacro:
    """One bank. Energies are per access of the bank's full width.

    sources: which macros an extrapolated one follows from.
    """

    area_um2: Estimate
    read_pj: Estimate
    write_pj: Estimate
    leakage_w: Estimate
    macros: int
    width_bits: int
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Row:
    capacity_bytes: float
    quantities: tuple[float, ...]


class SramTable:
    """The rows of one node and cell type, by ports and access width."""

    def __init__(self, path: Path, cell: str, node_nm: float) -> None:
        self.name = f"{cell} cells at {node_nm:g} nm"
        self._ports: dict[int, dict[int, list[_Row]]] = {}
        for ports, width, row in _rows(path, cell, node_nm):
            self._ports.setdefault(ports, {}).setdefault(width, []).append(row)
        for widths in self._ports.values():
            for width, rows in widths.items():
                rows.sort(key=lambda row: row.capacity_bytes)
                sizes = [row.capacity_bytes for row in rows]
                if len(set(sizes)) < len(sizes):
                    message = f"two rows for {self.name} have one size and {width} bits"
                    raise ConfigError(message, file=display_path(path))
        if not self._ports:
            raise ConfigError(f"no rows for {self.name}", file=display_path(path))

    @property
    def facts(self) -> str:
        """All rows as a text: equal for tables that price equally."""
        return repr(sorted(self._ports.items()))

    def bank(self, capacity_bytes: int, width_bits: int, ports: int = 1) -> SramMacro:
        """Return a bank; raises CyclelabError, with the valid ranges, outside the table."""
        if ports not in self._ports:
            known = ", ".join(map(str, sorted(self._ports)))
            raise CyclelabError(
                f"no sram bank with {ports} ports in the table of {self.name}; it has macros with "
                f"{known}"
            )
        widths = self._ports[ports]
        fitting = [width for width in sorted(widths, reverse=True) if not width_bits % width]
        for width in fitting:
            share, rows = capacity_bytes * width / width_bits, widths[width]
            if rows[0].capacity_bytes <= share <= rows[-1].capacity_bytes:
                quantities = [exact(value) for value in _interpolate(rows, share)]
                return _side_by_side(quantities, width_bits // width, width)
        if fitting and (found := _smaller(widths, min(fitting), capacity_bytes, width_bits)):
            return found
        raise CyclelabError(
            f"no sram bank of {capacity_bytes} bytes with {width_bits}-bit access in the table of "
            f"{self.name}; it has macros of {_ranges(widths)}, also side by side for wider access, "
            f"and {TIMES_SMALLER} times smaller ones are extrapolated"
        )


def _side_by_side(
    quantities: list[Estimate], macros: int, width_bits: int, sources: tuple[str, ...] = ()
) -> SramMacro:
    area, read, write, leakage = quantities
    return SramMacro(
        area_um2=area.scaled(macros * 1e6),
        read_pj=read.scaled(macros * 1e3),
        write_pj=write.scaled(macros * 1e3),
        leakage_w=leakage.scaled(macros * 1e-3),
        macros=macros,
        width_bits=width_bits,
        sources=sources,
    )


def _smaller(
    widths: Mapping[int, list[_Row]], width: int, capacity_bytes: int, width_bits: int
) -> SramMacro | None:
    """A bank of macros that are smaller than the smallest of this width, if not by too much."""
    (smallest, *larger), share = widths[width], capacity_bytes * width / width_bits
    times = smallest.capacity_bytes / share if share else inf
    if not larger or not 1 < times <= TIMES_SMALLER:
        return None
    span = log(larger[0].capacity_bytes / smallest.capacity_bytes)
    quantities = []
    for high, above in zip(smallest.quantities, larger[0].quantities, strict=True):
        slope = min(1.0, max(0.0, log(above / high) / span))
        quantities.append(Estimate(high * times**-slope, high / times, high))
    line = (
        f"sram of {capacity_bytes} bytes with {width_bits} bits: macros {times:.3g} times smaller "
        f"than the smallest of {width} bits, by the slope of the two smallest"
    )
    return _side_by_side(quantities, width_bits // width, width, (line,))


def _ranges(widths: Mapping[int, list[_Row]]) -> str:
    return ", ".join(
        f"{width} bits: {rows[0].capacity_bytes:.0f} to {rows[-1].capacity_bytes:.0f} bytes"
        for width, rows in sorted(widths.items())
    )


def _interpolate(rows: list[_Row], capacity_bytes: float) -> tuple[float, ...]:
    above = bisect_right([row.capacity_bytes for row in rows], capacity_bytes)
    low = rows[above - 1]
    if low.capacity_bytes == capacity_bytes:
        return low.quantities
    high = rows[above]
    share = log(capacity_bytes / low.capacity_bytes) / log(high.capacity_bytes / low.capacity_bytes)
    pairs = zip(low.quantities, high.quantities, strict=True)
    return tuple(exp((1.0 - share) * log(a) + share * log(b)) for a, b in pairs)


def _rows(path: Path, cell: str, node_nm: float) -> Iterable[tuple[int, int, _Row]]:
    lines = [line for line in read_text(path).splitlines() if not line.startswith("#")]
    for number, record in enumerate(csv.DictReader(lines), start=1):
        try:
            if record["cell"] != cell or float(record["tech_nm"]) != node_nm:
                continue
            quantities = tuple(float(record[column]) for column in QUANTITIES)
            row = _Row(float(record["size_bytes"]), quantities)
            width, ports = int(record["width_bits"]), int(record["ports"])
        except (KeyError, TypeError, ValueError):
            message = (
                f"row {number} of the sram table: expected numbers in the columns tech_nm, ports, "
                f"size_bytes, width_bits, {', '.join(QUANTITIES)}, and a cell"
            )
            raise ConfigError(message, file=display_path(path)) from None
        found = (*quantities, row.capacity_bytes, width, ports)
        if not all(0 < value < inf for value in found):
            message = f"row {number} of the sram table: a number is not positive, or not finite"
            raise ConfigError(message, file=display_path(path))
        yield ports, width, row
