"""Formats of traces, and what is wrong with a line, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.hardware.dram.spec import DramDeviceSpec

FormatName = Literal["coordinates", "addresses"]
ARRIVE, OP, ADDRESS = "arrive", "op", "address"
LATEST_ARRIVAL = 10**12
"""Last cycle at which a request may arrive: a quarter of an hour of most devices."""
SHOWN_CHARACTERS = 60

FORMATS: dict[FormatName, tuple[str, ...]] = {
    "coordinates": (ARRIVE, OP, "pc", "rank", "bg", "ba", "row", "col"),
    "addresses": (ARRIVE, OP, ADDRESS),
}
"""Columns of a line."""

NOUNS = {
    ARRIVE: "arrival cycle",
    "pc": "pseudo channel",
    "rank": "rank",
    "bg": "bank group",
    "ba": "bank",
    "row": "row",
    "col": "burst of the row (col)",
    ADDRESS: "address",
}


@dataclass(frozen=True, slots=True)
class LineRules:
    """What the numbers of a line may be on a device, or on several channels of it."""

    form: FormatName
    device: DramDeviceSpec
    channels: int = 1

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return FORMATS[self.form]

    def limits(self) -> list[int]:
        """Per column, the first number that is too large."""
        counts = self.device.organisation.counts
        most = {
            ARRIVE: LATEST_ARRIVAL + 1,
            OP: 2,
            "pc": counts.pseudo_channels,
            "rank": counts.ranks,
            "bg": counts.bank_groups,
            "ba": counts.banks_per_group,
            "row": counts.rows,
            "col": self.device.bursts_per_row,
            ADDRESS: self.device.capacity_bytes * self.channels,
        }
        return [most[name] for name in self.columns]

    def problem(self, line: bytes, last_arrival: int) -> str:
        """The line, shortened, and the first thing that is wrong with it."""
        text = line.decode("utf-8", "replace").rstrip("\r\n")
        requests = text.partition("#")[0]
        strange = next((c for c in requests if not (" " <= c <= "~" or c in "\t\r")), None)
        if strange is not None:
            return (
                f"found the character U+{ord(strange):04X}: this is no text of the columns "
                f"{' '.join(self.columns)}"
            )
        return f"{_short(text)!r}: {self._fault(requests, last_arrival)}"

    def _fault(self, text: str, last_arrival: int) -> str:
        words = text.split()
        if len(words) != len(self.columns):
            return self._wrong_count(len(words))
        for name, word, limit in zip(self.columns, words, self.limits(), strict=True):
            fault = _operation_fault(word) if name == OP else self._number_fault(name, word, limit)
            if fault:
                return fault
        return (
            f"arrives at cycle {number(words[0])}, before the request above it at cycle "
            f"{last_arrival}: arrival cycles must not go backwards"
        )

    def _wrong_count(self, found: int) -> str:
        names = " ".join(self.columns)
        text = (
            f"found {found} column{'s' if found != 1 else ''}, "
            f"expected {len(self.columns)}: {names}"
        )
        other = next((form for form, names in FORMATS.items() if len(names) == found), None)
        if other is None:
            return text
        return f"{text}; for {' '.join(FORMATS[other])} use --format {other}"

    def _number_fault(self, name: str, word: str, limit: int) -> str | None:
        value = number(word)
        if value is not None and 0 <= value < limit:
            return None
        shown = _short(word)
        found = f"{NOUNS[name]} is {shown if value is not None else repr(shown)}"
        if name == ARRIVE:
            return f"{found}, expected a whole number of cycles from 0 to {limit - 1}"
        if name == ADDRESS:
            plural = "s" if self.channels > 1 else ""
            return (
                f"{found}, expected a byte address below {limit:#x}, the capacity of "
                f"{self.channels} channel{plural} of {self.device.name}"
            )
        if value is None:
            return f"{found}, expected a whole number from 0 to {limit - 1}"
        return f"{found}, {self.device.name} has {f'0 to {limit - 1}' if limit > 1 else 'only 0'}"


def number(word: str) -> int | None:
    """A decimal or 0x number of a trace, with a sign at most; None if it is none."""
    digits = word.removeprefix("-")
    try:
        value = int(digits, 16 if digits[:2].lower() == "0x" else 10)
    except ValueError:
        return None
    if "_" in digits or digits[0] in "+-":
        return None
    return -value if word.startswith("-") else value


def _operation_fault(word: str) -> str | None:
    if word.upper() in ("R", "W"):
        return None
    return f"operation is {_short(word)!r}, expected R or W"


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"
