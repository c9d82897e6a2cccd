"""Whether a device's commands and constraints go together with the units in its banks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.hardware.dram.names import LEVELS, MOMENTS, PIM_COMMANDS
from simulator.hardware.dram.pim_spec import PimSpec

if TYPE_CHECKING:
    from simulator.hardware.dram.spec import DramDeviceSpec

NEEDED = ("GWRITE", "G_ACT", "PIM_PRECHARGE", "PIM_HEADER")


def check_pim(device: DramDeviceSpec, pim: PimSpec) -> None:
    """Raise ValueError, beginning with the key at fault, if something does not fit."""
    _check_commands(device, pim)
    if device.energy and device.energy.units is None:
        raise ValueError("energy.units: missing, what the units of `pim` cost")
    scopes = command_scopes(pim)
    for index, row in enumerate(device.constraints):
        for name in (*row.before, *row.after):
            scope = scopes.get(name)
            if scope is not None and LEVELS.index(row.level) > LEVELS.index(scope):
                raise ValueError(
                    f"constraints.{index}.level: {name} goes to a whole {_words(scope)}, so that "
                    f"nothing can hold at one {_words(row.level)} alone; expected {scope!r}"
                    + ("" if scope == "channel" else " or a level above it")
                )
    if device.cycles(pim.comp_interval) < 1:
        raise ValueError(f"pim.comp_interval: {pim.comp_interval} is 0, expected at least 1")
    if pim.operand_bits * pim.lanes > device.burst_bytes * 8 * 8:
        raise ValueError(
            f"pim.lanes: {pim.lanes} lanes of {pim.operand_bits} bits take "
            f"{pim.lanes * pim.operand_bits} bits at once, expected at most 8 bursts of "
            f"{device.burst_bytes * 8} bits"
        )


def command_scopes(pim: PimSpec) -> dict[str, str]:
    """The level whose nodes each command of the units goes to."""
    scopes = dict.fromkeys((*PIM_COMMANDS, *MOMENTS), "channel")
    scopes["G_ACT"] = pim.activate_scope
    scopes["PIM_PRECHARGE"] = pim.precharge_scope
    if pim.input == "row":
        scopes["GWRITE"] = "bank"
    return scopes


def _check_commands(device: DramDeviceSpec, pim: PimSpec) -> None:
    needed = (*NEEDED, *(("COMPS_READRES",) if pim.composite else ("COMP", "READRES")))
    missing = [name for name in needed if name not in device.commands]
    if missing:
        raise ValueError(f"pim: there is no command {', '.join(missing)}, which it needs")
    for index, row in enumerate(device.constraints):
        for name in row.after:
            if name in MOMENTS:
                raise ValueError(
                    f"constraints.{index}.after: {name} is a moment, behind which others wait; "
                    "expected a command"
                )


def _words(level: str) -> str:
    return level.replace("_", " ")
