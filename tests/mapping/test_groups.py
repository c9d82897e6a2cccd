"""Groups of k with scales of their own: their sums are scaled before they are added up."""

from __future__ import annotations

from typing import Any

import pytest

import simulator
from simulator.config import CyclelabError
from simulator.workload.storage import format_bits
from tests.mapping.small import gemms, machine_document, run


def grouped(size: int, *shapes: tuple[int, int, int], **precision: Any) -> dict[str, Any]:
    """int8 GEMMs whose weights share a scale per `size` of k."""
    formats = {"weights": "int8", "activations": "int8", "residual": "int8"}
    return gemms(*shapes) | {"precision": {**formats, "weight_group_size": size, **precision}}


def adds(result: Any) -> float:
    """Energy of the vector unit's adders, in additions."""
    return float(result.energy_by_component["core.vector_unit.lane.adder"].value)


def test_every_group_of_every_output_is_scaled() -> None:
    # One multiply-add per output and group: 3 groups of k = 20 in eights, 8 · 12 outputs.
    (whole, thirds) = (run(grouped(size, (8, 12, 20))) for size in (20, 8))
    six = run(grouped(4, (8, 12, 24)))
    three = run(grouped(8, (8, 12, 24)))
    assert "core.vector_unit.lane.adder" not in whole.energy_by_component
    assert adds(six) == pytest.approx(2 * adds(three))
    assert adds(thirds) == pytest.approx(adds(three))
    assert three.cycles > run(grouped(24, (8, 12, 24))).cycles


def test_zero_points_take_off_the_sum_of_activations() -> None:
    plain = run(grouped(8, (8, 12, 24)))
    zeros = run(
        grouped(8, (8, 12, 24), weights="uint4", weight_zero_point="uint4"),
        machine_document(unit={"weight_format": "uint4"}),
    )
    names = {record.name for record in zeros.operators}
    assert names == {"gemm", "gemm_row_sums"}
    # Twice the work per group's sum, and one addition per activation.
    unit = adds(plain) / (3 * 8 * 12)
    assert adds(zeros) == pytest.approx(unit * (2 * 3 * 8 * 12 + 8 * 24))


def test_dequantised_weights_need_no_scaling_of_sums() -> None:
    document = machine_document()
    document["core"]["matrix_units"] = [
        document["core"]["matrix_units"][0]
        | {"input_format": "bf16", "weight_format": "bf16", "accumulator_format": "fp32"}
    ]
    precision = {"weights": "int4", "activations": "bf16", "residual": "bf16"}
    work = gemms((8, 12, 24)) | {"precision": precision | {"weight_group_size": 8}}
    result = run(work, document)
    # Only the weights: 12 · 24 additions of their conversion.
    whole = run(gemms((8, 12, 24)) | {"precision": precision}, document)
    assert adds(result) == pytest.approx(adds(whole))


@pytest.mark.parametrize("accumulator", [1 << 20, None])
@pytest.mark.parametrize("size", [4, 8, 100])
def test_skipping_is_exact(size: int, accumulator: int | None) -> None:
    document = machine_document(accumulator_bytes=accumulator)
    work = grouped(size, (24, 36, 52), (3, 40, 33))
    skipped, events = run(work, document), run(work, document, every_event=True)
    assert skipped.cycles == events.cycles
    assert skipped.energy_by_component == events.energy_by_component
    assert [r.bytes for r in skipped.operators] == [r.bytes for r in events.operators]


def test_little_room_is_enough_for_a_group() -> None:
    # 1 x 4 sums of one group twice, and the running sum: 3 · 16 bytes.
    result = run(grouped(4, (8, 8, 40)), machine_document(accumulator_bytes=48))
    assert result.operators[0].mapping["tile"] == {"m": 1, "n": 4, "k": 4}
    with pytest.raises(CyclelabError, match="accumulator"):
        run(grouped(4, (8, 8, 40)), machine_document(accumulator_bytes=47))


def test_a_fixed_tile_cuts_no_group() -> None:
    mapping = {"operators": {"gemm": {"k": 12}}}
    with pytest.raises(CyclelabError, match=r"operators\.gemm\.k: 12 is no multiple of the 8"):
        run(grouped(8, (8, 12, 24)), mapping=mapping)
    mapping["operators"]["gemm"]["k"] = 16
    tile = run(grouped(8, (8, 12, 24)), mapping=mapping).operators[0].mapping["tile"]
    assert tile["k"] == 16


def test_an_array_that_dequantises_scales_no_sums() -> None:
    unit = {"input_format": "bf16", "weight_format": "bf16", "accumulator_format": "fp32"}
    document = machine_document(unit=unit | {"stored_weight_format": "uint4"})
    precision = {"weights": "uint4", "activations": "bf16", "residual": "bf16"}
    groups = {"weight_group_size": 8, "weight_zero_point": "uint4"}
    result = run(gemms((8, 12, 24)) | {"precision": precision | groups}, document)
    assert {record.name for record in result.operators} == {"gemm"}
    assert "core.vector_unit.lane.adder" not in result.energy_by_component
    assert any("dequantiser" in path for path in result.energy_by_component)


@pytest.mark.parametrize("machine", ["npu_w8a8", "tpuv3_core", "h100", "neoverse_n1"])
@pytest.mark.parametrize(
    ("shape", "group"),
    [
        ({"m": 1, "n": 2304, "k": 768}, 96),
        ({"m": 3, "n": 2304, "k": 768}, 100),
        ({"m": 1, "n": 512, "k": 1000, "count": 5}, 32),
        ({"m": 1, "n": 5120, "k": 5120}, 120),
    ],
)
def test_weights_are_read_to_the_last_byte_of_their_scales(
    machine: str, shape: dict[str, int], group: int
) -> None:
    activations = {"tpuv3_core": "bf16", "h100": "fp16"}.get(machine, "int8")
    precision = {"weights": "int4", "activations": activations, "weight_group_size": group}
    work = {"gemms": [shape], "precision": precision}
    result = simulator.run({"name": "groups", "machine": machine, "workload": work})
    count, n, k = shape.get("count", 1), shape["n"], shape["k"]
    bits = count * n * (4 * k + 16 * len(range(0, k, group)))
    rest = count * shape["m"] * (k * format_bits(activations) + 16 * n) / 8
    (gemm, *others) = result.operators
    assert not others and gemm.compulsory_bytes == bits / 8 + rest
    moved = gemm.bytes["dram_read"] + gemm.bytes["dram_write"]
    tiles = moved - gemm.compulsory_bytes
    assert 0 <= tiles < gemm.compulsory_bytes / 1000, "each tile ends with a whole byte"
