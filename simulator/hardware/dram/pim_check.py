"""Whether a device's commands and constraints go together with the units in its banks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.hardware.dram.names import LEVELS, MOMENTS, PIM_COMMANDS
from simulator.hardware.dram.pim_spec import PimSpec

if TYPE_CHECKING:
    from simulator.hardware.dram.spec import DramDeviceSpec

NEEDED = ("GWRITE", "G_ACT", "PIM_PRECHARGE")


def check_pim(device: DramDeviceSpec, pim: PimSpec) -> None:
    """Raise ValueError, beginning with the key at fault, if something does not fit."""
    _check_commands(device, pim)
    _check_registers(device, pim)
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


def _check_registers(device: DramDeviceSpec, pim: PimSpec) -> None:
    """Registers for sums and vectors, and what needs them."""
    if pim.row_buffers == 2 and not (pim.slack and pim.fit_test):
        missing = "fit_test" if pim.slack else "slack"
        raise ValueError(f"pim.{missing}: missing, with which requests go on beside the units")
    if pim.composite:
        for key in ("sum_registers", "vector_operands", "keep_sums", "double_buffered"):
            if getattr(pim, key):
                raise ValueError(f"pim.{key}: COMPS_READRES (`composite`) reads its sums at once")
        if not pim.tree or pim.input_banks > 1:
            key = "input_banks" if pim.tree else "tree"
            raise ValueError(f"pim.{key}: COMPS_READRES (`composite`) reads one sum per bank")
    if pim.double_buffered and pim.input != "bus":
        raise ValueError(
            "pim.double_buffered: the next vector comes over the bus, so that `input`"
            f" must be 'bus', found {pim.input!r}"
        )
    if pim.keep_sums and not (pim.sum_registers and pim.vector_operands):
        missing = "vector_operands" if pim.sum_registers else "sum_registers"
        raise ValueError(f"pim.{missing}: missing, where sums are kept over chunks of inputs")
    if pim.sum_registers and pim.sum_registers < pim.banks_per_unit:
        raise ValueError(
            f"pim.sum_registers: {pim.sum_registers} are fewer than the {pim.banks_per_unit} banks "
            "of a unit, each of which has a sum"
        )
    if pim.input_banks > 1 and pim.vector_operands is None:
        raise ValueError("pim.vector_operands: missing, of which each of `input_banks` has its own")
    if pim.vector_operands and pim.vector_operands % pim.lanes:
        raise ValueError(
            f"pim.vector_operands: {pim.vector_operands}, expected whole COMPs of {pim.lanes} lanes"
        )


def _check_commands(device: DramDeviceSpec, pim: PimSpec) -> None:
    needed = (*NEEDED, *(("COMPS_READRES",) if pim.composite else ("COMP", "READRES")))
    if pim.mode:
        needed = (*needed, "PIM_MODE")
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
