"""What cycles of a tensor core depend on.

A step takes one cycle. Operands of a step come at once: one cycle of load, whether the
registers have a second bank or not. Drain is a cycle per register between operands and
accumulator, and one for the last sums to leave.
"""

from __future__ import annotations

from simulator.hardware.block_unit import Geometry
from simulator.hardware.tensor_core.spec import TensorCoreSpec


def geometry(spec: TensorCoreSpec) -> Geometry:
    """The geometry of a spec."""
    return Geometry(
        spec.rows,
        spec.columns,
        spec.depth,
        step_cycles=1,
        load_cycles=1,
        drain_cycles=spec.pipeline_stages,
        columns_stay=False,
        sums_outside=spec.partial_sums == "buffer",
    )
