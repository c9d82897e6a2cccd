"""Bad specs get one clear message each."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from simulator.hardware.systolic_array import SystolicArraySpec

GOOD = {
    "kind": "systolic_array",
    "rows": 128,
    "columns": 128,
    "dataflow": "weight_stationary",
    "input_format": "bf16",
    "weight_format": "bf16",
    "accumulator_format": "fp32",
}


def test_defaults() -> None:
    spec = SystolicArraySpec.model_validate(GOOD)
    assert (spec.drain, spec.edge) == ("serial", "true_size")
    assert not spec.double_buffer
    assert not spec.input_register


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rows": 0}, "greater than or equal to 1"),
        ({"columns": 65537}, "less than or equal to 65536"),
        ({"rows": 3.5}, "valid integer"),
        ({"dataflow": "row_stationary"}, "'input_stationary'"),
        ({"input_format": "bf61"}, "did you mean 'bf16'"),
        ({"accumulator_format": "int32"}, "mixes integers and floats"),
        ({"multiplier": "shift_add"}, "takes integer weights of at most 8 bits"),
        ({"accumulator_format": "fp16", "input_format": "fp32"}, "at least 32 bits"),
        ({"drain": "parallel"}, "output_stationary"),
        ({"colums": 3}, "Extra inputs"),
    ],
)
def test_bad_values(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        SystolicArraySpec.model_validate({**GOOD, **change})


def test_schema_lists_the_formats() -> None:
    properties = SystolicArraySpec.model_json_schema()["properties"]
    assert "fp8_e4m3" in properties["input_format"]["enum"]
    assert "PE rows" in properties["rows"]["description"]
