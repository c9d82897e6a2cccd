"""Specs that the contract suite runs over, by kind: small arrays, every option."""

from __future__ import annotations

from itertools import product
from typing import Any

from simulator.hardware.fusible_array import FusibleArraySpec
from simulator.hardware.matrix_unit import MatrixUnitSpec
from simulator.hardware.systolic_array import SystolicArraySpec
from simulator.hardware.tensor_core import TensorCoreSpec
from tests.contract.lut_examples import (
    lut_tensor_cores,
    scaled_lut_tensor_cores,
    weight_stationary_lut_tensor_cores,
)
from tests.contract.sram_examples import sram_pim_arrays

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


TENSOR_BLOCKS = ((2, 4, 4), (3, 2, 5), (1, 3, 8), (4, 2, 3), (2, 5, 7), (1, 1, 4))
SHALLOW = (
    # rows, columns, depth, stages: trees of one level, and of none
    (2, 3, 2, 3),
    (3, 2, 1, 2),
    (2, 2, 1, 1),
)


def tensor_cores() -> tuple[TensorCoreSpec, ...]:
    """Every combination of options, over blocks and formats in turn; then shallow ones."""
    blocks = [
        (*TENSOR_BLOCKS[index % len(TENSOR_BLOCKS)], stages, double_buffer, partial_sums)
        for index, (stages, double_buffer, partial_sums) in enumerate(
            product((1, 2, 3, 4), (True, False), ("lanes", "buffer"))
        )
    ]
    blocks += [(*block, True, "lanes") for block in SHALLOW]
    formats = [(a, w, w, sums) for a, w, sums in FORMATS]
    formats += [(a, stored, w, sums) for a, stored, w, sums in DEQUANTISED]
    found = []
    for index, (rows, columns, depth, stages, double_buffer, partial_sums) in enumerate(blocks):
        inputs, stored, weights, sums = formats[index % len(formats)]
        found.append(
            TensorCoreSpec(
                rows=rows,
                columns=columns,
                depth=depth,
                input_format=inputs,
                weight_format=weights,
                stored_weight_format=None if stored == weights else stored,
                accumulator_format=sums,
                pipeline_stages=stages,
                double_buffer=double_buffer,
                partial_sums=partial_sums,  # type: ignore[arg-type]
            )
        )
    return tuple(found)


def simd_dots() -> tuple[TensorCoreSpec, ...]:
    """Pipes side by side, each with a dot product as long as one instruction."""
    shapes = ((2, 16, 3, *FORMATS[0]), (1, 4, 4, *FORMATS[7]), (3, 5, 2, *FORMATS[5]))
    return tuple(
        TensorCoreSpec(
            kind="simd_dot",
            rows=1,
            columns=columns,
            depth=depth,
            pipeline_stages=stages,
            input_format=inputs,
            weight_format=weights,
            accumulator_format=sums,
        )
        for columns, depth, stages, inputs, weights, sums in shapes
    )


FUSED = (
    # widest operands, bricks, formats of inputs, weights, sums
    (8, 2, "int2", "int2", "int16"),
    (8, 2, "int4", "int4", "int32"),
    (8, 2, "int8", "int4", "int32"),
    (8, 2, "int4", "int8", "int24"),
    (8, 2, "int8", "int8", "int32"),
    (8, 2, "int3", "ternary", "int32"),
    (16, 2, "int16", "int4", "int48"),
    (8, 4, "int4", "int8", "int32"),
    (8, 2, "uint8", "int2", "int32"),
    (16, 4, "int8", "uint5", "int64"),
    (8, 2, "int2", "int8", "int32"),
)
UNITS_BY_SIDES = ((2, 3), (3, 2), (1, 2), (2, 1), (1, 1))


def fusible_arrays() -> tuple[FusibleArraySpec, ...]:
    """Every combination of options with every pair of formats, over sides in turn."""
    options = product(
        ("weight_stationary", "output_stationary"), ("summed", "crossed"), (False, True), FUSED
    )
    return tuple(
        FusibleArraySpec(
            rows=UNITS_BY_SIDES[index % len(UNITS_BY_SIDES)][0],
            columns=UNITS_BY_SIDES[index % len(UNITS_BY_SIDES)][1],
            max_bits=most,  # type: ignore[arg-type]
            brick_bits=brick,  # type: ignore[arg-type]
            input_format=inputs,
            weight_format=weights,
            accumulator_format=sums,
            dataflow=dataflow,  # type: ignore[arg-type]
            products=products,  # type: ignore[arg-type]
            double_buffer=double_buffer,
        )
        for index, (dataflow, products, double_buffer, (most, brick, inputs, weights, sums)) in (
            enumerate(options)
        )
    )


EXAMPLES: dict[str, tuple[MatrixUnitSpec, ...]] = {
    "systolic_array": (
        *systolic_arrays(),
        *shift_add_arrays(),
        *l_mul_arrays(),
        *flint_arrays(),
        *dequantising_arrays(),
    ),
    "lut_tensor_core": (
        *lut_tensor_cores(),
        *scaled_lut_tensor_cores(),
        *weight_stationary_lut_tensor_cores(),
    ),
    "tensor_core": tensor_cores(),
    "simd_dot": simd_dots(),
    "fusible_array": fusible_arrays(),
    "sram_pim": sram_pim_arrays(),
}
