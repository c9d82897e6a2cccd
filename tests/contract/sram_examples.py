"""Specs of SRAM-PIM arrays that the contract suite runs over."""

from __future__ import annotations

from simulator.hardware.sram_pim import SramPimSpec

BIT_SERIAL = (
    # rows, columns, k, formats of activations, weights, outputs, latencies; first of sizes
    # that have a price, then small ones
    (256, 64, None, "int8", "int4", "int32", "neural_cache"),
    (256, 256, 5, "int4", "uint2", "int32", "neural_cache"),
    (256, 64, 4, "int8", "int4", "int32", "mve"),
    (48, 4, 1, "int8", "int4", "int32", "neural_cache"),
    (70, 3, 2, "int4", "int2", "int32", "infinity_stream"),
    (96, 5, 3, "int8", "int3", "int32", "mve"),
    (130, 4, 4, "int4", "int4", "int24", "neural_cache"),
    (80, 3, 2, "int16", "int8", "int48", "mve"),
    (110, 4, 3, "int8", "uint4", "int32", "neural_cache"),
    (64, 2, 1, "int16", "uint8", "int48", "infinity_stream"),
    (90, 3, 2, "int2", "ternary", "int16", "neural_cache"),
    (60, 3, 3, "int5", "int1", "int32", "mve"),
)
BIT_PARALLEL = (
    (256, 64, None, "int8", "int4", "int32", "neural_cache"),
    (256, 256, 7, "int8", "int2", "int32", "neural_cache"),
    (256, 64, 4, "int16", "int8", "int48", "neural_cache"),
    (16, 30, 1, "int8", "int4", "int32", "neural_cache"),
    (16, 17, 2, "int4", "int2", "int32", "mve"),
    (16, 16, 3, "int8", "uint3", "int32", "neural_cache"),
    (32, 40, 4, "int4", "int8", "int24", "neural_cache"),
    (64, 21, 5, "int16", "int6", "int48", "infinity_stream"),
    (40, 8, 4, "int2", "uint1", "int16", "neural_cache"),
    (16, 9, 2, "int5", "uint8", "int32", "neural_cache"),
)
PRICED = 3
"""Of each layout, how many have a size that technologies know."""


def sram_pim_arrays() -> tuple[SramPimSpec, ...]:
    """Both layouts, over tables, formats and latencies; some batches go in several passes."""
    serial = [("bit_serial", *example) for example in BIT_SERIAL]
    parallel = [("bit_parallel", *example) for example in BIT_PARALLEL]
    examples = serial[:PRICED] + parallel[:PRICED] + serial[PRICED:] + parallel[PRICED:]
    return tuple(
        SramPimSpec(
            rows=rows,
            columns=columns,
            layout=layout,  # type: ignore[arg-type]
            basis_weights=basis_weights,
            input_format=inputs,
            weight_format=weights,
            accumulator_format=sums,
            latencies=latencies,
            batch_sums=8,
        )
        for layout, rows, columns, basis_weights, inputs, weights, sums, latencies in examples
    )
