"""Request streams of known shapes, as [n, 5] arrays that a channel is fed.

Columns: arrival in clock cycles, 0 for a read or 1 for a write, bank, row, burst of
the row. The streams are those of the published cross-check of DRAM simulators; they
touch the first rank only, whose banks come first.
"""

from __future__ import annotations

import hashlib
import random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.spec import DramDeviceSpec

Ints = NDArray[np.int64]

READ, WRITE = 0, 1
SEED = 20240607
RANDOM_ROWS = 4096
RANDOM_SKIPPED = {1000: 0, 10_000: 1000}
"""Random streams of each length begin behind the shorter one."""
APART_CYCLES = 200
"""Between the requests of streams that leave the channel idle."""
IDLE_ROW = 5
ARRAY_ROWS = 1024
"""Rows between the arrays of `triad`."""


class Shape(NamedTuple):
    """Bank groups, banks in each, bursts per row."""

    groups: int
    banks: int
    bursts: int

    @classmethod
    def of(cls, device: DramDeviceSpec) -> Shape:
        counts = device.organisation.counts
        return cls(counts.bank_groups, counts.banks_per_group, device.bursts_per_row)


def seqbg(shape: Shape, count: int) -> Ints:
    """Reads in sequence, bank groups fastest, then bursts, banks, rows."""
    group, burst, bank, row = _digits(count, shape.groups, shape.bursts, shape.banks)
    return requests(shape, group=group, bank=bank, row=row, burst=burst)


def seqco(shape: Shape, count: int) -> Ints:
    """Reads in sequence, a whole row of a bank before the next bank group."""
    burst, group, bank, row = _digits(count, shape.bursts, shape.groups, shape.banks)
    return requests(shape, group=group, bank=bank, row=row, burst=burst)


def rowrot(shape: Shape, count: int) -> Ints:
    """One read per row, rotating over all banks, bank groups fastest."""
    group, bank, row = _digits(count, shape.groups, shape.banks)
    return requests(shape, group=group, bank=bank, row=row)


def conflict(shape: Shape, count: int) -> Ints:
    """Every read in the next row of the same bank."""
    return requests(shape, row=np.arange(count))


def idlehit(shape: Shape, count: int) -> Ints:
    """Reads of one row, far apart."""
    index = np.arange(count)
    return requests(
        shape, arrive=APART_CYCLES * index, row=IDLE_ROW + 0 * index, burst=index % shape.bursts
    )


def triad(shape: Shape, count: int) -> Ints:
    """Read a[i], read b[i], write c[i]: arrays in other rows, and banks one apart."""
    array = np.arange(count) % 3
    stream = np.repeat(seqbg(shape, -(-count // 3)), 3, axis=0)[:count]
    bank = stream[:, 2] % shape.banks
    stream[:, 1] = array == 2
    stream[:, 2] += (bank + array) % shape.banks - bank
    stream[:, 3] += ARRAY_ROWS * array
    return stream


def rand(shape: Shape, count: int) -> Ints:
    """Reads of random bursts of the first rows, none twice."""
    generator = random.Random(SEED)
    for skipped in (RANDOM_SKIPPED[count], count):
        places: dict[tuple[int, ...], None] = {}
        while len(places) < skipped:
            sizes = (1, 1, shape.groups, shape.banks, RANDOM_ROWS, shape.bursts)
            places[tuple(generator.randrange(size) for size in sizes)] = None
    _, _, group, bank, row, burst = np.array(list(places)).T
    return requests(shape, group=group, bank=bank, row=row, burst=burst)


def mixrand(shape: Shape, count: int) -> Ints:
    """As `rand`, every third a write."""
    stream = rand(shape, count)
    stream[:, 1] = np.arange(count) % 3 == 2
    return stream


def sparse(shape: Shape, count: int) -> Ints:
    """As `rand`, far apart."""
    stream = rand(shape, count)
    stream[:, 0] = APART_CYCLES * np.arange(count)
    return stream


KINDS = {
    make.__name__: make
    for make in (seqbg, seqco, rowrot, conflict, idlehit, triad, rand, mixrand, sparse)
}


def requests(shape: Shape, **fields: Ints) -> Ints:
    """Reads at cycle 0 of bank group, bank, row and burst 0, where `fields` say nothing else."""
    size = max(len(field) for field in fields.values())
    given = {name: np.broadcast_to(field, size) for name, field in fields.items()}
    zero = np.zeros(size, dtype=np.int64)
    flat = given.get("group", zero) * shape.banks + given.get("bank", zero)
    columns = [given.get("arrive", zero), given.get("op", zero), flat]
    columns += [given.get("row", zero), given.get("burst", zero)]
    return np.stack(columns, axis=1).astype(np.int64)


def digest(shape: Shape, stream: Ints) -> str:
    """SHA-256 of the stream as lines `arrive op pc rank bg ba row col` (pc and rank 0)."""
    lines = []
    for arrive, op, bank, row, burst in stream.tolist():
        group, inner = divmod(bank, shape.banks)
        lines.append(f"{arrive} {'RW'[op]} 0 0 {group} {inner} {row} {burst}\n")
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _digits(count: int, *sizes: int) -> list[Ints]:
    """The numbers below `count` in mixed radix, fastest first, the last digit without end."""
    left = np.arange(count)
    digits = []
    for size in sizes:
        digits.append(left % size)
        left = left // size
    return [*digits, left]
