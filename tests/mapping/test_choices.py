"""A user's own tilings, and the messages when nothing fits or nothing matches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.config import CyclelabError
from simulator.mapping import NoMappingError, TileChoice
from tests.mapping.small import INT8, gemms, machine_document, programs, run, transformer


def choose(pattern: str, **choice: Any) -> dict[str, Any]:
    return {"operators": {pattern: choice}}


# -- honoured --------------------------------------------------------------------
@pytest.mark.parametrize("order", ["mn", "nm"])
def test_tile_and_order(order: str) -> None:
    result = run(gemms((40, 50, 60)), mapping=choose("gemm", m=8, n=12, k=20, order=order))
    mapping = result.operators[0].mapping
    assert mapping["tile"] == {"m": 8, "n": 12, "k": 20}
    assert mapping["order"] == order
    assert mapping["fixed_by"] == "gemm"


def test_sizes_left_out_are_whole() -> None:
    result = run(gemms((40, 50, 60)), mapping=choose("*", k=7))
    assert result.operators[0].mapping["tile"] == {"m": 40, "n": 50, "k": 7}


def test_sizes_beyond_the_dimension_are_whole() -> None:
    result = run(gemms((4, 5, 6)), mapping=choose("gemm", m=100, n=100, k=100))
    assert result.operators[0].mapping["tile"] == {"m": 4, "n": 5, "k": 6}


def test_first_matching_pattern_holds() -> None:
    operators = {"gemm_2": TileChoice(m=4), "gemm*": TileChoice(m=8)}
    (program,) = programs(gemms((40, 5, 6), (40, 5, 6)), operators=operators)
    tiles = [info.mapping["tile"] for info in program.operators]
    assert tiles == [{"m": 8, "n": 5, "k": 6}, {"m": 4, "n": 5, "k": 6}]


def test_a_bad_tile_is_slower() -> None:
    free = run(gemms((64, 64, 64)))
    tiny = run(gemms((64, 64, 64)), mapping=choose("gemm", m=4, n=4, k=4))
    assert free.cycles < tiny.cycles
    assert free.operators[0].macs == tiny.operators[0].macs == 64**3


def two_kinds() -> dict[str, Any]:
    """A machine with a 4x4 and an 8x8 array side by side."""
    document = machine_document()
    small = document["core"]["matrix_units"][0]
    document["core"]["matrix_units"] = [small, small | {"rows": 8, "columns": 8}]
    return document


def test_the_faster_unit_is_chosen() -> None:
    # 64 MACs per cycle against 16: compute-bound work goes to the 8x8 array.
    result = run(gemms((256, 8, 8)), two_kinds() | {"memory": fast_memory()})
    assert result.phases[0].busy_cycles["core0.systolic_array1"] == 256
    assert result.phases[0].busy_cycles["core0.systolic_array0"] == 0


def fast_memory() -> dict[str, Any]:
    return machine_document(memory={"bandwidth_bytes_per_s": 1e15, "latency_s": 0})["memory"]  # type: ignore[no-any-return]


# -- refused ---------------------------------------------------------------------
def test_too_large_a_tile() -> None:
    # 64 x 64 inputs and 64 x 64 weights, one byte each: 8192 of 8000.
    tight = machine_document(scratchpad={"capacity_bytes": 8000})
    with pytest.raises(NoMappingError) as error:
        run(gemms((64, 64, 64)), tight, choose("gemm", m=64, n=64, k=64))
    assert error.value.buffer == "scratchpad"
    assert (error.value.needed_bytes, error.value.available_bytes) == (8192, 8000)
    message = str(error.value)
    for part in ("'gemm'", "8,192", "8,000", "192 bytes missing", "capacity_bytes"):
        assert part in message
    run(gemms((64, 64, 64)), tight, choose("gemm", m=16))


def test_too_small_an_accumulator() -> None:
    # Four int32 sums of the smallest tile (m = 1, n = 4), twice: 32 bytes.
    with pytest.raises(NoMappingError) as error:
        run(gemms((64, 64, 64)), machine_document(accumulator_bytes=31))
    assert error.value.buffer == "accumulator"
    assert (error.value.needed_bytes, error.value.available_bytes) == (32, 31)
    assert "machine.core.accumulator.capacity_bytes" in str(error.value)
    run(gemms((64, 64, 64)), machine_document(accumulator_bytes=32))


def test_too_small_a_scratchpad() -> None:
    # One row of 4 inputs and 4 x 4 weights, twice: 40 bytes. Without an accumulator the
    # sums are there as well: 32 more.
    for accumulator, needed in ((1 << 20, 40), (None, 72)):
        tight = machine_document(
            accumulator_bytes=accumulator, scratchpad={"capacity_bytes": needed - 1}
        )
        with pytest.raises(NoMappingError) as error:
            run(gemms((64, 64, 64)), tight)
        assert (error.value.buffer, error.value.needed_bytes) == ("scratchpad", needed)
        assert "1 bytes missing" in str(error.value)
        tight["core"]["scratchpad"]["capacity_bytes"] = needed
        run(gemms((64, 64, 64)), tight)


def test_the_change_that_the_message_proposes_works() -> None:
    tight = machine_document(scratchpad={"capacity_bytes": 20, "buffers": 2})
    with pytest.raises(NoMappingError) as error:
        run(gemms((64, 64, 64)), tight)
    assert "machine.core.scratchpad.buffers" in str(error.value)
    tight["core"]["scratchpad"]["buffers"] = 1
    run(gemms((64, 64, 64)), tight)


def test_too_small_for_a_vector_row(tmp_path: Path) -> None:
    # An embedding row of 16 bf16 is loaded and stored: 64 bytes, twice.
    workload = {"model": transformer(tmp_path), "prefill_tokens": 9, "precision": INT8}
    with pytest.raises(NoMappingError) as error:
        run(workload, machine_document(scratchpad={"capacity_bytes": 63}))
    assert error.value.buffer == "scratchpad"
    assert error.value.needed_bytes > error.value.available_bytes


def test_unused_pattern_names_the_nearest(tmp_path: Path) -> None:
    workload = {"model": transformer(tmp_path), "prefill_tokens": 9, "precision": INT8}
    with pytest.raises(CyclelabError, match=r"mapping\.operators\.qkv_prj.*'qkv_proj'"):
        run(workload | {"precision": {}}, bf16_machine(), choose("qkv_prj", m=4))


def bf16_machine() -> dict[str, Any]:
    formats = {"input_format": "bf16", "weight_format": "bf16", "accumulator_format": "fp32"}
    return machine_document(unit=formats)


def test_unknown_unit_names_the_nearest() -> None:
    with pytest.raises(CyclelabError, match=r"'systolic_aray'.*did you mean 'systolic_array'"):
        run(gemms((4, 4, 4)), mapping=choose("gemm", unit="systolic_aray"))


@pytest.mark.parametrize("formats", [("bf16", "bf16"), ("int8", "bf16"), ("int4", "int8")])
def test_formats_that_no_unit_takes(formats: tuple[str, str]) -> None:
    precision = {"activations": formats[0], "weights": formats[1]}
    with pytest.raises(CyclelabError) as error:
        run(gemms((4, 4, 4)) | {"precision": precision})
    for part in (*formats, "'gemm'", "int8 x int8"):
        assert part in str(error.value)


def test_narrow_weights_are_dequantised() -> None:
    # int4 weights for an int8 array: half the bytes, and a vector operation per weight.
    narrow = run(gemms((16, 64, 64)) | {"precision": INT8 | {"weights": "int4"}})
    wide = run(gemms((16, 64, 64)))
    saved = wide.phases[0].dram_read_bytes - narrow.phases[0].dram_read_bytes
    assert saved == 64 * 64 // 2
    assert narrow.phases[0].busy_cycles["core0.vector_unit"] == 64 * 64 // 4  # 4 lanes
    assert wide.phases[0].busy_cycles["core0.vector_unit"] == 0


def test_missing_vector_function(tmp_path: Path) -> None:
    document = bf16_machine()
    del document["core"]["vector_unit"]["functions"]["rmsnorm"]
    workload = {"model": transformer(tmp_path), "prefill_tokens": 9}
    with pytest.raises(CyclelabError, match=r"no function 'rmsnorm'.*'layernorm'"):
        run(workload, document)


def test_model_larger_than_memory(tmp_path: Path) -> None:
    small = machine_document(memory={"capacity_bytes": 1000})
    workload = {"model": transformer(tmp_path), "prefill_tokens": 9, "precision": INT8}
    with pytest.raises(CyclelabError) as error:
        run(workload, small)
    message = str(error.value)
    for part in ("does not fit", "weights", "KV cache", "capacity_bytes is 1,000", "missing"):
        assert part in message


def test_a_search_goes_on_while_the_best_is_far_from_its_bound() -> None:
    """Of the first 128 tilings by their bounds, the best takes 11.8 times the peak."""
    setting = {
        "machine.core.matrix_units.0.weight_format": "bipolar2",
        "machine.core.matrix_units.0.count": 410,
        "workload.precision": {
            "weights": "bipolar2",
            "weight_group_size": 128,
            "activations": "int8",
        },
    }
    (gemm,) = (
        op
        for op in sim.gemm(2048, 4096, 11008, "npu_w4a8_lut", setting).operators
        if op.kind == "matmul"
    )
    assert gemm.cycles < 3 * gemm.compute_bound_cycles
