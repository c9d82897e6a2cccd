"""Tables in front of a GEMM and corrections behind it, where a matrix unit needs them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.config import CyclelabError, Document, validate
from simulator.hardware.npu import NpuSpec
from simulator.mapping import MappingSpec
from simulator.mapping.adaptation import adapted
from simulator.mapping.resources import NpuResources
from simulator.workload import WorkloadSpec, load_workload
from simulator.workload.operators import MatMul, Operator, Phase, Vector
from tests.mapping.small import gemms, machine_document, run, transformer

LUT = {
    "kind": "lut_tensor_core",
    "rows": 2,
    "columns": 8,
    "depth": 4,
    "input_format": "int8",
    "weight_format": "bipolar2",
    "table_format": "int11",
    "accumulator_format": "int32",
}


def machine(*units: dict[str, Any]) -> dict[str, Any]:
    """A machine of these units beside the small int8 array, with functions for tables."""
    document = machine_document()
    document["core"]["matrix_units"] += units
    functions = document["core"]["vector_unit"]["functions"]
    for name in ("half_table_4", "scaled_half_table_4", "full_table_4", "row_sum"):
        functions[name] = {"cycles_per_element": 1, "adds": 1}
    return document


def workload(weights: str, *shapes: tuple[int, int, int]) -> dict[str, Any]:
    """GEMMs of int8 activations by weights of a format."""
    precision = {"weights": weights, "activations": "int8", "residual": "int8"}
    return gemms(*shapes or ((6, 20, 10),)) | {"precision": precision}


def operators(weights: str, *units: dict[str, Any], **mapping: Any) -> list[Operator]:
    """The operators of one GEMM on a machine with these units besides the int8 array."""
    spec = validate(NpuSpec, Document.from_data(machine(*(units or (LUT,)))))
    (phase,) = load_workload(WorkloadSpec.model_validate(workload(weights))).phases
    found: Phase = adapted(phase, NpuResources(spec), MappingSpec.model_validate(mapping))
    return found.segments[0].operators()


def test_tables_are_made_of_activations() -> None:
    tables, multiply = operators("bipolar2")
    assert isinstance(tables, Vector) and isinstance(multiply, MatMul)
    # 6 rows of 10 activations are 3 tables each, the last one filled up to 4.
    assert (tables.function, tables.elements) == ("half_table_4", 6 * 12)
    # 8 sums of 11 bits in each of 18 tables.
    assert tables.outputs[0].bytes == 6 * 3 * 8 * 11 // 8
    assert multiply.inputs[1] == tables.outputs[0]
    assert (multiply.unit, multiply.weight_format) == (1, "bipolar2")


def test_tables_with_scales_bring_these_along() -> None:
    scaled = {"table_format": "int8", "table_scale_format": "fp16", "accumulator_format": "fp32"}
    tables, multiply = operators("bipolar2", LUT | scaled)
    assert isinstance(tables, Vector) and tables.function == "scaled_half_table_4"
    assert isinstance(multiply, MatMul) and multiply.inputs[1] == tables.outputs[0]
    # 8 codes of 8 bits and a scale of 16 in each of 18 tables.
    assert tables.outputs[0].bytes == 6 * 3 * (8 * 8 + 16) // 8
    document = machine(LUT | scaled)
    work = workload("bipolar2", (24, 40, 36))
    assert run(work, document).cycles == run(work, document, every_event=True).cycles


def test_what_needs_nothing_is_left_alone() -> None:
    for weights, sums in (("int8", "table"), ("bipolar2", "built_table")):
        (multiply,) = operators(weights, LUT | {"sums": sums})
        assert isinstance(multiply, MatMul) and multiply.unit is None


@pytest.mark.parametrize("weights", ["int2", "uint2", "ternary"])
def test_other_codes_are_rewritten_and_corrected(weights: str) -> None:
    sums, multiply, correction = operators(weights, LUT | {"sums": "adders"})
    assert isinstance(sums, Vector) and (sums.function, sums.elements) == ("row_sum", 60)
    assert sums.outputs[0].elements == 6
    assert isinstance(multiply, MatMul) and multiply.weight_format == "bipolar2"
    assert isinstance(correction, Vector) and correction.function == "scale_add"
    assert correction.elements == 6 * 20
    assert correction.inputs == (*multiply.outputs, *sums.outputs)
    assert correction.outputs[0].name == "gemm_output"


def test_full_tables_take_twos_complement_and_ternary_as_it_is() -> None:
    conventional = LUT | {"weight_format": "int2"}
    for weights in ("int2", "ternary"):
        tables, multiply = operators(weights, conventional)
        assert isinstance(tables, Vector) and tables.function == "full_table_4"
        assert tables.outputs[0].bytes == 6 * 3 * 16 * 11 // 8
        assert isinstance(multiply, MatMul) and multiply.weight_format == "int2"


def test_the_fastest_unit_is_adapted_to_unless_one_is_fixed() -> None:
    larger = LUT | {"sums": "adders", "columns": 16}
    (multiply,) = operators("bipolar2", LUT, larger)
    assert isinstance(multiply, MatMul) and multiply.unit == 2
    fixed = {"operators": {"gemm": {"unit": "lut_tensor_core1"}}}
    tables, _ = operators("bipolar2", LUT, larger, **fixed)
    assert isinstance(tables, Vector)


@pytest.mark.parametrize("fuse", [True, False])
@pytest.mark.parametrize("weights", ["bipolar2", "ternary", "int1"])
def test_runs_obey_their_laws_and_skip_exactly(weights: str, fuse: bool) -> None:
    mapping = {"fuse_elementwise": fuse}
    work = workload(weights, (24, 40, 36), (7, 33, 18))
    skipped = run(work, machine(LUT), mapping)
    events = run(work, machine(LUT), mapping, every_event=True)
    assert skipped.cycles == events.cycles
    assert skipped.energy_by_component == events.energy_by_component
    # Nothing comes before the GEMM that its tables could be fused behind.
    assert "gemm_tables" in {record.name for record in skipped.operators}
    multiplied = [r for r in skipped.operators if r.kind == "matmul"]
    assert sum(record.macs for record in multiplied) == 24 * 40 * 36 + 7 * 33 * 18
    for record in multiplied:
        assert record.unit == "lut_tensor_core"


def ternary_model(folder: Path) -> dict[str, Any]:
    """A small transformer with ternary weights, all else int8."""
    formats = ("activations", "kv_cache", "lm_head", "residual")
    precision = {"weights": "ternary"} | dict.fromkeys(formats, "int8")
    return {"model": transformer(folder), "prefill_tokens": 5, "precision": precision}


def test_attention_stays_on_the_array(tmp_path: Path) -> None:
    model = ternary_model(tmp_path)
    result = run(model, machine(LUT))
    units = {record.name: record.unit for record in result.operators}
    assert units["qkv_proj"] == "lut_tensor_core"
    assert units["attention"] == units["lm_head"] == "systolic_array"


def test_tables_are_fused_behind_what_makes_the_activations(tmp_path: Path) -> None:
    result = run(ternary_model(tmp_path), machine(LUT))
    assert not [r for r in result.operators if r.name.endswith(("_tables", "_row_sums"))]
    apart = run(ternary_model(tmp_path), machine(LUT), {"fuse_elementwise": False})
    names = {r.name for r in apart.operators}
    assert {"qkv_proj_tables", "qkv_proj_row_sums", "qkv_proj_correction"} <= names
    assert apart.cycles > result.cycles


def test_attention_without_a_unit_for_it(tmp_path: Path) -> None:
    document = machine(LUT)
    del document["core"]["matrix_units"][0]
    model = ternary_model(tmp_path)
    with pytest.raises(CyclelabError, match=r"int8 activations by int8 weights.*int8 x bipolar2"):
        run(model, document)


def test_a_missing_function_is_named() -> None:
    document = machine(LUT)
    del document["core"]["vector_unit"]["functions"]["half_table_4"]
    with pytest.raises(CyclelabError, match="half_table_4"):
        run(workload("bipolar2"), document)


# -- which unit ------------------------------------------------------------------------------
FP16 = {"input_format": "fp16", "weight_format": "fp16", "accumulator_format": "fp32"}


def test_a_tiny_lut_core_does_not_win_over_a_large_array() -> None:
    document = machine(LUT | {"rows": 1, "columns": 1, "sums": "adders"})
    document["core"]["matrix_units"][0] |= {"rows": 32, "columns": 32}
    result = run(workload("ternary", (64, 64, 64)), document)
    assert [r.unit for r in result.operators] == ["systolic_array"]


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize("keep", [True, False])
def test_the_graph_is_made_for_the_unit_that_runs_it(cores: int, keep: bool) -> None:
    """One array dequantises weights, zero points and all; the other multiplies codes."""
    document = machine()
    array = document["core"]["matrix_units"][0]
    codes = {"input_format": "fp16", "weight_format": "uint4", "accumulator_format": "fp32"}
    document["core"]["matrix_units"] = [array | FP16 | {"rows": 16}, array | codes | {"rows": 8}]
    document["cores"] = cores
    precision = {"weights": "uint4", "activations": "fp16", "residual": "fp16"}
    groups = {"weight_group_size": 32, "weight_zero_point": "uint4"}
    work = gemms((64, 64, 64)) | {"precision": precision | groups}
    mapping: dict[str, Any] = {"keep_activations": keep}
    free = run(work, document, mapping)
    index = int(free.operators[-1].unit.removeprefix("systolic_array"))
    sums = [record.name for record in free.operators if record.name.endswith("_row_sums")]
    assert len(sums) == index, "only where codes are multiplied"
    mapping["operators"] = {"gemm": {"unit": f"systolic_array{index}"}}
    assert run(work, document, mapping).cycles == free.cycles


def test_a_fixed_unit_that_cannot() -> None:
    mapping = {"operators": {"gemm": {"unit": "lut_tensor_core"}}}
    with pytest.raises(CyclelabError, match=r"gemm.unit: lut_tensor_core never.*int8 x bipolar2$"):
        run(workload("int8"), machine(LUT), mapping)


def test_a_fixed_k_cuts_no_table() -> None:
    mapping = {"operators": {"gemm": {"k": 6}}}
    with pytest.raises(CyclelabError, match=r"gemm\.k: 6 is no multiple of the 4 activations"):
        run(workload("bipolar2", (8, 8, 60)), machine(LUT), mapping)
