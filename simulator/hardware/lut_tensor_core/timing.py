"""What cycles of a LUT tensor core depend on.

A step serves one bit of every weight per cycle, so that it takes W cycles (the released
RTL of LUT Tensor Core, ISCA 2025, takes W cycles per step and has a latency of W, or of
W + 1 with a register behind the selection).

- load: W cycles to fill a bank of operand registers through the port, or one with a
  port wide enough and no second bank; one more if tables are built of activations;
- drain: one cycle for the second stage, one for the scale of a table if it has one (the
  sum over a step's bits is scaled while the next step is served), one for the last sums
  to leave.
"""

from __future__ import annotations

from simulator.hardware.block_unit import Geometry
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec


def geometry(spec: LutTensorCoreSpec) -> Geometry:
    """The geometry of a spec."""
    shares = spec.weight_bits if spec.double_buffer else 1
    return Geometry(
        spec.rows,
        spec.columns,
        spec.depth,
        step_cycles=spec.weight_bits,
        load_cycles=shares + (spec.sums == "built_table"),
        drain_cycles=spec.pipeline_stages + (spec.table_scale_format is not None),
        columns_stay=spec.stationary == "weights",
        sums_outside=spec.partial_sums == "buffer",
    )
