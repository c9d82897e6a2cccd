"""The tensor core, beyond the contract: cycles by hand, parts, order of sums, mistakes."""

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
from simulator.hardware.matrix_unit import RegisterHazardError, Tile
from simulator.hardware.tensor_core import TensorCore, TensorCoreSpec
from simulator.numerics import random_values

FLOATS = {"input_format": "fp16", "weight_format": "fp16", "accumulator_format": "fp32"}
INTEGERS = {"input_format": "int8", "weight_format": "int8", "accumulator_format": "int32"}
EIGHTS = {"input_format": "fp8_e4m3", "weight_format": "fp8_e4m3", "accumulator_format": "fp32"}


def core(**options: Any) -> TensorCore:
    """M8 N4 K8 on FP16, unless told otherwise."""
    chosen: dict[str, Any] = {**FLOATS, **options}
    return TensorCore(TensorCoreSpec(**chosen))


# -- cycles -----------------------------------------------------------------------------
def test_one_step_by_hand() -> None:
    # Load 1 + one step + the sums leave 1, and 1 more per register on the way.
    step = Tile(8, 4, 8)
    for stages, cycles in ((1, 3), (2, 4), (3, 5), (4, 6)):
        for double_buffer in (True, False):
            unit = core(pipeline_stages=stages, double_buffer=double_buffer)
            assert unit.timing(step).cycles == cycles
            operands = np.ones((8, 8), np.float16), np.ones((8, 4), np.float16)
            assert unit.registers(*operands).cycles == cycles


def test_the_example_of_the_page() -> None:
    # ⌈20/8⌉ · ⌈10/4⌉ · ⌈50/8⌉ = 3 · 3 · 7 = 63 steps; load 1, three stages drain 3.
    timing = core(pipeline_stages=3).timing(Tile(20, 10, 50))
    assert (timing.load_cycles, timing.stream_cycles, timing.drain_cycles) == (1, 63, 3)
    assert (timing.cycles, timing.interval_cycles, timing.folds) == (67, 63, 9)


@given(m=st.integers(1, 99), n=st.integers(1, 99), k=st.integers(1, 999))
def test_a_step_takes_a_cycle(m: int, n: int, k: int) -> None:
    steps = -(-m // 8) * -(-n // 4) * -(-k // 8)
    assert core().timing(Tile(m, n, k)).interval_cycles == steps


@pytest.mark.parametrize(
    ("multiprocessors", "clock_hz", "depth", "published_tops", "formats"),
    [
        # LUT Tensor Core, ISCA 2025, Table 1: A100 FP16 and INT8; H100 FP8 there.
        (108, 1.41e9, 8, 312, FLOATS),
        (108, 1.41e9, 16, 624, INTEGERS),
        (132, 1.41e9, 32, 1525, EIGHTS),
    ],
)
def test_peak_of_the_published_configurations(
    multiprocessors: int, clock_hz: float, depth: int, published_tops: float, formats: Any
) -> None:
    cores = multiprocessors * 4
    tops = 2 * core(depth=depth, **formats).macs_per_cycle * cores * clock_hz / 1e12
    assert tops == pytest.approx(published_tops, rel=1e-3)


def test_what_the_mapper_sees() -> None:
    unit = core()
    assert unit.title == "tensor_core M8 N4 K8"
    assert unit.macs_per_cycle == 256
    assert unit.granularity == Tile(8, 4, 8)
    assert unit.preparation is None
    assert unit.format_pairs == (("fp16", "fp16"),) and not unit.scales_weights


# -- values -----------------------------------------------------------------------------
def test_the_order_of_sums_on_the_page() -> None:
    # 2^11 is where fp16 begins to lose ones: ((2^11 + 1) + (1 + 1)) = 2^11 + 2.
    formats = {**FLOATS, "accumulator_format": "fp16"}
    inputs, weights = np.array([[2.0**11, 1, 1, 1]]), np.ones((4, 1))
    assert core(depth=4, **formats).compute(inputs, weights).item() == 2050
    # Two at a time: (2^11 + 1) + (1 + 1) again; one at a time each one is lost.
    assert core(depth=2, **formats).compute(inputs, weights).item() == 2050
    assert core(depth=1, **formats).compute(inputs, weights).item() == 2048


@pytest.mark.parametrize("stages", [1, 2, 3, 4])
def test_stages_do_not_change_values(stages: int) -> None:
    rng = np.random.default_rng(stages)
    a, w = random_values(rng, (9, 21), "fp16"), random_values(rng, (21, 6), "fp16")
    run = core(pipeline_stages=stages).registers(a, w, repeats=2)
    assert run.values.tobytes() == core().compute(a, w).tobytes()


def test_sums_of_integers_that_do_not_fit() -> None:
    unit = core(depth=4, **{**INTEGERS, "accumulator_format": "int16"})
    inputs, weights = np.full((1, 4), -128), np.full((4, 1), -128)
    for face in (unit.compute, unit.registers):
        with pytest.raises(CyclelabError, match="32768 does not fit an int16"):
            face(inputs, weights)


def test_operands_that_are_not_of_their_format() -> None:
    unit = core(stored_weight_format="int4")
    ones = np.ones((2, 2))
    for face in (unit.compute, unit.registers):
        with pytest.raises(CyclelabError, match="do not fit int4"):
            face(ones, 9 * ones)
        with pytest.raises(CyclelabError, match="do not multiply"):
            face(np.ones((2, 3)), ones)


# -- registers ----------------------------------------------------------------------------
def test_sums_that_never_come_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BlockModel, "arrive", lambda model: None)
    with pytest.raises(RegisterHazardError, match="nothing moves any more"):
        core().registers(np.ones((1, 3)), np.ones((3, 1)))


# -- structure ------------------------------------------------------------------------------
def parts(unit: TensorCore) -> dict[str, tuple[int, int]]:
    """Count and bits by path."""
    return {p.path: (p.count, p.primitive.bits) for p in unit.structure()}


def formats_of(unit: TensorCore) -> dict[str, str]:
    """Operand formats of what computes, by path."""
    return {p.path: "*".join(p.primitive.formats) for p in unit.structure() if p.primitive.formats}


def test_parts_by_hand() -> None:
    # 32 lanes of 8 multipliers, a tree of 4 + 2 + 1 adders, and one onto the sum.
    assert parts(core(double_buffer=False)) == {
        "input.register": (8 * 8, 16),
        "weight.register": (4 * 8, 16),
        "lane.multiplier": (256, 0),
        "lane.tree_adder_1": (32 * 4, 0),
        "lane.tree_adder_2": (32 * 2, 0),
        "lane.tree_adder_3": (32 * 1, 0),
        "lane.adder": (32, 0),
        "lane.accumulator": (32, 32),
    }
    double = parts(core())
    assert double["input.register"] == (2 * 8 * 8, 16)
    assert double["input.bank_select"] == (8 * 8, 16)
    assert double["weight.register"] == (2 * 4 * 8, 16)
    assert double["weight.bank_select"] == (4 * 8, 16)


@given(depth=st.integers(1, 40))
def test_a_tree_of_k_products_has_one_adder_less(depth: int) -> None:
    found = parts(core(rows=1, columns=1, depth=depth))
    tree = {path: count for path, (count, _) in found.items() if path.startswith("lane.tree")}
    assert sum(tree.values()) == depth - 1
    assert len(tree) == np.ceil(np.log2(depth))


def test_registers_of_the_stages_by_hand() -> None:
    def stages(count: int, **options: Any) -> list[tuple[int, int]]:
        """Registers of one lane."""
        found = parts(core(rows=1, columns=1, pipeline_stages=count, **options))
        return [size for path, size in found.items() if "stage_register" in path]

    # Of floats: 8 products, 2 sums half way (level 2 of 3), the sum of the step.
    assert stages(1) == []
    assert stages(2) == [(8, 32)]
    assert stages(3) == [(8, 32), (1, 32)]
    assert stages(4) == [(8, 32), (2, 32), (1, 32)]
    # INT8 products have 16 bits, a bit more per level.
    assert stages(4, **INTEGERS) == [(8, 16), (2, 18), (1, 19)]
    # Of 5 products, levels leave 3, 2, 1; of 3, they leave 2, 1.
    assert stages(4, depth=5) == [(5, 32), (2, 32), (1, 32)]
    assert stages(4, depth=3) == [(3, 32), (2, 32), (1, 32)]


def test_adders_of_integers_are_as_wide_as_their_sums() -> None:
    found = formats_of(core(**INTEGERS))
    assert found["lane.multiplier"] == "int8*int8"
    tree = [found[f"lane.tree_adder_{level}"] for level in (1, 2, 3)]
    assert tree == ["int17", "int18", "int19"]
    assert found["lane.adder"] == "int32"
    # No wider than the accumulator, which has to hold the sums; 34 bits are in 48.
    narrow = formats_of(core(**{**INTEGERS, "accumulator_format": "int18"}))
    assert [narrow[f"lane.tree_adder_{level}"] for level in (1, 2, 3)] == [
        "int17",
        "int18",
        "int18",
    ]
    wide = {"input_format": "int16", "weight_format": "int16", "accumulator_format": "int64"}
    assert formats_of(core(**wide))["lane.tree_adder_2"] == "int48"
    assert formats_of(core())["lane.tree_adder_1"] == "fp32"


def test_weights_dequantised_where_they_enter() -> None:
    unit = core(stored_weight_format="int4")
    assert unit.format_pairs == (("fp16", "int4"),) and unit.scales_weights
    found = parts(unit)
    assert found["edge.dequantiser"] == found["edge.converter"] == (4 * 8, 0)
    assert found["edge.scale_register"] == (4, 16)
    assert found["weight.register"] == (2 * 4 * 8, 16), "behind the edge they are fp16"
    assert formats_of(unit)["edge.dequantiser"] == "fp16*fp16"
    assert "edge.converter" not in parts(core(stored_weight_format="fp4_e2m1"))
    assert "edge.scale_register" not in parts(core())


# -- actions and traffic ----------------------------------------------------------------
def test_actions_by_hand() -> None:
    # 9 x 5 x 17: 2 blocks of rows, 2 of columns, 3 steps of k each, filled up to 24.
    unit = core(pipeline_stages=2, stored_weight_format="int4")
    counts = {(a.path, a.verb): count for a, count in unit.actions(Tile(9, 5, 17)).counts.items()}
    assert counts == {
        ("input.register", "write"): 9 * 2 * 24,
        ("input.bank_select", "operate"): 9 * 2 * 24,
        ("weight.register", "write"): 5 * 2 * 24,
        ("weight.bank_select", "operate"): 5 * 2 * 24,
        ("edge.dequantiser", "operate"): 5 * 2 * 24,
        ("edge.converter", "operate"): 5 * 2 * 24,
        ("lane.multiplier", "operate"): 9 * 5 * 24,
        ("lane.tree_adder_1", "operate"): 9 * 5 * 3 * 4,
        ("lane.tree_adder_2", "operate"): 9 * 5 * 3 * 2,
        ("lane.tree_adder_3", "operate"): 9 * 5 * 3,
        ("lane.stage_register_1", "write"): 9 * 5 * 24,
        ("lane.adder", "operate"): 9 * 5 * 3,
        ("lane.accumulator", "write"): 9 * 5 * 3,
    }


def test_bytes_at_the_ports_by_hand() -> None:
    # 9 x 5 x 17 again: rows come for both blocks of columns, columns for both of rows.
    tile = Tile(9, 5, 17)
    traffic = core(stored_weight_format="int4").traffic(tile)
    assert traffic.input_read_bytes == 9 * 2 * 24 * 2
    assert traffic.weight_read_bytes == 5 * 2 * 24 // 2
    assert (traffic.psum_read_bytes, traffic.psum_write_bytes) == (0, 9 * 5 * 4)
    assert core().traffic(tile).weight_read_bytes == 5 * 2 * 24 * 2
    outside = core(partial_sums="buffer").traffic(tile, accumulate=True)
    assert (outside.psum_read_bytes, outside.psum_write_bytes) == (3 * 180, 3 * 180)


@pytest.mark.parametrize("partial_sums", ["lanes", "buffer"])
def test_sums_at_the_port_are_those_of_the_registers(partial_sums: str) -> None:
    unit, tile = core(partial_sums=partial_sums, pipeline_stages=3), Tile(11, 9, 37)
    model = unit.model(np.ones((11, 37), np.float16), np.ones((37, 9), np.float16), repeats=1)
    model.run()
    assert unit.traffic(tile).psum_read_bytes == model.buffer_reads * 4
    assert unit.traffic(tile).psum_write_bytes == model.buffer_writes * 4


def test_sums_in_a_buffer_take_256_bytes_per_cycle() -> None:
    # An A100's INT8 core with 32-bit sums outside: 2 · 8 · 4 · 4 bytes per cycle.
    unit, tile = core(depth=16, **INTEGERS, partial_sums="buffer"), Tile(8, 4, 16000)
    moved = unit.traffic(tile)
    both = moved.psum_read_bytes + moved.psum_write_bytes
    assert both / unit.timing(tile).interval_cycles == pytest.approx(256, rel=1e-3)


# -- mistakes -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "greater than or equal to 1"),
        ({"depth": 1025}, "less than or equal to 1024"),
        ({"pipeline_stages": 5}, "less than or equal to 4"),
        ({"pipeline_stages": 0}, "greater than or equal to 1"),
        ({"pipeline_stages": 4, "depth": 2}, "4 need a tree of 2 levels of adders or more; a "),
        ({"pipeline_stages": 3, "depth": 1}, "a depth of 1 has 0"),
        ({"accumulator_format": "int32"}, "mixes integers and floats"),
        ({"accumulator_format": "bf16"}, "one of fp16, fp32"),
        ({"weight_format": "flint4"}, "tensor_core does not take flint4; use multiplier 'flint'"),
        ({"stored_weight_format": "int16"}, "int16 is not dequantised to fp16"),
        ({"stored_weight_format": "fp16"}, "fp16 is not dequantised to fp16"),
        ({"partial_sums": "outside"}, "'lanes' or 'buffer'"),
        ({"weight_format": "fp61"}, "did you mean 'fp16'"),
        ({"colums": 3}, "Extra inputs"),
    ],
)
def test_bad_values(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TensorCoreSpec.model_validate({**FLOATS, **change})


def test_a_mistake_in_a_file_has_its_line() -> None:
    lines = [f"{key}: {value}" for key, value in FLOATS.items()]
    text = "\n".join(["kind: tensor_core", *lines, "depth: 2", "pipeline_stages: 4"])
    with pytest.raises(ConfigError) as error:
        validate(TensorCoreSpec, parse_document(text, "u.yaml"))
    message = str(error.value)
    assert message.startswith("u.yaml:6: pipeline_stages: ") and "a depth of 2 has 1" in message
