"""Specs that the contract suite runs over, by kind: small arrays, every option."""

from __future__ import annotations

from itertools import product
from typing import Any

from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.hardware.systolic_array import SystolicArraySpec

FORMATS = (
    ("int8", "int8", "int32"),
    ("bf16", "bf16", "fp32"),
    ("int8", "int4", "int32"),
    ("fp8_e4m3", "fp8_e5m2", "fp32"),
    ("int4", "int2", "int16"),
    ("fp16", "fp16", "fp16"),
    ("int16", "int8", "int32"),
    ("fp32", "fp32", "fp32"),
    ("fp16", "bf16", "fp32"),
)
SIDES = ((4, 4), (3, 5), (5, 2), (1, 4), (4, 1), (2, 3), (1, 1))


def systolic_arrays() -> tuple[SystolicArraySpec, ...]:
    """Every combination of options, over sides and formats in turn."""
    options: list[dict[str, Any]] = []
    for input_register, double_buffer, edge in product(
        (False, True), (False, True), ("true_size", "padded")
    ):
        common = {"input_register": input_register, "double_buffer": double_buffer, "edge": edge}
        for dataflow, drain in (
            ("output_stationary", "serial"),
            ("output_stationary", "parallel"),
            ("weight_stationary", "serial"),
            ("input_stationary", "serial"),
        ):
            options.append({**common, "dataflow": dataflow, "drain": drain})
    return tuple(
        SystolicArraySpec(
            rows=SIDES[index % len(SIDES)][0],
            columns=SIDES[index % len(SIDES)][1],
            input_format=FORMATS[index % len(FORMATS)][0],
            weight_format=FORMATS[index % len(FORMATS)][1],
            accumulator_format=FORMATS[index % len(FORMATS)][2],
            **chosen,
        )
        for index, chosen in enumerate(options)
    )


EXAMPLES: dict[str, tuple[MatrixUnitSpec, ...]] = {"systolic_array": systolic_arrays()}
