"""Finds what the state of the banks forbids in a log of commands: rows, refresh, data clock."""

from __future__ import annotations

from simulator.hardware.dram.names import PIM_COMMANDS
from tests.hardware.dram.table import Entry, Table
from tests.hardware.dram.unit_rows import UnitRows

COLUMN = ("RD", "WR", "RDA", "WRA")
CAS = {"CAS_RD": ("RD", "RDA"), "CAS_WR": ("WR", "WRA")}


def row_violations(table: Table, entries: list[Entry]) -> list[str]:
    """Rows open and close as they must; split activations and the data clock are in time."""
    banks = Banks(table)
    found = [problem for entry in entries if (problem := banks.step(entry))]
    if table.device.split_activation:
        found += split_violations(table, entries)
    if table.device.data_clock:
        found += clock_violations(table, entries)
    return found


class Banks:
    """Open rows and refreshes of all banks."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.opens = "ACT2" if table.device.split_activation else "ACT"
        self.row: dict[int, int] = {}
        self.activates = "ACT1" if table.device.split_activation else "ACT"
        self.refreshed_until = [0] * table.banks
        self.precharged_at = [0] * table.banks
        self.units = UnitRows(table)

    def step(self, entry: Entry) -> str | None:
        """Follow a command; what is wrong with it, if anything."""
        command, bank = entry.command, entry.bank
        if command == "PIM_HEADER":
            return None  # goes to no bank, but announces what will
        if self.units.goes_to_registers(entry):
            return None
        if entry.tick < max(self.refreshed_until[each] for each in self._banks(entry)):
            return f"{entry} while a bank of it is refreshed"
        if command in PIM_COMMANDS:
            return self._unit_step(entry)
        if command in COLUMN:
            if self.row.get(bank) != entry.row:
                return f"{entry} while row {self.row.get(bank)} is open"
            if command in ("RDA", "WRA"):
                del self.row[bank]
                self.precharged_at[bank] = entry.tick + self.table.until_idle(command, bank)
        elif command in ("ACT", "ACT1", "ACT2"):
            if bank in self.row:
                return f"{entry} while row {self.row[bank]} is open"
            if self.units.has(bank, entry.row):
                return f"{entry} while the units have row {self.units.row[bank]} of it"
            if command == self.opens:
                self.row[bank] = entry.row
        elif command in ("PRE", "PREA"):
            for each in self._banks(entry):
                self.row.pop(each, None)
        elif command in ("REFab", "REFpb"):
            return self._refresh(entry)
        return None

    def _unit_step(self, entry: Entry) -> str | None:
        """Units open rows of idle banks only, where a bank has one row buffer."""
        if entry.command == "G_ACT" and self.units.wait_for_idle_banks:
            busy = max(self.precharged_at[bank] for bank in self._banks(entry))
            if entry.tick < busy:
                return f"{entry} while a bank of it precharges itself"
        return self.units.step(entry, self._banks(entry), self.row)

    def _refresh(self, entry: Entry) -> str | None:
        banks = self._banks(entry)
        open_banks = [bank for bank in banks if bank in self.row or bank in self.units.row]
        if open_banks:
            return f"{entry} while banks {open_banks} are open"
        last = entry.tick + self.table.length(entry.command) - 1
        if last < max(self.precharged_at[bank] for bank in banks):
            return f"{entry} while a bank of it precharges itself"
        for bank in banks:
            self.refreshed_until[bank] = entry.tick + self._until_activation(entry)
        return None

    def _until_activation(self, entry: Entry) -> int:
        """Ticks until the same bank may be activated, which it must be idle for."""
        return self.table.need(entry.command, self.activates, entry.node, entry.node)

    def _banks(self, entry: Entry) -> range:
        return range(entry.bank, entry.bank + self.table.banks_of(entry.command))


def split_violations(table: Table, entries: list[Entry]) -> list[str]:
    """ACT2 follows its ACT1 in time, and nothing else comes to the bank in between."""
    assert table.device.split_activation is not None
    deadline = table.ticks(table.device.split_activation.deadline)
    found = []
    half: Entry | None = None
    for entry in entries:
        if half is not None and entry.tick > half.tick + deadline:
            found.append(f"{half} is not completed within {deadline} ticks")
            half = None
        if entry.command == "ACT2":
            if half is None or (half.bank, half.row) != (entry.bank, entry.row):
                found.append(f"{entry} does not follow its ACT1")
            half = None
        elif half is not None and (
            entry.command == "ACT1" or half.node.path[: entry.node.depth] == entry.node.path
        ):
            found.append(f"{entry} comes between {half} and its ACT2")
        if entry.command == "ACT1":
            half = entry
    return found


def clock_violations(table: Table, entries: list[Entry]) -> list[str]:
    """A column command finds the data clock running, or CAS starts it in the cycle before."""
    clock = table.device.data_clock
    assert clock is not None
    runs = {"RD": table.ticks(clock.read_keeps_running)}
    runs["WR"] = table.ticks(clock.write_keeps_running)
    cycle = table.device.ticks_per_clock
    found = []
    until = -1
    before: Entry | None = None
    for entry in entries:
        started = before is not None and before.command in CAS
        if started and before is not None:
            followed = entry.command in CAS[before.command] and entry.bank == before.bank
            if not followed or entry.tick != before.tick + cycle:
                found.append(f"{before} is not followed by its column command, but by {entry}")
        if entry.command in COLUMN:
            if entry.tick > until and not started:
                found.append(f"{entry} while the data clock stands still since {until}")
            until = max(until, entry.tick + runs[entry.command[:2]])
        before = entry
    return found
