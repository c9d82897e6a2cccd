"""The summary that `cyclelab pim` prints: plain text, at most 100 columns."""

from __future__ import annotations

from simulator.cost.estimate import ZERO
from simulator.hardware.dram.pim.gemv import pim_of, row_operands, tile_bytes
from simulator.hardware.dram.pim_spec import PimSpec
from simulator.report.dram.console import whole
from simulator.report.lines import BOLD, DIM, side_by_side, styled, wrapped
from simulator.report.pim.result import PimRun
from simulator.report.units import columns, count, estimate, percent, ratio, seconds, si

BITS_PER_BYTE = 8
BETWEEN = 3
"""Columns between tables side by side."""


def pim_summary(run: PimRun, colour: bool = False) -> str:
    """The whole summary; `colour` adds bold and dim only, never information."""
    layout = run.layout
    title = f"GEMV of {count(layout.outputs)} × {count(layout.inputs)} in {run.device.name}"
    blocks = [
        [styled(title, BOLD, colour), *_what_ran(run)],
        _totals(run),
        side_by_side([_shares(run), _commands(run), _energy(run)], BETWEEN),
        _values(run),
        [
            styled(
                f"cyclelab {run.version} · configuration {run.configuration_hash[:12]}", DIM, colour
            )
        ],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _what_ran(run: PimRun) -> list[str]:
    layout, device, control = run.layout, run.device, run.controller
    pim = pim_of(device)
    first, *others = layout.runs()
    held = layout.outputs * layout.inputs / (layout.rows * device.banks * row_operands(device))
    matrix = [
        f"{si(run.matrix_bytes, 'B')} in {count(layout.rows)} rows of {device.banks} banks, "
        f"{percent(held)} of {si(layout.rows * tile_bytes(device), 'B')} used",
        f"{layout.chunks} × {layout.tiles_per_chunk} tiles of {first.segments} × {first.comps} "
        "COMPs",
    ]
    if others and (others[-1].segments, others[-1].comps) != (first.segments, first.comps):
        last = "chunk" if pim.vector_operands is None else "tile"
        matrix.append(f"in the last {last} {others[-1].segments} × {others[-1].comps}")
    units = [
        f"{pim.lanes} lanes of {pim.operand_bits} bits "
        + ("beside every bank" if pim.banks_per_unit == 1 else f"for {pim.banks_per_unit} banks"),
        *_registers(pim),
        "row buffers of their own" if pim.row_buffers == 2 else "the banks' only row buffers",
        f"timing {pim.timing}",
    ]
    settings = [
        "no refresh" if control.refresh == "none" else f"{control.refresh} refresh",
        f"{control.scheduler}, queue of {control.read_queue} reads",
        "a stream of reads beside" if run.reads_beside else "nothing beside",
    ]
    return [
        *wrapped("matrix      ", " · ".join(matrix)),
        *wrapped("units       ", " · ".join(units)),
        *wrapped("controller  ", " · ".join(settings)),
    ]


def _registers(pim: PimSpec) -> list[str]:
    """What units hold besides, of those that hold something."""
    if pim.vector_operands is None:
        return []
    held = f"vectors of {count(pim.vector_operands)} operands"
    if pim.sum_registers:
        held += f" and {count(pim.sum_registers)} sums in registers"
    shared = [f"{pim.input_banks} banks share inputs"] if pim.input_banks > 1 else []
    return [held, *shared]


def _totals(run: PimRun) -> list[str]:
    result = run.result
    per_tile = f"{result.cycles_per_tile:,.1f} cycles"
    if run.expected_tile_cycles is not None:
        per_tile += f", {run.expected_tile_cycles:,.1f} without refresh"
    bus = f"{whole(run.bus_cycles)} cycles at peak"
    rows = [
        ("cycles", whole(result.cycles), "a tile", per_tile),
        ("time", seconds(run.seconds), "over the bus", f"{bus}, {ratio(run.speedup_over_bus)}"),
    ]
    lines = [f"{a:<14}{b:<20}{c:<16}{d}".rstrip() for a, b, c, d in rows]
    if run.reads_beside:
        moved = result.reads * run.device.burst_bytes
        lines.append(
            f"{'reads beside':<14}{count(result.reads):<20}{'data bus':<16}"
            f"{percent(result.read_share)} of its time, {si(moved / run.seconds, 'B/s')}"
        )
    return lines


def _shares(run: PimRun) -> list[str]:
    table = [(name, percent(share)) for name, share in run.shares.items()]
    return columns(("time of the units", ""), table, left={0})


def _commands(run: PimRun) -> list[str]:
    table = [(name, count(number)) for name, number in run.result.commands.items() if number]
    return columns(("commands", ""), table, left={0})


def _energy(run: PimRun) -> list[str]:
    if run.energy_j is None:
        return []
    total = sum(run.energy_j.values(), ZERO)
    rows = [(name, estimate(part, "J")) for name, part in run.energy_j.items() if part.value]
    rows.append(("all", estimate(total, "J")))
    if not run.reads_beside:  # whose energy is not the matrix's
        per_bit = total.scaled(1 / (run.matrix_bytes * BITS_PER_BYTE))
        rows.append(("per bit of the matrix", estimate(per_bit, "J")))
    return columns(("energy", ""), rows, left={0, 1})


def _values(run: PimRun) -> list[str]:
    if run.values is None:
        return []
    check = run.values
    return wrapped(
        "values      ",
        f"{count(check.sums)} sums of random operands (seed {check.seed}): error at most "
        f"{check.largest_error:.2g}, {check.mean_error:.2g} on average, of the sum of the "
        "products' magnitudes",
    )
