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
        elif entry.command in COMPUTING:
            other = [bank for bank in banks if self.row.get(bank) != entry.row]
            if other:
                return f"{entry} while banks {other} have another row open for the units, or none"
        return None

    def _open(self, entry: Entry, banks: range, ordinary: Mapping[int, int]) -> str | None:
        for bank in banks:
            if bank in self.row:
                return f"{entry} while the units have row {self.row[bank]} of bank {bank}"
            if bank in ordinary and (self.share_a_buffer or ordinary[bank] == entry.row):
                return f"{entry} while row {ordinary[bank]} of bank {bank} is open for requests"
        self.row |= dict.fromkeys(banks, entry.row)
        return None
