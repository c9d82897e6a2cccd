"""Energies of a DRAM device as tables: by command, and per bit as far as it is read."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from simulator.cost.dram import (
    command_energies,
    read_pj_per_bit,
    read_pj_per_bit_at,
    write_pj_per_bit,
)
from simulator.cost.estimate import Estimate
from simulator.hardware.dram.spec import DramDeviceSpec
from simulator.report.cost_table import bounds_only, plain_bounds
from simulator.report.units import columns, significant

COMMANDS = {
    "activate_pj": "ACT with its precharge",
    "read_pj": "RD, a burst to the edge of the die",
    "write_pj": "WR, a burst",
    "io_pj": "I/O of a burst",
    "refresh_all_pj": "REFab",
    "refresh_bank_pj": "REFpb",
}
STANDBY = {
    "standby_closed_w": "standby of a channel, rows closed",
    "standby_open_w": "standby of a channel, rows open",
}
PJ_PER_NJ = 1e3
MW_PER_W = 1e3


def energy_lines(device: DramDeviceSpec, sources: bool) -> list[str]:
    """Tables for the terminal; raises CyclelabError if the device states no energy."""
    one = command_energies(device)
    rows = [
        (name, *_cells(getattr(one, key).scaled(1 / PJ_PER_NJ)), "nJ")
        for key, name in COMMANDS.items()
    ]
    rows += [
        (name, *_cells(getattr(one, key).scaled(MW_PER_W)), "mW") for key, name in STANDBY.items()
    ]
    rows += [(name, *_cells(found), "pJ/bit") for name, found in _per_bit(device).items()]
    lines = [
        f"{device.name} · {device.standard}, {device.burst_bytes} bytes per burst, "
        f"{device.bursts_per_row} bursts per row",
        "",
        *columns(("energy", "value", "low–high", ""), rows, left={0, 3}),
    ]
    return [*lines, "", *one.sources] if sources else lines


def energies_document(device: DramDeviceSpec) -> dict[str, Any]:
    """The same as plain data."""
    one = command_energies(device)
    by_command = {each.name: getattr(one, each.name) for each in fields(one)}
    sources = by_command.pop("sources")
    return {
        "name": device.name,
        **{name: plain_bounds(found) for name, found in by_command.items()},
        "pj_per_bit": {name: plain_bounds(found) for name, found in _per_bit(device).items()},
        "sources": list(sources),
    }


def _per_bit(device: DramDeviceSpec) -> dict[str, Estimate]:
    """Whole rows at a time, by how far a bit is read."""
    found = {
        "a bit read, cell to pins": read_pj_per_bit(device),
        "a bit written": write_pj_per_bit(device),
    }
    if device.bursts_per_row > 1:
        found["a bit read, one burst per row"] = read_pj_per_bit(device, 1)
    stages = read_pj_per_bit_at(device)
    if len(stages) > 1:
        for stage, energy in stages.items():
            found[f"a bit read as far as {stage.replace('_', ' ')}"] = energy
    return found


def _cells(quantity: Estimate) -> tuple[str, str]:
    return significant(quantity.value), bounds_only(quantity)
