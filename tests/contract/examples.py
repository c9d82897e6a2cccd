"""Specs that the contract suite runs over, by kind: small arrays, every option."""

from __future__ import annotations

from itertools import product
from typing import Any

from simulator.hardware.lut_tensor_core import LutTensorCoreSpec
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


LOOKUPS = (
    # formats of activations, weights, sums of activations, partial sums
    ("int8", "bipolar2", "int11", "int32"),
    ("fp16", "bipolar4", "fp16", "fp32"),
    ("int8", "int3", "int11", "int24"),
    ("int16", "bipolar1", "int20", "int32"),
    ("bf16", "bipolar3", "fp32", "fp32"),
    ("fp8_e4m3", "bipolar6", "fp16", "fp16"),
    ("int4", "uint2", "int8", "int16"),
    ("fp8_e5m2", "int4", "fp32", "fp32"),
    ("uint8", "bipolar5", "int12", "int32"),
)
SHIFTED = (
    ("int8", "int4", "int32"),
    ("uint8", "uint3", "int32"),
    ("fp16", "int4", "fp32"),
    ("int8", "ternary", "int24"),
    ("bf16", "uint2", "fp32"),
    ("int16", "int8", "int32"),
    ("fp16", "ternary", "fp16"),
)


def shift_add_arrays() -> tuple[SystolicArraySpec, ...]:
    """Arrays without multipliers, over dataflows and formats in turn."""
    dataflows = ("output_stationary", "weight_stationary", "input_stationary")
    return tuple(
        SystolicArraySpec(
            rows=SIDES[index % 3][0],
            columns=SIDES[index % 3][1],
            dataflow=dataflows[index % 3],  # type: ignore[arg-type]
            multiplier="shift_add",
            input_format=inputs,
            weight_format=weights,
            accumulator_format=sums,
        )
        for index, (inputs, weights, sums) in enumerate(SHIFTED)
    )


ADDED = (
    # formats of both operands, sums; dataflow, stored weights
    ("bf16", "fp32", "output_stationary", None),
    ("fp16", "fp32", "weight_stationary", None),
    ("fp8_e4m3", "fp32", "input_stationary", None),
    ("fp8_e5m2", "fp16", "output_stationary", None),
    ("fp16", "fp16", "weight_stationary", None),
    ("bf16", "fp16", "input_stationary", None),
    ("bf16", "fp32", "weight_stationary", "int4"),
)


def l_mul_arrays() -> tuple[SystolicArraySpec, ...]:
    """Arrays that add codes instead of multiplying, over dataflows and formats."""
    return tuple(
        SystolicArraySpec(
            rows=SIDES[index % 4][0],
            columns=SIDES[index % 4][1],
            dataflow=dataflow,  # type: ignore[arg-type]
            multiplier="l_mul",
            input_format=operands,
            weight_format=operands,
            stored_weight_format=stored,
            accumulator_format=sums,
        )
        for index, (operands, sums, dataflow, stored) in enumerate(ADDED)
    )


FLINT = (
    # formats of activations, weights, sums; dataflow, edge, input register
    ("flint4", "flint4", "int16", "output_stationary", "true_size", False),
    ("int8", "flint4", "int32", "weight_stationary", "padded", False),
    ("uflint4", "flint4", "int24", "input_stationary", "true_size", True),
    ("flint4", "int4", "int16", "weight_stationary", "true_size", True),
    ("uflint4", "uflint4", "int32", "output_stationary", "padded", True),
    ("flint4", "uint8", "int32", "input_stationary", "padded", False),
)


def flint_arrays() -> tuple[SystolicArraySpec, ...]:
    """Arrays with decoders at their edges, over dataflows, edges and formats."""
    return tuple(
        SystolicArraySpec(
            rows=SIDES[index % 4][0],
            columns=SIDES[index % 4][1],
            dataflow=dataflow,  # type: ignore[arg-type]
            edge=edge,  # type: ignore[arg-type]
            input_register=input_register,
            double_buffer=bool(index % 2),
            multiplier="flint",
            input_format=inputs,
            weight_format=weights,
            accumulator_format=sums,
        )
        for index, (inputs, weights, sums, dataflow, edge, input_register) in enumerate(FLINT)
    )


DEQUANTISED = (
    # formats of activations, stored weights, weights, sums
    ("fp16", "int4", "fp16", "fp32"),
    ("bf16", "uint3", "bf16", "fp32"),
    ("fp16", "fp4_e2m1", "fp16", "fp32"),
    ("bf16", "int8", "bf16", "fp32"),
    ("fp16", "ternary", "fp16", "fp16"),
    ("bf16", "flint4", "bf16", "fp32"),
)


def dequantising_arrays() -> tuple[SystolicArraySpec, ...]:
    """Arrays that dequantise weights as they enter, over dataflows and edges."""
    dataflows = ("output_stationary", "weight_stationary", "input_stationary")
    return tuple(
        SystolicArraySpec(
            rows=SIDES[index % 4][0],
            columns=SIDES[index % 4][1],
            dataflow=dataflow,  # type: ignore[arg-type]
            edge=edge,  # type: ignore[arg-type]
            input_format=DEQUANTISED[index][0],
            stored_weight_format=DEQUANTISED[index][1],
            weight_format=DEQUANTISED[index][2],
            accumulator_format=DEQUANTISED[index][3],
        )
        for index, (dataflow, edge) in enumerate(product(dataflows, ("true_size", "padded")))
    )


BLOCKS = ((2, 4, 4), (1, 3, 2), (2, 2, 3), (3, 1, 1), (1, 5, 5), (2, 3, 4))


def lut_tensor_cores() -> tuple[LutTensorCoreSpec, ...]:
    """Every combination of options, over blocks and formats in turn."""
    options = product(
        ("table", "built_table", "adders"), (1, 2), (True, False), ("offline", "circuit")
    )
    found = []
    for index, (sums, stages, double_buffer, negation) in enumerate(options):
        rows, columns, depth = BLOCKS[index % len(BLOCKS)]
        formats = LOOKUPS[index % len(LOOKUPS)]
        found.append(
            LutTensorCoreSpec(
                rows=rows,
                columns=columns,
                depth=depth,
                input_format=formats[0],
                weight_format=formats[1],
                table_format=formats[2],
                accumulator_format=formats[3],
                sums=sums,
                pipeline_stages=stages,
                double_buffer=double_buffer,
                index_negation=negation,
                partial_sums=("lanes", "buffer")[index % 5 // 4],
            )
        )
    return tuple(found)


EXAMPLES: dict[str, tuple[MatrixUnitSpec, ...]] = {
    "systolic_array": (
        *systolic_arrays(),
        *shift_add_arrays(),
        *l_mul_arrays(),
        *flint_arrays(),
        *dequantising_arrays(),
    ),
    "lut_tensor_core": lut_tensor_cores(),
}
