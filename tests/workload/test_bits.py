"""Bits per element are exact: bytes are those of codes and scales, counted one by one."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.workload.bits import bits_each, pair_bytes, stored_bytes
from simulator.workload.operators import Tensor
from simulator.workload.storage import WeightStorage, format_bits, storage_named

SIZES = st.integers(1, 20_000)


@given(st.integers(0, 10**13), st.integers(1, 10**9))
def test_all_elements_together_have_all_the_bits(total_bits: int, elements: int) -> None:
    bits = bits_each(total_bits, elements)
    assert bits * elements == total_bits
    assert stored_bytes(elements, bits) == (total_bits + 7) // 8
    assert isinstance(bits, int) or bits.denominator > 1


@given(SIZES, st.fractions(0, 32), SIZES, st.fractions(0, 32))
def test_two_kinds_are_rounded_up_once(n: int, bits: Fraction, m: int, others: Fraction) -> None:
    assert pair_bytes(n, bits, m, others) == math.ceil((n * bits + m * others) / 8)


@given(SIZES, SIZES, SIZES, st.integers(1, 16), st.integers(0, 32))
def test_weights_are_codes_and_what_groups_share(
    rows: int, depth: int, group: int, code_bits: int, group_bits: int
) -> None:
    storage = WeightStorage(f"int{code_bits}", group, group_bits=group_bits)
    tensor = Tensor("weight", rows * depth, storage.bits(depth), "weight")
    groups = len(range(0, depth, group))
    assert 8 * tensor.bytes - rows * (depth * code_bits + groups * group_bits) in range(8)


def test_a_group_that_no_float_divides() -> None:
    # 768 · 2304 weights of 4 bits, and 8 scales of 16 bits for each of 2304 columns: a float
    # of 4 1/6 bits makes it one byte more.
    storage = WeightStorage("int4", 96, group_bits=16)
    assert storage.bits() == storage.bits(768) == Fraction(25, 6)
    weights = Tensor("weight", 768 * 2304, storage.bits(768), "weight")
    assert weights.bytes == (768 * 2304 * 4 + 8 * 2304 * 16) // 8 == 921_600


@pytest.mark.parametrize(
    ("name", "bits"), [("int4", 4), ("bf16", 16), ("ternary", 2), ("ternary_base3", Fraction(8, 5))]
)
def test_formats(name: str, bits: Fraction) -> None:
    assert format_bits(name) == bits
    assert storage_named(name).bits(77) == bits
