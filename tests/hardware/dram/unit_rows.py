"""Rows that are open for units in the banks, and what each command of the units needs open."""

from __future__ import annotations

from collections.abc import Mapping

from tests.hardware.dram.table import Entry, Table

COMPUTING = ("COMP", "READRES", "COMPS_READRES")


class UnitRows:
    """Rows by bank. With one row buffer a bank has a row open for requests or for the units.

    As published, the buffer may then be taken before the bank is idle.
    """

    def __init__(self, table: Table) -> None:
        pim = table.device.pim
        self.row: dict[int, int] = {}
        self.share_a_buffer = pim is not None and pim.row_buffers == 1
        corrected = pim is not None and pim.timing == "corrected"
        self.wait_for_idle_banks = self.share_a_buffer and corrected
        self.input_in_row = pim is not None and pim.input == "row"
        self.beside = pim is not None and pim.double_buffered
        self.register_row = -1
        if pim is not None and pim.input == "registers":
            self.register_row = table.device.organisation.counts.rows - 1

    def has(self, bank: int, row: int) -> bool:
        """Whether the units keep a row of a bank from being opened for requests."""
        return bank in self.row and (self.share_a_buffer or self.row[bank] == row)

    def step(self, entry: Entry, banks: range, ordinary: Mapping[int, int]) -> str | None:
        """Follow a command of the units; what is wrong with it, if anything.

        ordinary: rows open for requests.
        """
        if entry.command == "GWRITE" and self.input_in_row:
            if ordinary.get(entry.bank) != entry.row:
                return f"{entry} while row {ordinary.get(entry.bank)} is open"
        elif entry.command == "G_ACT":
            return self._open(entry, banks, ordinary)
        elif entry.command == "PIM_PRECHARGE":
            for bank in banks:
                self.row.pop(bank, None)
        elif entry.command == "GWRITE" and self.register_row >= 0:
            if any(self.row.get(bank) != self.register_row for bank in banks):
                return f"{entry} while the row of the registers is not open in all banks"
        elif entry.command in COMPUTING and not self.goes_to_registers(entry):
            other = [bank for bank in banks if self.row.get(bank) != entry.row]
            if other:
                return f"{entry} while banks {other} have another row open for the units, or none"
        return None

    def goes_to_registers(self, entry: Entry) -> bool:
        """Whether a command reads or writes registers beside the banks, whatever these do."""
        return self.beside and entry.command in ("GWRITE", "READRES")

    def _open(self, entry: Entry, banks: range, ordinary: Mapping[int, int]) -> str | None:
        for bank in banks:
            if bank in self.row:
                return f"{entry} while the units have row {self.row[bank]} of bank {bank}"
            if bank in ordinary and (self.share_a_buffer or ordinary[bank] == entry.row):
                return f"{entry} while row {ordinary[bank]} of bank {bank} is open for requests"
        self.row |= dict.fromkeys(banks, entry.row)
        return None
