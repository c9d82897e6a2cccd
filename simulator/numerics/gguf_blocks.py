"""Weights in blocks of a GGUF type: made from real numbers, back, and as bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.config import CyclelabError
from simulator.numerics.formats import as_format, rounded
from simulator.numerics.gguf import FLOAT_BITS, GgufType, Indices, gguf_type

Floats = NDArray[np.float64]
BYTE_BITS = 8


@dataclass(frozen=True)
class GgufBlocks:
    """Rows of blocks: weight = d · scale · code + sign · dmin · minimum.

    codes: [..., blocks, weights] in the type's element format. d, dmin: fp16,
        [..., blocks]. scales, minima: whole numbers, [..., blocks, groups]; all 1 where
        the type has none of its own, and minima all 0 where it has no dmin.
    """

    kind: GgufType
    codes: NDArray[Any]
    d: NDArray[np.float16]
    dmin: NDArray[np.float16]
    scales: NDArray[np.int64]
    minima: NDArray[np.int64]

    @property
    def scale(self) -> NDArray[np.float32]:
        """What the codes of a group are multiplied by, exact: d · scale, [..., all groups]."""
        return _by_group(self.d, self.scales)

    @property
    def offset(self) -> NDArray[np.float32]:
        """What is added then, exact: sign · dmin · minimum, [..., all groups]."""
        return _by_group(self.dmin, self.kind.sign * self.minima)


def _by_group(number: NDArray[np.float16], integers: NDArray[np.int64]) -> NDArray[np.float32]:
    products = number.astype(np.float32)[..., None] * integers.astype(np.float32)
    return products.reshape(*products.shape[:-2], -1)


def quantise_gguf(values: NDArray[Any], name: str) -> GgufBlocks:
    """Quantise rows of weights, [..., k], to a type.

    Without a minimum, d brings the value of largest magnitude to the most negative code
    (of q8_0 its magnitude to 127), as ggml does; with one, the smallest value (of a
    super-block not above 0) becomes code 0 and the largest the largest code. Scales of a
    super-block are brought to their integers in the same way. d and dmin are rounded to
    fp16 and scales to integers before codes are made with them, everything half to even.
    ggml looks on for scales with a smaller error; here is no such search.

    Raises CyclelabError where blocks do not fill a row, for values that are not finite,
    and where d or dmin overflow.
    """
    kind = gguf_type(name)
    wide = np.asarray(values, dtype=np.float64)
    if not wide.ndim or not wide.size:
        raise CyclelabError(f"cannot quantise values of shape {wide.shape}: there are none")
    if not np.isfinite(wide).all():
        raise CyclelabError("cannot quantise values that are infinite or not a number")
    blocks = kind.blocks(wide.shape[-1], f"a tensor of shape {wide.shape}")
    grouped = wide.reshape(*wide.shape[:-1], blocks, kind.groups, kind.group_size)
    low = np.zeros(grouped.shape[:-1])
    if kind.has_minimum:
        low = grouped.min(axis=-1)
        low = np.minimum(low, 0) if kind.minimum_bits else low
        steps = (grouped.max(axis=-1) - low) / kind.code.maximum
    else:
        steps = _signed_steps(grouped, kind)
    d, scales = _shared(steps, kind.scale_bits, kind.code.signed)
    dmin, minima = _shared(kind.sign * low, kind.minimum_bits, signed=False)
    step = d.astype(np.float64)[..., None] * scales
    offset = kind.sign * dmin.astype(np.float64)[..., None] * minima
    ratios = (grouped - offset[..., None]) / np.where(step, step, np.inf)[..., None]
    codes = np.clip(np.rint(ratios), kind.code.minimum, kind.code.maximum)
    stored = codes.reshape(*wide.shape[:-1], blocks, kind.block_size).astype(kind.code.dtype)
    return GgufBlocks(kind, stored, d, dmin, scales, minima if kind.has_minimum else 0 * minima)


def _signed_steps(grouped: Floats, kind: GgufType) -> Floats:
    """Of each group, so that its largest magnitude becomes the most negative code."""
    if kind.element == "int8":
        largest: Floats = np.abs(grouped).max(axis=-1)
        return largest / kind.code.maximum
    return _largest(grouped) / kind.code.minimum


def _largest(values: Floats) -> Floats:
    """Along the last axis, the value of largest magnitude, with its sign; the first of equals."""
    where = np.abs(values).argmax(axis=-1)
    found: Floats = np.take_along_axis(values, where[..., None], axis=-1)[..., 0]
    return found


def _shared(
    values: Floats, bits: int, signed: bool
) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
    """One fp16 number per block and integers of `bits` whose products are near `values`.

    values: [..., blocks, groups], of which there is one where bits is 0.
    """
    if not bits:
        return _half(values[..., 0]), np.ones(values.shape, dtype=np.int64)
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    number = _half(_largest(values) / (low if signed else high))
    divisor = np.where(number, number, np.inf).astype(np.float64)[..., None]
    integers = np.clip(np.rint(values / divisor), low, high)
    return number, integers.astype(np.int64)


def _half(values: Floats) -> NDArray[np.float16]:
    found = rounded(values, "fp16", saturate=False)
    if not np.isfinite(found).all():
        raise CyclelabError("a scale is too large for fp16, which the blocks store it in")
    return found


def dequantise_gguf(blocks: GgufBlocks) -> NDArray[np.float32]:
    """The weights that blocks stand for, [..., k].

    Products of d, scale and code are exact in fp32, and so is dmin · minimum: only the sum
    of the two is rounded, once.
    """
    kind = blocks.kind
    shape = blocks.codes.shape[:-2]
    codes = blocks.codes.reshape(*shape, -1, kind.group_size).astype(np.float64)
    exact = codes * blocks.scale.astype(np.float64)[..., None]
    exact += blocks.offset.astype(np.float64)[..., None]
    return exact.astype(np.float32).reshape(*shape, -1)


def pack_gguf(blocks: GgufBlocks) -> NDArray[np.uint8]:
    """The bytes of each row, [..., bytes], as ggml lays blocks out.

    Raises CyclelabError for codes outside their format.
    """
    kind = blocks.kind
    codes = as_format(blocks.codes, kind.element).astype(np.int64)
    bits = np.zeros((*codes.shape[:-1], BYTE_BITS * kind.block_bytes), dtype=np.uint8)
    _scatter(bits, codes + _excess(kind), kind.code_bits)
    if kind.scale_bits:
        _scatter(bits, blocks.scales + _scale_excess(kind), kind.scale_positions)
    if kind.minimum_bits:
        _scatter(bits, blocks.minima, kind.minimum_positions)
    packed = np.packbits(bits, axis=-1, bitorder="little")
    for number, byte in ((blocks.d, kind.d_byte), (blocks.dmin, kind.dmin_byte)):
        if byte is not None:
            half = np.ascontiguousarray(number, dtype="<f2")[..., None].view(np.uint8)
            packed[..., byte : byte + FLOAT_BITS // BYTE_BITS] = half
    return packed.reshape(*codes.shape[:-2], -1)


def unpack_gguf(packed: NDArray[np.uint8], name: str) -> GgufBlocks:
    """Blocks from the bytes of whole rows, [..., bytes].

    Raises CyclelabError unless these are bytes of whole blocks.
    """
    kind = gguf_type(name)
    packed = np.asarray(packed)
    size = packed.shape[-1] if packed.ndim else 0
    if packed.dtype != np.uint8 or not size or size % kind.block_bytes:
        raise CyclelabError(
            f"expected rows of bytes (uint8), {kind.block_bytes} for each block of {name}, "
            f"found {packed.dtype} of shape {packed.shape}"
        )
    whole = packed.reshape(*packed.shape[:-1], -1, kind.block_bytes)
    bits = np.unpackbits(whole, axis=-1, bitorder="little")
    codes = _signed(_gather(bits, kind.code_bits), kind.code.bits, _excess(kind))
    ones = np.ones((*whole.shape[:-1], kind.groups), dtype=np.int64)
    scales, minima = ones, ones * kind.has_minimum
    if kind.scale_bits:
        stored = _gather(bits, kind.scale_positions)
        scales = _signed(stored, kind.scale_bits, _scale_excess(kind))
    if kind.minimum_bits:
        minima = _gather(bits, kind.minimum_positions)
    d, dmin = _number(whole, kind.d_byte), _number(whole, kind.dmin_byte)
    return GgufBlocks(kind, codes.astype(kind.code.dtype), d, dmin, scales, minima)


def _number(whole: NDArray[np.uint8], byte: int | None) -> NDArray[np.float16]:
    """The fp16 number that begins at a byte of each block; 0 if there is none."""
    if byte is None:
        return np.zeros(whole.shape[:-1], dtype=np.float16)
    half = np.ascontiguousarray(whole[..., byte : byte + FLOAT_BITS // BYTE_BITS])
    return half.view("<f2")[..., 0].astype(np.float16)


def _excess(kind: GgufType) -> int:
    """What is added to codes where they are stored: nothing to bytes, which wrap around."""
    return 0 if kind.code.bits == BYTE_BITS else -int(kind.code.minimum)


def _scale_excess(kind: GgufType) -> int:
    return (1 << kind.scale_bits - 1) if kind.code.signed and kind.scale_bits < BYTE_BITS else 0


def _signed(stored: Indices, bits: int, excess: int) -> Indices:
    """Stored numbers less their excess; bytes in two's complement."""
    if bits == BYTE_BITS:
        return stored.astype(np.uint8).view(np.int8).astype(np.int64)
    return stored - excess


def _scatter(bits: NDArray[np.uint8], values: Indices, places: Indices) -> None:
    bits[..., places] = values[..., None] >> np.arange(places.shape[-1]) & 1


def _gather(bits: NDArray[np.uint8], places: Indices) -> Indices:
    found: Indices = bits[..., places].astype(np.int64) @ (1 << np.arange(places.shape[-1]))
    return found
