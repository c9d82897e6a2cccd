"""What a buffer is made of, and what an access to it is: banks of one sram macro."""

from __future__ import annotations

from functools import lru_cache
from math import ceil
from typing import Protocol

from simulator.config import CyclelabError
from simulator.hardware.primitives import Action, Part, Primitive

BITS_PER_BYTE = 8


class Banked(Protocol):
    """A buffer built from banks of one sram macro."""

    @property
    def capacity_bytes(self) -> int:
        """Of all banks."""

    @property
    def bank_bytes(self) -> int:
        """Of one bank."""

    @property
    def width_bits(self) -> int:
        """Of one access."""


def bank(spec: Banked) -> Primitive:
    """Return one bank: single-ported, `width_bits` per access."""
    return _bank(spec.width_bits, spec.bank_bytes)


def _bank(width_bits: int, bank_bytes: int) -> Primitive:
    return Primitive("sram", bits=width_bits, capacity_bytes=bank_bytes)


def bank_count(spec: Banked) -> int:
    """Return the whole banks that hold `capacity_bytes`."""
    return ceil(spec.capacity_bytes / spec.bank_bytes)


def scratchpad_parts(spec: Banked, path: str) -> tuple[Part, ...]:
    """Return the banks, all at `path`. Two ports are banks that read while others write."""
    return (Part(path, bank(spec), bank_count(spec)),)


def read_action(spec: Banked, path: str) -> Action:
    """Return the read of `width_bits` from one bank of the buffer at `path`."""
    return _access(path, spec.width_bits, spec.bank_bytes, "read")


def write_action(spec: Banked, path: str) -> Action:
    """Return the write of `width_bits` to one bank of the buffer at `path`."""
    return _access(path, spec.width_bits, spec.bank_bytes, "write")


@lru_cache(maxsize=256)
def _access(path: str, width_bits: int, bank_bytes: int, verb: str) -> Action:
    return Action(path, _bank(width_bits, bank_bytes), verb)


def accesses(spec: Banked, transferred_bytes: int) -> int:
    """Return the bank accesses that move `transferred_bytes`, the last one perhaps in part.

    Raises CyclelabError for a negative number of bytes.
    """
    if transferred_bytes < 0:
        raise CyclelabError(f"a buffer cannot move {transferred_bytes} bytes")
    return -(-transferred_bytes * BITS_PER_BYTE // spec.width_bits)
