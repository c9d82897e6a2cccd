"""What is said where main units have no work, as no operator has operands that they take."""

from __future__ import annotations

from typing import Any

import pytest

import simulator as sim
from simulator.hardware.lut_tensor_core import LutTensorCore, LutTensorCoreSpec
from simulator.mapping.formats import taken_words
from simulator.report.explain import explain
from simulator.report.notebook import fragment
from simulator.report.result import Result
from tests.hardware.test_narrower_weights import array
from tests.mapping.small import gemms, run
from tests.mapping.test_adaptation import LUT, machine, workload

FAST = LUT | {"weight_format": "bipolar2", "columns": 64}


def result(weights: str, main: dict[str, Any] = FAST, **small: Any) -> Result:
    """One GEMM on a machine whose main units come before its array of 4 x 4."""
    document = machine(main)
    document["core"]["matrix_units"].reverse()
    document["core"]["matrix_units"][1] |= small
    return run(gemms((8, 8, 8)) | {"precision": workload(weights)["precision"]}, document)


def test_main_units_without_work_are_named_with_what_they_take() -> None:
    found = result("int3")
    assert {record.unit for record in found.operators if record.macs} == {"systolic_array"}
    # 16 products a cycle of the 2 · 64 · 4 / 2 that there could be.
    line = (
        "lut_tensor_core has no work: it multiplies int8 by integers of 1 to 2 bits, which no "
        "operator has (int8 by int3); what ran has 6.2 % of its peak"
    )
    for text in (found.summary(), explain(found), fragment(found)):
        assert line in " ".join(text.replace("\N{NARROW NO-BREAK SPACE}", " ").split())
    assert Result.from_dict(found.to_dict()).machine["idle_units"]["unit"] == "lut_tensor_core"


@pytest.mark.parametrize(
    ("weights", "main", "small"),
    [
        ("int2", FAST, {}),  # they work
        ("int1", FAST, {}),
        # They could, but the array is estimated to be faster.
        ("int2", LUT | {"rows": 1, "columns": 1}, {"rows": 32, "columns": 32}),
        # What ran is no slower than they are.
        ("int3", LUT | {"rows": 1, "columns": 8}, {}),
    ],
)
def test_nothing_is_said_otherwise(weights: str, main: dict[str, Any], small: Any) -> None:
    found = result(weights, main, **small)
    assert "idle_units" not in found.machine
    assert "has no work" not in found.summary() + explain(found)


def test_arrays_beside_a_cache_and_other_cores_of_a_gpu() -> None:
    cpu = sim.gemm(
        64, 512, 512, machine="neoverse_n1_sram_pim", set=_precision("fp16", "fp16")
    ).machine
    assert cpu["idle_units"]["unit"] == "sram_pim"
    cpu = sim.gemm(
        64, 512, 512, machine="neoverse_n1_sram_pim", set=_precision("int4", "int8")
    ).machine
    assert "idle_units" not in cpu
    gpu = sim.gemm(64, 512, 512, machine="a100_lut_4x", set=_precision("int4", "int8")).machine
    assert gpu["idle_units"]["takes"] == "int8 by integers of 1 to 2 bits"
    # Its FP16 cores come first, but have half the peak of the INT8 ones.
    gpu = sim.gemm(64, 512, 512, machine="a100", set=_precision("int8", "int8")).machine
    assert "idle_units" not in gpu


def _precision(weights: str, activations: str) -> dict[str, Any]:
    return {"workload.precision": {"weights": weights, "activations": activations}}


def test_what_units_take_in_words() -> None:
    assert taken_words(array("int8")) == "int8 by int8"
    assert taken_words(array("int4")) == "int8 by integers of 1 to 4 bits"
    lut = LutTensorCore(
        LutTensorCoreSpec(
            input_format="fp16",
            weight_format="bipolar1",
            table_format="fp16",
            accumulator_format="fp32",
        )
    )
    assert taken_words(lut) == "fp16 by bipolar1"
    assert taken_words(array("ternary", multiplier="shift_add")) == (
        "int8 by int1 or ternary or uint1"
    )
