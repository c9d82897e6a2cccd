"""Where everything lies in the kernel's flat arrays of 64-bit integers.

`t`, the tables, never change; `m`, the state, is everything that does: it can be
copied, compared and kept as one array. Scalars lie at fixed places (`K_…` in `t`,
`S_…`, `C_…` and `P_…` in `m`); arrays lie behind them, and their bases are in turn
at fixed places (`T_…` in `t`, `A_…` in `m`): element i of an array is
`m[m[A_READY] + i]`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.names import COMMAND_COUNT

Ints = NDArray[np.int64]

FAR = 1 << 60
"""A tick that never comes."""

READ, WRITE = 0, 1
LATENCY_BINS = 512
KINDS_OF_BINS = 4
"""Pictures count reads, writes, activations and refreshes per bank and bin of time."""

# -- tables ------------------------------------------------------------------------
# Constants of a device and its controller.
(
    K_NODES, K_BANKS, K_SCOPES, K_SCOPE_LEVEL, K_SCOPE_BANKS, K_WINDOW, K_READ_TICKS,
    K_WRITE_TICKS, K_TICKS_PER_CLOCK, K_DUAL, K_ACT2_DEADLINE, K_CLOCK_READ, K_CLOCK_WRITE,
    K_REFRESH, K_REFRESH_INTERVAL, K_SCHEDULER, K_HIT_CAP, K_PAGE, K_PAGE_CAP, K_READ_DEPTH,
    K_WRITE_DEPTH, K_WRITE_HIGH, K_WRITE_LOW, K_PER_TICK, K_FORWARD, K_BURST_TICKS, K_CLIENTS,
    K_RING, K_BINS, K_LOG, K_TURN, K_ASKED, K_ROW_SHIFT, K_XOR_BITS, K_PLAIN, K_LONGEST_WINDOW,
    K_STRETCH, K_NEAR_TICKS, K_SOON_TICKS, K_COUNTS_HITS, K_HIT_TICKS, K_WRITE_HIT_TICKS,
    K_PIM_BUFFERS, K_PIM_COMPOSITE, K_PIM_CORRECTED, K_PIM_RING, K_PIM_GROUP_BANKS,
    K_PIM_CLOSE_BANKS, K_PIM_INPUT_FROM_ROW,
    K_PIM_INPUT_TICKS, K_PIM_COMP_TICKS, K_PIM_FILL_TICKS, K_PIM_RESULTS, K_PIM_RANKS, K_FIT_CLOSE,
    K_FIT_OPEN, K_FIT_FIRST, K_FIT_COMP, K_FIT_LEAST_COMPS, K_FIT_RESULT, K_FIT_CLOSED_ROW,
    K_FIT_OTHER_ROW, K_SLACK_ANY, K_SLACK_ACT, K_SLACK_PRE, K_FIT_TESTS, K_PIM_ANNOUNCES,
    K_PIM_DOUBLE, K_PIM_ENTER, K_PIM_LEAVE, K_PIM_FINISHES, K_PIM_REGISTER_ROW,
    K_COUNT,
) = range(73)  # fmt: skip

# Bases of arrays. c_…: plain constraints by preceding command, x_…: those with windows
# or between siblings, h_…: histories that windows need.
(
    T_ANCESTORS, T_C_START, T_C_LEVEL, T_C_AFTER, T_C_DELAY, T_X_START, T_X_LEVEL, T_X_AFTER,
    T_X_DELAY, T_X_WINDOW, T_X_SIBLINGS, T_X_HISTORY, T_H_START, T_H_LEVEL, T_LEVEL_COUNT,
    T_LEVEL_BASE, T_SCOPE_OF_BANK, T_PC_OF_BANK, T_RANK_OF_BANK, T_ON_COLUMN_BUS,
    T_ON_FALLING_EDGE, T_DEEP, T_PLACE, T_END,
) = range(K_COUNT, K_COUNT + 24)  # fmt: skip

# -- state -------------------------------------------------------------------------
# Scalars that change.
(
    S_TICK, S_FLOOR, S_FLOOR_ROW, S_WRITE_MODE, S_NEXT_REFRESH, S_REFRESH_BANK, S_FREE, S_SEQ,
    S_READ_ENTRIES, S_WRITE_ENTRIES, S_READS, S_WRITES, S_PRIORITY_HEAD, S_PRIORITY, S_ACTIVE,
    S_ACT2_BANK, S_ACT2_SLOT, S_ACT2_DEADLINE, S_CLOCK_UNTIL, S_PAIR_TICK, S_PAIR_PC,
    S_PAIR_BANK, S_BIN_SHIFT, S_LOG, S_CLIENT, S_TURN, S_PENDING, S_COMPLETED, S_MARK, S_LATE,
    S_PIM_HEAD, S_PIM_LENGTH, S_PIM_STAGE, S_PIM_INPUTS, S_PIM_TILE, S_PIM_SEGMENT, S_PIM_STEP,
    S_PIM_FITS, S_PIM_SKIPS, S_PIM_SLACK, S_PIM_ROW, S_PIM_OPEN, S_PIM_INPUT_BANK, S_PIM_SINCE,
    S_PIM_SUMS, S_PIM_OWED, S_PIM_OWED_ROW, S_PIM_OWED_TRANSFER, S_PIM_OWED_TILES, S_PIM_AHEAD,
    S_PIM_MODE, S_PIM_NEXT, S_PIM_OPENING, S_PIM_OPENING_TICK, S_COMING, S_COUNT,
) = range(56)  # fmt: skip

# Counters that only grow (C_LAST_… and C_…_MAX are maxima); C_COMMAND has one per command.
(
    C_READS, C_WRITES, C_HITS, C_MISSES, C_CONFLICTS, C_LATENCY, C_LATENCY_MAX, C_FORWARDED,
    C_COALESCED, C_LAST_READ, C_LAST_WRITE, C_LAST_WRITE_DATA, C_BUSY, C_REFRESH_LATE,
    C_ROW_OPEN, C_PIM_COMPS, C_PIM_TILES, C_PIM_TICKS, C_PIM_LAST, C_COMMAND,
) = range(S_COUNT, S_COUNT + 20)  # fmt: skip
C_END = C_COMMAND + COMMAND_COUNT

# The next command of each bus; the second bus has its own P_COUNT places further on.
P_COUNT = 6
P_TICK, P_RANK, P_SEQ, P_KIND, P_INDEX, P_COMMAND = range(C_END, C_END + P_COUNT)
P_END = C_END + 2 * P_COUNT
NOTHING, ACTIVE, PRIORITY, ENTRY, SECOND_HALF, PIM = range(6)

# A run of the units: where its input lies, then tiles of one row each in consecutive rows,
# with so many segments of so many COMPs; GWRITEs before it, and the transfer it belongs to.
# Sums are read out behind each RUN_SUMS segments and the last one, or kept for the next run.
RUN_FIELDS = 10
(
    RUN_BANK, RUN_ROW, RUN_FIRST, RUN_TILES, RUN_SEGMENTS, RUN_COMPS, RUN_INPUTS, RUN_TRANSFER,
    RUN_SUMS, RUN_KEEPS,
) = range(RUN_FIELDS)  # fmt: skip
INPUT, HEADER, COMPUTE, ENTER, DRAIN, LEAVE = range(6)
"""Stages of a run, of which HEADER and COMPUTE come once per tile. ENTER and LEAVE are before
the first and behind the last run: the memory changes its mode. DRAIN: results are still owed."""

# Bases of arrays.
# ready: first legal tick [command, node]. history: last ticks of windowed commands.
# open_row: -1 if closed. row_hits: column commands since the row was opened. closing: a
# precharge has been asked for. slot_…: one request each; free_slots is a stack.
# entry_…: requests of one queue, bank and row, oldest first; entry_key is bank and row in
# one, entry_tick a tick before which entry_command, its next command, is not legal; known as
# long as entry_stamp is the bank's stamp, which counts openings and closings.
# active_…: requests whose row was opened for them. priority_…: refreshes and precharges, in
# order. ring_…: transfers of each client that have not entered yet; transfer_…: bursts not
# yet served, and the tick at which the last data moved. pim_open_row, pim_group_open,
# pim_scope_open: rows open for the units, by bank, and how many by group and refresh scope.
# pim_runs: runs not yet done.
(
    A_READY, A_HISTORY, A_OPEN_ROW, A_ROW_HITS, A_CLOSING, A_SCOPE_OPEN, A_SCOPE_ACTIVE,
    A_BANK_ACTIVE, A_RANK_OPEN, A_RANK_SINCE, A_SLOT_ARRIVE, A_SLOT_COLUMN, A_SLOT_SEQ,
    A_SLOT_NEXT, A_SLOT_SOURCE, A_SLOT_QUEUE, A_SLOT_SEEN, A_FREE_SLOTS, A_ENTRY_BANK,
    A_ENTRY_ROW, A_ENTRY_HEAD, A_ENTRY_TAIL, A_ENTRY_SEQ, A_ENTRY_TICK, A_ENTRY_COMMAND,
    A_ENTRY_STAMP, A_ENTRY_KEY, A_BANK_STAMP, A_ACTIVE_SLOT, A_ACTIVE_BANK, A_PRIORITY_COMMAND,
    A_PRIORITY_TARGET, A_PRIORITY_DUE, A_REQUEST, A_RING_HEAD, A_RING_LENGTH, A_RING_BURST,
    A_RING_LEFT, A_RING_QUEUE, A_RING_TRANSFER, A_TRANSFER_LEFT, A_TRANSFER_DONE,
    A_LATENCY_BINS, A_BINS, A_LOG, A_PIM_OPEN_ROW, A_PIM_GROUP_OPEN, A_PIM_SCOPE_OPEN, A_PIM_RUNS,
    A_END,
) = range(P_END, P_END + 50)  # fmt: skip

# -- memory of stretches -------------------------------------------------------------
# A third array, `x`, is empty or remembers what has been served before (`memo.py`):
# where its parts start and how much is in them. Rows and transfers are those that the
# images just taken speak of.
(
    X_TABLE_SIZE, X_RECORD_WORDS, X_STORED, X_USED, X_LEARNING, X_KEY_HASH, X_KEY_WORDS,
    X_ROW_COUNT, X_SOURCE_COUNT, X_KEY, X_BEFORE, X_ORDER, X_ROWS, X_SOURCES, X_BASE_ROWS,
    X_READ_AGE, X_WRITE_SHIFT, X_PASSED, X_MISSED, X_TABLE, X_POOL,
    X_END,
) = range(22)  # fmt: skip


def pack(scalars: Ints, arrays: Mapping[int, Ints]) -> Ints:
    """Scalars, the bases of arrays by their places, the end, then the arrays."""
    head = len(scalars) + len(arrays) + 1
    ordered = [arrays[place] for place in range(len(scalars), head - 1)]
    bases = head + np.cumsum([0, *(len(array) for array in ordered)])
    return np.concatenate([scalars, bases, *ordered]).astype(np.int64)


def view(packed: Ints, place: int) -> Ints:
    """An array of a packed one, by the place of its base."""
    return packed[packed[place] : packed[place + 1]]
