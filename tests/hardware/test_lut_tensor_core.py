"""The LUT tensor core, beyond the contract: cycles by hand, tables, edges of formats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.config import CyclelabError, parse_document, validate
from simulator.config.errors import ConfigError
from simulator.hardware.block_unit import BlockModel
from simulator.hardware.lut_tensor_core import LutTensorCore, LutTensorCoreSpec
from simulator.hardware.matrix_unit import RegisterHazardError, Tile
from simulator.numerics import LookupGemm, format_named, lookup_gemm, random_values
from simulator.numerics.lookup import all_sums
from simulator.numerics.tables import additions, half_table

INTEGERS = {"input_format": "int8", "table_format": "int11", "accumulator_format": "int32"}
FLOATS = {"input_format": "fp16", "table_format": "fp16", "accumulator_format": "fp32"}


def core(bits: int = 2, **options: Any) -> LutTensorCore:
    """M2 N64 K4 on INT8 activations, unless told otherwise."""
    chosen: dict[str, Any] = {**INTEGERS, "weight_format": f"bipolar{bits}", **options}
    return LutTensorCore(LutTensorCoreSpec(**chosen))


# -- cycles -----------------------------------------------------------------------------
def test_one_step_by_hand() -> None:
    # Load 2 (two bits of weights through the port, one per cycle) + stream 2 + sums leave 1.
    assert core().timing(Tile(2, 64, 4)).cycles == 5
    # All operands at once: 1 + 2 + 1.
    assert core(double_buffer=False).timing(Tile(2, 64, 4)).cycles == 4
    # A register behind the selection, tables made of activations: one more each.
    assert core(pipeline_stages=2).timing(Tile(2, 64, 4)).cycles == 6
    assert core(sums="built_table").timing(Tile(2, 64, 4)).cycles == 6


def test_blocks_by_hand() -> None:
    # 2 row blocks of 3, 3 column blocks of 130, 3 steps of 9: 18 steps of 2 cycles.
    timing = core().timing(Tile(3, 130, 9))
    assert (timing.stream_cycles, timing.interval_cycles, timing.cycles) == (36, 36, 2 + 36 + 1)


@given(bits=st.integers(1, 6), m=st.integers(1, 99), n=st.integers(1, 999), k=st.integers(1, 999))
def test_a_step_takes_a_cycle_per_bit(bits: int, m: int, n: int, k: int) -> None:
    one, many = core(1).timing(Tile(m, n, k)), core(bits).timing(Tile(m, n, k))
    assert many.interval_cycles == bits * one.interval_cycles


@pytest.mark.parametrize(
    ("multiprocessors", "clock_hz", "multiple", "published_tops", "formats"),
    [
        # LUT Tensor Core, ISCA 2025, Table 1: A100 and H100 with 4X and 8X arrays, W2.
        (108, 1.41e9, 4, 1248, INTEGERS),
        (108, 1.41e9, 8, 2496, INTEGERS),
        (132, 1.41e9, 4, 1525, {**FLOATS, "input_format": "fp8_e4m3"}),
        (132, 1.41e9, 8, 3049, {**FLOATS, "input_format": "fp8_e4m3"}),
    ],
)
def test_peak_of_the_published_configurations(
    multiprocessors: int, clock_hz: float, multiple: int, published_tops: float, formats: Any
) -> None:
    unit = LutTensorCore(LutTensorCoreSpec(weight_format="bipolar2", **formats))
    arrays = multiprocessors * 4 * multiple  # four tensor cores per multiprocessor
    tops = 2 * unit.macs_per_cycle * arrays * clock_hz / 1e12
    assert tops == pytest.approx(published_tops, rel=1e-3)


def test_the_ideal_cycles_of_the_released_kernel() -> None:
    # M 2048, N 27648, K 2560 in W2 on 108 multiprocessors of four cores of 4X arrays.
    unit, arrays = core(), 108 * 4 * 4
    step = unit.timing(Tile(2, 64, 4)).interval_cycles
    steps = (2048 // 2) * (27648 // 64) * (2560 // 4)
    assert steps * step / arrays == 327_680


# -- tables -----------------------------------------------------------------------------
@pytest.mark.parametrize("formats", [INTEGERS, FLOATS])
@pytest.mark.parametrize("depth", range(1, 7))
def test_tables_are_symmetric(depth: int, formats: dict[str, str]) -> None:
    wide = {**formats, "table_format": formats["table_format"].replace("int11", "int12")}
    how = LookupGemm(weight_format="bipolar1", depth=depth, **wide)
    inputs = random_values(np.random.default_rng(depth), (3, 5 * depth), how.input_format)
    sums = all_sums(inputs, how)
    assert sums.shape == (3, 5, 2**depth)
    assert sums.tobytes() == (-sums[..., ::-1]).astype(sums.dtype).tobytes()
    if how.input_format == "int8":
        signs = 2 * (np.arange(2**depth)[:, None] >> np.arange(depth) & 1) - 1
        exact = np.einsum("mbk,ik->mbi", inputs.reshape(3, 5, depth).astype(int), signs)
        np.testing.assert_array_equal(sums, exact)


def test_additions_of_a_table_by_counting() -> None:
    class Counting:
        """Counts additions of one table; values are of no interest."""

        count = 0

        def add(self, left: Any, right: Any) -> Any:
            total = left + right
            self.count += total.size
            return total

    for depth, expected in {1: 0, 2: 2, 3: 6, 4: 12, 5: 24}.items():
        counting = Counting()
        assert half_table(np.ones((depth,)), counting).shape == (2 ** (depth - 1),)  # type: ignore[arg-type]
        assert counting.count == additions(depth, symmetric=True) == expected
    assert [additions(depth, symmetric=False) for depth in (1, 2, 3, 4)] == [0, 1, 4, 11]


def test_a_table_that_is_too_narrow() -> None:
    inputs, weights = np.full((1, 4), 127), np.full((4, 1), 1)
    with pytest.raises(CyclelabError, match="508 does not fit a table of int9"):
        core(table_format="int9").compute(inputs, weights)
    # 508 is cut off at 127 where that is what the hardware does, and 508 in 10 bits.
    saturating = core(1, table_format="int8", table_overflow="saturate")
    assert saturating.compute(inputs, weights).tolist() == [[127]]
    assert saturating.compute(inputs, -weights).tolist() == [[-127]]
    assert core(1, table_format="int10").compute(inputs, weights).tolist() == [[508]]
    with pytest.raises(CyclelabError, match="512 does not fit a table of int10"):
        core(1, table_format="int10").compute(np.full((1, 4), -128), weights)


def test_sums_that_no_weight_asks_for_overflow_in_tables_only() -> None:
    # The sum of all four does not fit 9 bits; weights ask for less.
    inputs, weights = np.full((1, 4), 100), np.array([[1], [-1], [1], [-1]])
    narrow = {"table_format": "int9", "weight_format": "bipolar1"}
    with pytest.raises(CyclelabError, match="400 does not fit"):
        core(1, **narrow).compute(inputs, weights)
    adders = core(1, **narrow, sums="adders")
    assert adders.compute(inputs, weights).tolist() == [[0]]
    assert adders.registers(inputs, weights).values.tolist() == [[0]]
    with pytest.raises(CyclelabError, match="400 does not fit"):
        adders.compute(inputs, np.abs(weights))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"depth": 9}, "depth: found 9, expected 1 to 8"),
        ({"depth": 0}, "depth: found 0"),
        ({"weight_format": "fp8_e4m3"}, "no integer"),
        ({"input_format": "fp16"}, "not held by int11"),
        ({"accumulator_format": "uint16"}, "signed bits"),
    ],
)
def test_lookups_that_cannot_be(change: dict[str, Any], part: str) -> None:
    with pytest.raises(CyclelabError, match=part):
        LookupGemm(**({**INTEGERS, "weight_format": "bipolar2"} | change))


def test_an_accumulator_that_is_too_narrow() -> None:
    inputs, weights = np.full((1, 400), 127), np.full((400, 1), 3)
    with pytest.raises(CyclelabError, match="wider accumulator"):
        core(accumulator_format="int16").compute(inputs, weights)
    with pytest.raises(CyclelabError, match="wider accumulator"):
        core(accumulator_format="int16").registers(inputs, weights)


# -- weights of other kinds ---------------------------------------------------------------
@given(
    bits=st.integers(1, 6),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 30)),
    seed=st.integers(0, 2**32 - 1),
)
def test_unsigned_codes_by_an_affine_step(
    bits: int, shape: tuple[int, int, int], seed: int
) -> None:
    m, n, k = shape
    rng = np.random.default_rng(seed)
    inputs = random_values(rng, (m, k), "int8").astype(np.int64)
    codes = random_values(rng, (k, n), f"uint{bits}").astype(np.int64)
    found = core(bits).compute(inputs, 2 * codes - (2**bits - 1)).astype(np.int64)
    # q' = 2q - (2^W - 1), so that Σ x q is (Σ x q' + (2^W - 1) Σ x) / 2.
    row_sums = inputs.sum(axis=1, keepdims=True)
    np.testing.assert_array_equal((found + (2**bits - 1) * row_sums) // 2, inputs @ codes)


def test_ternary_weights_as_two_bits() -> None:
    rng = np.random.default_rng(0)
    inputs = random_values(rng, (3, 21), "int8").astype(np.int64)
    weights = random_values(rng, (21, 10), "ternary").astype(np.int64)
    by_two = core(2, weight_format="int2").compute(inputs, weights)
    np.testing.assert_array_equal(by_two, inputs @ weights)


# -- floating point -----------------------------------------------------------------------
def serial(inputs: np.ndarray, planes: np.ndarray) -> np.float32:
    """K = 4 by hand: pairs, pairs of pairs, then bits from the lowest up onto one sum."""
    total = np.float32(0)
    for block in range(0, len(inputs), 4):
        a = [np.float16(x) for x in inputs[block : block + 4]]
        for bit, signs in enumerate(planes[:, block : block + 4]):
            s = [np.float16(x) for x in signs]
            low = np.float16(s[0] * a[0] + s[1] * a[1])
            high = np.float16(s[2] * a[2] + s[3] * a[3])
            total = np.float32(total + np.float32(np.float16(high + low)) * np.float32(2.0**bit))
    return total


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([1.0, 2.0**-20, 2.0**12]))
def test_fp16_in_the_order_of_the_hardware(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    inputs = (rng.standard_normal((1, 12)) * scale).astype(np.float16)
    weights = random_values(rng, (12, 1), "bipolar3").astype(int)
    codes = (weights[:, 0] + 7) // 2
    planes = np.array([2 * (codes >> bit & 1) - 1 for bit in range(3)])
    found = core(3, **FLOATS).compute(inputs, weights)
    assert found.item() == serial(inputs[0], planes)


def test_zeros_denormals_and_overflow_in_fp16() -> None:
    unit = core(1, **FLOATS)
    ones = np.ones((4, 1), int)
    assert unit.compute(np.zeros((1, 4), np.float16), ones).item() == 0
    least = np.full((1, 4), 2.0**-24, np.float16)
    assert unit.compute(least, ones).item() == 4 * 2.0**-24
    largest = np.full((1, 4), 65504, np.float16)
    assert unit.compute(largest, ones).item() == np.inf, "fp16 sums overflow in the table"
    wide = core(1, **{**FLOATS, "table_format": "fp32"})
    assert wide.compute(largest, ones).item() == 4 * 65504


def test_the_functional_check_is_vectorised() -> None:
    how = core().spec.arithmetic
    rng = np.random.default_rng(0)
    inputs = random_values(rng, (1, 1000), "int8")
    weights = random_values(rng, (1000, 1000), "bipolar2")
    exact = inputs.astype(np.int64) @ weights.astype(np.int64)
    np.testing.assert_array_equal(lookup_gemm(inputs, weights, how), exact)


# -- registers ----------------------------------------------------------------------------
def test_a_bank_is_not_overwritten_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BlockModel, "is_free", lambda model, step: True)
    with pytest.raises(RegisterHazardError, match="overwritten before they were used"):
        core(double_buffer=False).registers(np.ones((1, 8), int), np.ones((8, 1), int))


# -- structure ----------------------------------------------------------------------------
def parts(unit: LutTensorCore) -> dict[str, tuple[int, int]]:
    """Count and bits by path."""
    return {p.path: (p.count, p.primitive.bits) for p in unit.structure()}


def test_parts_by_hand() -> None:
    found = parts(core(double_buffer=False))
    assert found["table.register"] == (2 * 8, 11)
    assert found["weight.register"] == (64 * 4, 2)
    assert found["weight.bit_select"] == (64 * 4 * 1, 1)
    assert found["lane.table_select"] == (128 * 7, 11)
    assert found["lane.sign"] == (128, 11)
    assert found["lane.shift_select"] == (128 * 1, 12)
    assert found["lane.accumulator"] == (128, 32)
    assert found["lane.adder"][0] == 128
    assert "weight.index_negation" not in found and "table.adder" not in found
    assert parts(core())["table.register"] == (2 * 8 * 2, 11)


def test_what_the_designs_differ_in() -> None:
    circuit = parts(core(index_negation="circuit"))
    assert circuit["weight.index_negation"] == (64 * 3, 1), "both rows of lanes meet the same bits"
    built = parts(core(sums="built_table"))
    assert built["table.adder"][0] == 2 * 12 and built["input.register"] == (2 * 4, 8)
    adders = parts(core(sums="adders"))
    assert adders["lane.sum_adder"][0] == 128 * 3 and adders["lane.sign"] == (128 * 4, 8)
    assert not any(path.startswith("table.") for path in adders)
    conventional = parts(core(weight_format="int2", double_buffer=False))
    assert conventional["table.register"] == (2 * 16, 11)
    assert conventional["lane.table_select"] == (128 * 15, 11)
    assert conventional["lane.sign"] == (128, 11), "the top bit of two's complement is negative"
    assert "lane.sign" not in parts(core(weight_format="uint2"))
    gated = parts(core(weight_format="uint2", sums="adders"))
    assert gated["lane.gate"] == (128 * 4, 8) and "lane.sign" not in gated


def test_bytes_at_the_ports_by_hand() -> None:
    # 2 rows x 64 columns x 3 steps of k: tables of 8 sums of 11 bits, 4 weights of 2 bits.
    tile = Tile(2, 64, 12)
    traffic = core().traffic(tile)
    assert traffic.input_read_bytes == 2 * 3 * 8 * 11 // 8
    assert traffic.weight_read_bytes == 64 * 12 * 2 // 8
    assert (traffic.psum_read_bytes, traffic.psum_write_bytes) == (0, 2 * 64 * 4)
    assert core(sums="built_table").traffic(tile).input_read_bytes == 2 * 12
    # In a buffer, sums of 32 bits are written by each of 3 steps, and read by 2 of them.
    outside = core(partial_sums="buffer").traffic(tile, accumulate=True)
    assert (outside.psum_read_bytes, outside.psum_write_bytes) == (3 * 512, 3 * 512)
    # Per cycle of a long chain: 2 · 128 · 4 / W bytes, 1024 / W (LUT Tensor Core, 32-bit sums).
    long = Tile(2, 64, 4000)
    moved = core(partial_sums="buffer").traffic(long)
    cycles = core().timing(long).interval_cycles
    both = moved.psum_read_bytes + moved.psum_write_bytes
    assert both / cycles == pytest.approx(1024 / 2, rel=1e-3)


# -- mistakes -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ("weight_format: fp16", "weight_format: fp16 is no integer"),
        ("weight_format: int9", "at most 8 bits"),
        ("weight_format: ternary", "use int2 or bipolar2"),
        ("weight_format: bipolr2", "did you mean 'bipolar2'"),
        ("table_format: fp16", "table_format: sums of int8 are not held by fp16"),
        ("table_format: uint8", "table_format: sums of int8 are not held by uint8"),
        ("table_format: int7", "table_format: int7 does not hold one activation of int8"),
        ("accumulator_format: int8", "accumulator_format: "),
        ("depth: 9", "depth: found 9, expected a whole number from 1 to 8"),
        ("sums: tabel", "did you mean 'table'"),
    ],
)
def test_wrong_specs(changes: str, part: str) -> None:
    lines = {key: f"{key}: {value}" for key, value in INTEGERS.items()}
    lines["weight_format"] = "weight_format: bipolar2"
    lines[changes.split(":")[0]] = changes
    document = parse_document("\n".join(["kind: lut_tensor_core", *lines.values()]), "u.yaml")
    with pytest.raises(ConfigError) as error:
        validate(LutTensorCoreSpec, document)
    message = str(error.value)
    number = [*lines].index(changes.split(":")[0]) + 2
    assert message.startswith(f"u.yaml:{number}: {changes.split(':')[0]}: ")
    assert part in message.replace(f"u.yaml:{number}: ", "") and "\n" not in message
    assert format_named("bipolar2").step == 2


@pytest.mark.parametrize("sums", ["built_table", "adders"])
def test_activations_of_flint_have_no_decoder_here(sums: str) -> None:
    assert core(input_format="flint4").spec.input_format == "flint4"
    with pytest.raises(ValidationError, match=f"input_format: sums: {sums} does not take flint4"):
        core(input_format="flint4", sums=sums)


def test_the_peak_is_not_rounded_per_unit() -> None:
    # 1 · 1 · 2 products in 8 cycles; three bits of M2 N64 K4 are 170 2/3 a cycle.
    tiny = core(8, rows=1, columns=1, depth=2)
    assert tiny.macs_per_cycle * 4 == 1
    assert core(3).macs_per_cycle * 3 == 512
