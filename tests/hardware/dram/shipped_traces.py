"""The traces in `workloads/dram`: `python -m tests.hardware.dram.shipped_traces` writes them.

Patterns that a person can follow by hand, small enough to be read.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "workloads" / "dram"
PSEUDO_CHANNELS, BANK_GROUPS, BANKS, BURSTS = 2, 4, 4, 32
"""Of an HBM2 channel, one rank; bursts of a row."""
COORDINATES = "# arrive op pc rank bg ba row col"
ADDRESSES = "# arrive op address"


def stream() -> Iterator[str]:
    """2048 reads: pseudo channels, then bank groups, then bursts, banks and rows."""
    for number in range(2048):
        yield f"0 R {place(number)}"


def triad() -> Iterator[str]:
    """a[i], b[i] and c[i] of c = a + b: two reads and a write, in rows of other banks."""
    for number in range(683):
        for op, shift in (("R", 0), ("R", 1), ("W", 2)):
            yield f"0 {op} {place(number, shift)}"


def random() -> Iterator[str]:
    """2048 reads of bursts chosen by a linear congruential generator (Knuth's MMIX)."""
    state = 1
    for _ in range(2048):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        bits = state >> 40
        fields = []
        for size in (PSEUDO_CHANNELS, 1, BANK_GROUPS, BANKS, 4096, BURSTS):
            fields.append(str(bits % size))
            bits //= size
        yield f"0 R {' '.join(fields)}"


def conflict() -> Iterator[str]:
    """500 reads, each of the next row of the same bank."""
    for row in range(500):
        yield f"0 R 0 0 0 0 {row} 0"


def tiles() -> Iterator[str]:
    """A 64×64 tile of 16-bit numbers, a quarter of its rows per 64 cycles, then its result."""
    row_bytes, base = 2 * 4096, 0x100000
    for row in range(64):
        for column in range(0, 128, 32):
            yield f"{row // 16 * 64} R {base + row * row_bytes + column:#x}"
    for number in range(0, 8192, 32):
        yield f"256 W {0x4000000 + number:#x}"


def place(number: int, shift: int = 0) -> str:
    """Coordinates of a burst of a stream; shift: banks further on, and rows."""
    pc, number = number % PSEUDO_CHANNELS, number // PSEUDO_CHANNELS
    group, number = number % BANK_GROUPS, number // BANK_GROUPS
    burst, number = number % BURSTS, number // BURSTS
    bank, row = (number + shift) % BANKS, number // BANKS + 1024 * shift
    return f"{pc} 0 {group} {bank} {row} {burst}"


TRACES = {
    "hbm2_stream": (stream, COORDINATES, "HBM2, both pseudo channels: a stream over bank groups"),
    "hbm2_triad": (triad, COORDINATES, "HBM2, both pseudo channels: two streams read, one written"),
    "hbm2_random": (random, COORDINATES, "HBM2, both pseudo channels: single bursts at random"),
    "hbm2_conflict": (conflict, COORDINATES, "HBM2, one bank: every read of another row"),
    "tile_addresses": (
        tiles,
        ADDRESSES,
        "byte addresses: a tile of a matrix read, its result written",
    ),
}


def text(name: str) -> str:
    """A trace as it is in its file."""
    requests, columns, title = TRACES[name]
    lines = list(requests())
    assert all(int(a.split()[0]) <= int(b.split()[0]) for a, b in pairwise(lines))
    return "\n".join([f"# {title}", columns, *lines]) + "\n"


def main() -> None:
    """Write all traces; equal contents give equal bytes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in TRACES:
        packed = gzip.compress(text(name).encode(), mtime=0)
        (FOLDER / f"{name}.txt.gz").write_bytes(packed)


if __name__ == "__main__":
    main()
