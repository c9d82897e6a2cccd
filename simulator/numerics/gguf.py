"""GGUF's quantisation types: what a block of weights holds, and where each bit of it lies.

A block is 32 weights with a scale, or a super-block of 256 whose sub-blocks of 16 or 32
have scales (and minima) of a few bits, which one or two fp16 numbers scale in turn. Blocks
lie along a row of k weights, and a row is whole blocks. The layouts are those of ggml
(`ggml-common.h`, `ggml-quants.c`, MIT).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError, nearest
from simulator.numerics.formats import NumberFormat, format_named

Indices = NDArray[np.int64]
Place = Callable[[Indices, Indices], Indices]
"""Position in a block of bit b (second) of item i (first), from the lowest bit of byte 0 on."""

FLOAT_BITS = 16
"""Of d and dmin, in fp16."""
BLOCK, SUPER_BLOCK = 32, 256
QUARTER, HALF = 64, 128


@dataclass(frozen=True)
class GgufType:
    """A quantisation type: weight = d · scale · code + sign · dmin · minimum.

    element: format of the codes. block_size: weights per block; group_size: per scale.
    block_bytes: of one block. code_place: where its codes' bits lie, in excess of half the
        range (in two's complement of 8 bits).
    d_byte, dmin_byte: where these fp16 numbers begin; None where there is no minimum.
    scale_bits, scale_place: of integer scales, signed where codes are; 0 and None where
        every block has d alone. minimum_bits, minimum_place: of unsigned integer minima,
        which are subtracted; 0 and None where dmin is added as it is, or nothing is.
    """

    name: str
    element: str
    block_size: int
    group_size: int
    block_bytes: int
    d_byte: int
    code_place: Place
    dmin_byte: int | None = None
    scale_bits: int = 0
    scale_place: Place | None = None
    minimum_bits: int = 0
    minimum_place: Place | None = None

    @property
    def code(self) -> NumberFormat:
        """Format of the codes."""
        return format_named(self.element)

    @property
    def groups(self) -> int:
        """Scales of a block."""
        return self.block_size // self.group_size

    @property
    def has_minimum(self) -> bool:
        """Whether a group has a minimum besides its scale."""
        return self.dmin_byte is not None

    @property
    def sign(self) -> int:
        """Of a minimum: integer ones are subtracted."""
        return -1 if self.minimum_bits else 1

    @property
    def group_bits(self) -> int:
        """Bits per group that are no codes: its share of the block's, always whole."""
        return (8 * self.block_bytes - self.block_size * self.code.bits) // self.groups

    @property
    def bits_per_weight(self) -> float:
        """Bits of a block per weight, scales and minima included."""
        return 8 * self.block_bytes / self.block_size

    @cached_property
    def code_bits(self) -> Indices:
        """Positions of the codes' bits, [weight, bit], lowest bit first."""
        return _places(self.code_place, self.block_size, self.code.bits)

    @cached_property
    def scale_positions(self) -> Indices:
        """Positions of the scales' bits, [group, bit]."""
        assert self.scale_place is not None
        return _places(self.scale_place, self.groups, self.scale_bits)

    @cached_property
    def minimum_positions(self) -> Indices:
        """Positions of the minima's bits, [group, bit]."""
        assert self.minimum_place is not None
        return _places(self.minimum_place, self.groups, self.minimum_bits)

    def blocks(self, depth: int, what: str) -> int:
        """Blocks of a row of `depth` weights.

        Raises CyclelabError, which begins with `what` has the row, unless they fill it.
        """
        blocks, rest = divmod(depth, self.block_size)
        if rest or not blocks:
            raise CyclelabError(
                f"{what} has k = {depth}, which is no multiple of {self.block_size}, the "
                f"weights in a block of {self.name}"
            )
        return blocks


def _places(place: Place, items: int, bits: int) -> Indices:
    i, b = np.indices((items, bits))
    return place(i, b)


def _at(byte: Indices | int, bit: Indices) -> Indices:
    found: Indices = 8 * byte + bit
    return found


def _nibbles(first_byte: int) -> Place:
    """Weight i of 32 in the lower half of byte i, those from 16 on in the upper halves."""
    return lambda i, b: _at(first_byte + i % 16, 4 * (i // 16) + b)


def _nibbles_and_fifth(first_byte: int) -> Place:
    """The fifth bits of 32 weights in four bytes, the others behind as nibbles."""
    low = _nibbles(first_byte + 4)
    return lambda i, b: np.where(b < 4, low(i, b), 8 * first_byte + i)


def _pairs(first_byte: int) -> Place:
    """Two bits of each weight: weights 32 apart share a byte, four of a half of 128."""
    return lambda i, b: _at(first_byte + 32 * (i // HALF) + i % 32, 2 * (i % HALF // 32) + b)


def _super_nibbles(first_byte: int) -> Place:
    """Four bits of each weight: weights 32 apart share a byte, two of each 64."""
    return lambda i, b: _at(first_byte + 32 * (i // QUARTER) + i % 32, 4 * (i % QUARTER // 32) + b)


def _third_bits(i: Indices, b: Indices) -> Indices:
    """q3_k: the third bit of weights 32 apart in one of 32 bytes, the others behind."""
    return np.where(b < 2, _pairs(32)(i, b), _at(i % 32, i // 32))


def _fifth_bits(i: Indices, b: Indices) -> Indices:
    """q5_k: as q3_k's third bits, in front of the nibbles."""
    return np.where(b < 4, _super_nibbles(48)(i, b), _at(16 + i % 32, i // 32))


def _six_bits(i: Indices, b: Indices) -> Indices:
    """q6_k: four bits of weights 64 apart share a byte, then two bits each as in q2_k."""
    quarter = i % HALF // 32
    low = _at(QUARTER * (i // HALF) + 32 * (quarter % 2) + i % 32, 4 * (quarter // 2) + b)
    return np.where(b < 4, low, _pairs(128)(i, b - 4))


def _q3_scales(s: Indices, b: Indices) -> Indices:
    """Four lower bits in 8 bytes, eight scales apart; two upper ones in 4, four apart."""
    low = _at(96 + s % 8, 4 * (s // 8) + b)
    return np.where(b < 4, low, _at(104 + s % 4, 2 * (s // 4) + b - 4))


def _six_bit_scales(s: Indices, b: Indices) -> Indices:
    """q4_k, q5_k: four of 6 bits in a byte each; of the others the two upper bits there, too."""
    low = _at(np.where(s < 4, 4 + s, 8 + s), b)
    return np.where((s < 4) | (b < 4), low, _at(s, b + 2))


def _six_bit_minima(s: Indices, b: Indices) -> Indices:
    """As the scales, four bytes behind, or in the upper half of a byte."""
    low = _at(8 + s, np.where(s < 4, b, 4 + b))
    return np.where((s < 4) | (b < 4), low, _at(4 + s, b + 2))


_ENTRIES = (
    GgufType("q4_0", "int4", BLOCK, BLOCK, 18, 0, _nibbles(2)),
    GgufType("q4_1", "uint4", BLOCK, BLOCK, 20, 0, _nibbles(4), dmin_byte=2),
    GgufType("q5_0", "int5", BLOCK, BLOCK, 22, 0, _nibbles_and_fifth(2)),
    GgufType("q5_1", "uint5", BLOCK, BLOCK, 24, 0, _nibbles_and_fifth(4), dmin_byte=2),
    GgufType("q8_0", "int8", BLOCK, BLOCK, 34, 0, lambda i, b: _at(2 + i, b)),
    GgufType(
        "q2_k", "uint2", SUPER_BLOCK, 16, 84, 80, _pairs(16), 82,
        4, _at, 4, lambda s, b: _at(s, 4 + b),
    ),
    GgufType("q3_k", "int3", SUPER_BLOCK, 16, 110, 108, _third_bits, None, 6, _q3_scales),
    GgufType(
        "q4_k", "uint4", SUPER_BLOCK, 32, 144, 0, _super_nibbles(16), 2,
        6, _six_bit_scales, 6, _six_bit_minima,
    ),
    GgufType(
        "q5_k", "uint5", SUPER_BLOCK, 32, 176, 0, _fifth_bits, 2,
        6, _six_bit_scales, 6, _six_bit_minima,
    ),
    GgufType(
        "q6_k", "int6", SUPER_BLOCK, 16, 210, 208, _six_bits, None,
        8, lambda s, b: _at(192 + s, b),
    ),
)  # fmt: skip
GGUF_TYPES: dict[str, GgufType] = {entry.name: entry for entry in _ENTRIES}
"""Types with a name of their own."""


def gguf_type(name: str) -> GgufType:
    """The type `name`; raises CyclelabError with the nearest name if there is none."""
    if name in GGUF_TYPES:
        return GGUF_TYPES[name]
    near = nearest(name, GGUF_TYPES)
    raise CyclelabError(
        f"no GGUF type is called {name!r}; known: {', '.join(GGUF_TYPES)}"
        + (f"; did you mean {near!r}?" if near else "")
    )
