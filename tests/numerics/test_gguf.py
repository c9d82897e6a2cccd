"""GGUF's blocks: bytes written out by hand, round trips, and what quantising promises."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.numerics import (
    GGUF_TYPES,
    GgufBlocks,
    dequantise_gguf,
    gguf_type,
    pack_gguf,
    quantise_gguf,
    unpack_gguf,
)

NAMES = list(GGUF_TYPES)
ONE, TWO, HALF, MINUS_TWO = b"\x00\x3c", b"\x00\x40", b"\x00\x38", b"\x00\xc0"

# 6-bit scales {0: 1, 4: 63, 7: 33} and minima {0: 2, 4: 17, 7: 62}: of 63 = 11'1111 the lower
# four bits lie in byte 12, the upper two on top of scale 0; of 62 = 11'1110 in bytes 15 and 11.
SIX_BIT = bytes.fromhex("c1 00 00 80  42 00 00 c0  1f 00 00 e1")
SIX_BIT_SCALES = {0: 1, 4: 63, 7: 33}
SIX_BIT_MINIMA = {0: 2, 4: 17, 7: 62}

# Name, codes that are not 0, d, dmin, scales and minima that are not 0, and the block.
BLOCKS: list[tuple[str, dict[int, int], float, float, dict[int, int], dict[int, int], bytes]] = [
    # Code 0 is stored as 8; weights 0 and 16 share a byte, the first in its lower half.
    (
        "q4_0", {0: -8, 1: 7, 16: 1}, 1, 0, {}, {},
        ONE + bytes.fromhex("90 8f") + b"\x88" * 14,
    ),
    ("q4_1", {0: 3, 17: 15}, 1, -2, {}, {}, ONE + MINUS_TWO + b"\x03\xf0" + bytes(14)),
    # Code 0 is stored as 16: the fifth bit is one.
    (
        "q5_0", {0: -16, 31: 15}, 1, 0, {}, {},
        ONE + b"\xfe\xff\xff\xff" + bytes(15) + b"\xf0",
    ),
    (
        "q5_1", {0: 17, 20: 31}, 1, 0.5, {}, {},
        ONE + HALF + b"\x01\x00\x10\x00" + b"\x01\0\0\0\xf0" + bytes(11),
    ),
    ("q8_0", {0: -1, 1: 127, 31: -128}, 2, 0, {}, {}, TWO + b"\xff\x7f" + bytes(29) + b"\x80"),
    # Weights 0, 32, 64, 96 in one byte: 1 + 2·4 + 3·16 + 1·64 = 0x79.
    (
        "q2_k", {0: 1, 32: 2, 64: 3, 96: 1, 128: 3, 255: 2}, 1, 2, {0: 3, 15: 15}, {0: 5},
        b"\x53" + bytes(14) + b"\x0f" + b"\x79" + bytes(31) + b"\x03" + bytes(30) + b"\x80"
        + ONE + TWO,
    ),
    # Code 0 is 4: third bits are ones. Scale 0 is 32: its upper two bits are 10.
    (
        "q3_k", {0: -4, 32: 3, 255: 1}, 1, 0, {0: -32, 1: 31, 8: 1, 15: -1}, {},
        b"\xfe" + b"\xff" * 31 + b"\x0c" + bytes(62) + b"\x40"
        + b"\x10\x0f" + bytes(5) + b"\xf0" + b"\xa8\xab\xaa\x6a" + ONE,
    ),
    (
        "q4_k", {0: 5, 32: 9, 64: 3, 255: 15}, 1, 2, SIX_BIT_SCALES, SIX_BIT_MINIMA,
        ONE + TWO + SIX_BIT + b"\x95" + bytes(31) + b"\x03" + bytes(94) + b"\xf0",
    ),
    (
        "q5_k", {0: 21, 32: 9, 64: 16, 255: 31}, 1, 2, SIX_BIT_SCALES, SIX_BIT_MINIMA,
        ONE + TWO + SIX_BIT + b"\x05" + bytes(30) + b"\x80" + b"\x95" + bytes(126) + b"\xf0",
    ),
    # Code 0 is 32: upper bits 10. Of weights 0, 32, 64, 96 they are 00, 11, 10, 01: 0x6c.
    (
        "q6_k", {0: -32, 32: 31, 64: 1, 96: -1, 255: 2}, 1, 0, {0: -1, 15: 127}, {},
        b"\x10" + bytes(31) + b"\xff" + bytes(94) + b"\x20" + b"\x6c" + b"\xaa" * 63
        + b"\xff" + bytes(14) + b"\x7f" + ONE,
    ),
]  # fmt: skip


def test_every_type_has_its_bytes_written_out() -> None:
    assert [block[0] for block in BLOCKS] == NAMES


@pytest.mark.parametrize(
    ("name", "codes", "d", "dmin", "scales", "minima", "expected"), BLOCKS, ids=NAMES
)
def test_bytes_by_hand(
    name: str,
    codes: dict[int, int],
    d: float,
    dmin: float,
    scales: dict[int, int],
    minima: dict[int, int],
    expected: bytes,
) -> None:
    kind = gguf_type(name)
    per_group = [int(not kind.scale_bits)] * kind.groups
    least = [int(kind.has_minimum and not kind.minimum_bits)] * kind.groups
    block = GgufBlocks(
        kind,
        _filled([0] * kind.block_size, codes)[None].astype(kind.code.dtype),
        np.array([d], dtype=np.float16),
        np.array([dmin], dtype=np.float16),
        _filled(per_group, scales)[None],
        _filled(least, minima)[None],
    )
    packed = pack_gguf(block)
    assert bytes(packed).hex(" ") == expected.hex(" ")
    found = unpack_gguf(packed, name)
    for field in ("codes", "d", "dmin", "scales", "minima"):
        assert np.array_equal(getattr(found, field), getattr(block, field)), field
    values = dequantise_gguf(found)
    for index, code in codes.items():
        group = index // kind.group_size
        scale = scales.get(group, 0) if kind.scale_bits else 1
        least_value = -minima.get(group, 0) if kind.minimum_bits else 1
        assert values[index] == d * scale * code + dmin * least_value


def _filled(values: list[int], changes: dict[int, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
    filled = np.array(values, dtype=np.int64)
    for index, value in changes.items():
        filled[index] = value
    return filled


@pytest.mark.parametrize(
    ("name", "bits", "group", "group_bits"),
    [
        ("q2_k", 2.625, 16, 10),
        ("q3_k", 3.4375, 16, 7),
        ("q4_0", 4.5, 32, 16),
        ("q4_1", 5, 32, 32),
        ("q4_k", 4.5, 32, 16),
        ("q5_0", 5.5, 32, 16),
        ("q5_1", 6, 32, 32),
        ("q5_k", 5.5, 32, 16),
        ("q6_k", 6.5625, 16, 9),
        ("q8_0", 8.5, 32, 16),
    ],
)
def test_bits_per_weight(name: str, bits: float, group: int, group_bits: int) -> None:
    kind = gguf_type(name)
    assert (kind.bits_per_weight, kind.group_size, kind.group_bits) == (bits, group, group_bits)
    assert kind.code.bits + group_bits / group == bits
    assert quantise_gguf(np.ones((3, 512)), name).codes.size == 3 * 512
    assert pack_gguf(quantise_gguf(np.ones((3, 512)), name)).nbytes == 3 * 512 * bits / 8


@pytest.mark.parametrize("name", NAMES)
def test_every_bit_of_a_block_is_used_once(name: str) -> None:
    kind = gguf_type(name)
    used = list(kind.code_bits.ravel())
    used += list(kind.scale_positions.ravel()) if kind.scale_bits else []
    used += list(kind.minimum_positions.ravel()) if kind.minimum_bits else []
    for byte in (kind.d_byte, kind.dmin_byte):
        used += range(8 * byte, 8 * byte + 16) if byte is not None else []
    assert sorted(used) == list(range(8 * kind.block_bytes))


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(NAMES), st.binary(min_size=210 * 3, max_size=210 * 3))
def test_any_bytes_come_back(name: str, raw: bytes) -> None:
    kind = gguf_type(name)
    size = len(raw) // kind.block_bytes * kind.block_bytes
    packed = np.frombuffer(raw[:size], dtype=np.uint8)
    assert np.array_equal(pack_gguf(unpack_gguf(packed, name)), packed)


@pytest.mark.parametrize("name", NAMES)
def test_quantising_is_near_and_stays_where_it_is(name: str) -> None:
    kind = gguf_type(name)
    values = np.random.default_rng(5).normal(0, 0.02, (7, 3 * 256))
    blocks = quantise_gguf(values, name)
    found = dequantise_gguf(blocks)
    assert found.dtype == np.float32 and found.shape == values.shape
    packed = pack_gguf(blocks)
    assert np.array_equal(dequantise_gguf(unpack_gguf(packed, name)), found)
    # Half a step of the code, more where the largest code is cut off, and half a step of an
    # integer scale or minimum times the codes that it is multiplied by.
    grouped = (found - values).reshape(7, -1, kind.group_size)
    step = np.abs(blocks.scale)
    spare = np.repeat(np.abs(blocks.d.astype(np.float64)), kind.groups, axis=-1) / 2
    cut = kind.code.signed * 0.5 * step
    reach = max(-kind.code.minimum, kind.code.maximum) if kind.scale_bits else 0
    least = np.repeat(np.abs(blocks.dmin.astype(np.float64)), kind.groups, axis=-1) / 2
    bound = (step / 2 + cut + spare * reach + least * bool(kind.minimum_bits)) * 1.01
    assert (np.abs(grouped).max(axis=-1) <= bound).all()


def test_more_bits_are_nearer() -> None:
    values = np.random.default_rng(6).normal(0, 1, (4, 1024))

    def error(name: str) -> float:
        return float(np.sqrt(((dequantise_gguf(quantise_gguf(values, name)) - values) ** 2).mean()))

    for names in (["q2_k", "q3_k", "q4_k", "q5_k", "q6_k", "q8_0"], ["q4_0", "q5_0", "q8_0"]):
        errors = [error(name) for name in names]
        assert errors == sorted(errors, reverse=True)


def test_the_largest_magnitude_becomes_the_most_negative_code() -> None:
    values = np.zeros(32)
    values[:3] = [4.0, -2.0, 0.5]
    blocks = quantise_gguf(values, "q4_0")
    assert blocks.d.item() == -0.5
    assert blocks.codes.ravel()[:4].tolist() == [-8, 4, -1, 0]
    assert dequantise_gguf(blocks)[:3].tolist() == [4.0, -2.0, 0.5]


def test_minimum_and_maximum_become_the_ends() -> None:
    values = np.linspace(1, 16, 32)
    blocks = quantise_gguf(values, "q4_1")
    assert (blocks.d.item(), blocks.dmin.item()) == (1, 1)
    assert dequantise_gguf(blocks)[[0, -1]].tolist() == [1, 16]
    # Of a super-block, minima are subtracted and cannot be below zero.
    blocks = quantise_gguf(np.tile(values, 8), "q4_k")
    assert blocks.dmin.item() == 0 and (blocks.codes >= 0).all()


@pytest.mark.parametrize("name", NAMES)
def test_zeros_and_infinities(name: str) -> None:
    assert not dequantise_gguf(quantise_gguf(np.zeros(256), name)).any()
    with pytest.raises(CyclelabError, match="infinite or not a number"):
        quantise_gguf(np.full(256, np.nan), name)
    with pytest.raises(CyclelabError, match="too large for fp16"):
        quantise_gguf(np.linspace(-1e9, 1e9, 256), name)


def test_messages() -> None:
    with pytest.raises(CyclelabError, match="did you mean 'q4_k'"):
        gguf_type("Q4_K")
    with pytest.raises(CyclelabError, match=r"k = 128, which is no multiple of 256.*q6_k"):
        quantise_gguf(np.zeros((2, 128)), "q6_k")
    with pytest.raises(CyclelabError, match="18 for each block of q4_0, found uint8 of shape"):
        unpack_gguf(np.zeros(19, dtype=np.uint8), "q4_0")
    with pytest.raises(CyclelabError, match="there are none"):
        quantise_gguf(np.zeros((0, 32)), "q4_0")
