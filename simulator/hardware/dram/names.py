"""Commands and levels of DRAM by number, as the compiled loop knows them.

Devices name their commands in YAML. A split activation (LPDDR) calls its first
half `ACT1`; it opens the row and so has the place of `ACT`.
"""

from __future__ import annotations

ACT = 0
PRE = 1
PREA = 2
RD = 3
WR = 4
RDA = 5
WRA = 6
REFAB = 7
REFPB = 8
ACT2 = 9
CAS_RD = 10
CAS_WR = 11

COMMANDS = {
    "ACT": ACT,
    "ACT1": ACT,
    "PRE": PRE,
    "PREA": PREA,
    "RD": RD,
    "WR": WR,
    "RDA": RDA,
    "WRA": WRA,
    "REFab": REFAB,
    "REFpb": REFPB,
    "ACT2": ACT2,
    "CAS_RD": CAS_RD,
    "CAS_WR": CAS_WR,
}
COMMAND_COUNT = 12
REQUIRED = ("PRE", "PREA", "RD", "WR", "RDA", "WRA", "REFab")
"""Commands that every device has, besides ACT or ACT1."""

LEVELS = ("channel", "pseudo_channel", "rank", "bank_group", "bank")
CHANNEL, PSEUDO_CHANNEL, RANK, BANK_GROUP, BANK = range(len(LEVELS))
