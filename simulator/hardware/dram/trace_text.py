"""The numbers of a text block of requests, by one compiled pass over its bytes.

Stands alone, so that numba's cache notices every change of it. It only finds the
first bad line; `trace_lines` says in words what is wrong with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.kernel.jit import compiled

Ints = NDArray[np.int64]
Bytes = NDArray[np.uint8]

OP_COLUMN = 1
"""Column of the operation; all others are whole numbers."""
BLOCK_READ, ROWS_FULL, BAD_LINE = range(3)
"""Why `parse` stopped: all is read; no room for more rows; `P_AT` is at a bad line."""
P_AT, P_LINE, P_ROWS, P_LAST, P_COUNT = range(5)
"""Places in `parse`'s position: byte, lines before it, rows filled, arrival of the last."""

LARGEST = 2**62
TAB, NEWLINE, RETURN, SPACE, HASH = 9, 10, 13, 32, 35
ZERO, NINE, SMALL_A, SMALL_F, SMALL_R, SMALL_W, SMALL_X = 48, 57, 97, 102, 114, 119, 120
SMALL = 32
"""The bit that makes a letter a small one."""


@compiled
def parse(text: Bytes, rows: Ints, limits: Ints, position: Ints) -> int:
    """Fill `rows` from `text`, from `position` on; returns why it stopped.

    text: whole lines. rows: [n, columns]; the operation becomes 0 for a read, 1 for
    a write. limits: per column, the first number that is too large.
    """
    while position[P_AT] < len(text):
        if position[P_ROWS] == rows.shape[0]:
            return ROWS_FULL
        if not _line(text, rows, limits, position):
            return BAD_LINE
    return BLOCK_READ


@compiled
def _line(text: Bytes, rows: Ints, limits: Ints, position: Ints) -> bool:
    """Read a line, if nothing is wrong with it."""
    at, row, column = position[P_AT], position[P_ROWS], 0
    while True:
        while _is_blank(text[at]):
            at += 1
        if text[at] in (NEWLINE, HASH):
            break
        if column == rows.shape[1]:
            return False
        if column == OP_COLUMN:
            value, at = _operation(text[at]), at + 1
        else:
            value, at = _number(text, at)
        if value < 0 or value >= limits[column]:
            return False
        if text[at] not in (SPACE, TAB, RETURN, NEWLINE, HASH):
            return False
        rows[row, column] = value
        column += 1
    if column:
        if column < rows.shape[1] or rows[row, 0] < position[P_LAST]:
            return False
        position[P_LAST] = rows[row, 0]
        position[P_ROWS] = row + 1
    while text[at] != NEWLINE:
        at += 1
    position[P_AT] = at + 1
    position[P_LINE] += 1
    return True


@compiled
def _number(text: Bytes, at: int) -> tuple[Any, int]:
    """A decimal or 0x number from byte `at` on, -1 if it is none, and where it ends."""
    base = np.int64(10)
    if text[at] == ZERO and text[at + 1] | SMALL == SMALL_X:
        base, at = np.int64(16), at + 2
    start, value = at, np.int64(0)
    while True:
        digit = _digit(np.int64(text[at]), base)
        if digit < 0:
            return (value if at > start else np.int64(-1)), at
        if value > (LARGEST - digit) // base:
            return np.int64(-1), at
        value = value * base + digit
        at += 1


@compiled
def _digit(byte: Any, base: Any) -> Any:
    """What a byte counts as a digit, or -1."""
    if ZERO <= byte <= NINE:
        return byte - ZERO
    letter = byte | SMALL
    if base == 16 and SMALL_A <= letter <= SMALL_F:
        return letter - SMALL_A + 10
    return np.int64(-1)


@compiled
def _operation(byte: int) -> int:
    """0 for a read, 1 for a write, -1 for anything else."""
    letter = byte | SMALL
    if letter == SMALL_R:
        return 0
    return 1 if letter == SMALL_W else -1


@compiled
def _is_blank(byte: int) -> bool:
    return byte in (SPACE, TAB, RETURN)
