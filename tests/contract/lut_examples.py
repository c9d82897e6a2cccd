"""Specs of LUT tensor cores that the contract suite runs over."""

from __future__ import annotations

from itertools import product

from simulator.hardware.lut_tensor_core import LutTensorCoreSpec

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


SCALED_LOOKUPS = (
    # formats of activations, weights, tables, their scales, sums
    ("fp16", "bipolar2", "int8", "fp16", "fp32"),
    ("bf16", "int3", "int8", "fp32", "fp32"),
    ("fp8_e4m3", "bipolar1", "int6", "fp16", "fp16"),
    ("int8", "bipolar4", "int8", "bf16", "fp32"),
    ("fp8_e5m2", "uint2", "int8", "fp16", "fp32"),
    ("fp32", "int4", "int10", "fp32", "fp32"),
)


def scaled_lut_tensor_cores() -> tuple[LutTensorCoreSpec, ...]:
    """Tables with scales, over stages, banks, and where sums are."""
    options = product((1, 2), (True, False), ("lanes", "buffer", "weights"))
    return tuple(
        LutTensorCoreSpec(
            **_blocks(index),
            input_format=SCALED_LOOKUPS[index % len(SCALED_LOOKUPS)][0],
            weight_format=SCALED_LOOKUPS[index % len(SCALED_LOOKUPS)][1],
            table_format=SCALED_LOOKUPS[index % len(SCALED_LOOKUPS)][2],
            table_scale_format=SCALED_LOOKUPS[index % len(SCALED_LOOKUPS)][3],
            accumulator_format=SCALED_LOOKUPS[index % len(SCALED_LOOKUPS)][4],
            pipeline_stages=stages,  # type: ignore[arg-type]
            double_buffer=double_buffer,
            index_negation=("offline", "circuit")[index % 5 // 4],
            partial_sums="lanes" if sums == "lanes" else "buffer",
            stationary="weights" if sums == "weights" else "outputs",
        )
        for index, (stages, double_buffer, sums) in enumerate(options)
    )


def weight_stationary_lut_tensor_cores() -> tuple[LutTensorCoreSpec, ...]:
    """Weights that stay, over kinds of sums, stages and banks."""
    options = product(("table", "built_table", "adders"), (1, 2), (True, False))
    return tuple(
        LutTensorCoreSpec(
            **_blocks(index),
            input_format=LOOKUPS[index % len(LOOKUPS)][0],
            weight_format=LOOKUPS[index % len(LOOKUPS)][1],
            table_format=LOOKUPS[index % len(LOOKUPS)][2],
            accumulator_format=LOOKUPS[index % len(LOOKUPS)][3],
            sums=sums,  # type: ignore[arg-type]
            pipeline_stages=stages,  # type: ignore[arg-type]
            double_buffer=double_buffer,
            partial_sums="buffer",
            stationary="weights",
        )
        for index, (sums, stages, double_buffer) in enumerate(options)
    )


def _blocks(index: int) -> dict[str, int]:
    return dict(zip(("rows", "columns", "depth"), BLOCKS[index % len(BLOCKS)], strict=True))
