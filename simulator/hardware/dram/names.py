"""Commands and levels of DRAM by number, as the compiled loop knows them.

Devices name their commands in YAML. A split activation (LPDDR) calls its first
half `ACT1`; it opens the row and so has the place of `ACT`. Memories that compute
have more (`PIM_COMMANDS`), and moments between commands that constraints count from.
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
GWRITE = 12
G_ACT = 13
COMP = 14
READRES = 15
COMPS_READRES = 16
PIM_PRE = 17
PIM_HEADER = 18
PIM_MODE = 19
FIRST_COMP = 20
COMPS_DONE = 21

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
PIM_COMMANDS = {
    "GWRITE": GWRITE,
    "G_ACT": G_ACT,
    "COMP": COMP,
    "READRES": READRES,
    "COMPS_READRES": COMPS_READRES,
    "PIM_PRECHARGE": PIM_PRE,
    "PIM_HEADER": PIM_HEADER,
    "PIM_MODE": PIM_MODE,
}
"""Of memories that compute: load an input, open rows for the units, multiply and add, read
results, the last two in one, close the units' rows, announce a tile, and lead from requests to
the units or back."""
MOMENTS = {"FIRST_COMP": FIRST_COMP, "COMPS_DONE": COMPS_DONE}
"""The first COMP behind a result was issued; the results of a COMPS_READRES are out."""
COMMANDS |= PIM_COMMANDS
PLAIN_COMMAND_COUNT = 12
COMMAND_COUNT = 22
REQUIRED = ("PRE", "PREA", "RD", "WR", "RDA", "WRA", "REFab")
"""Commands that every device has, besides ACT or ACT1."""

LEVELS = ("channel", "pseudo_channel", "rank", "bank_group", "bank")
CHANNEL, PSEUDO_CHANNEL, RANK, BANK_GROUP, BANK = range(len(LEVELS))
