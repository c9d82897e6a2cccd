"""The register-level model: operands, bits, lanes and sums, one clock edge at a time.

Nothing here knows the formulas of `timing`: the cycle count is the number of edges until
the last sum has left. Sums that lie in a buffer between steps are read by the first bit
of a step and written behind its last one; what is read at the edge at which it is written
is passed on.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.lut_tensor_core.operands import (
    OperandPort,
    RegisterHazardError,
    Step,
    steps_of,
)
from simulator.hardware.lut_tensor_core.parts import Trigger
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.lut_tensor_core.timing import Geometry
from simulator.hardware.matrix_unit import tile_of
from simulator.numerics import Accumulator, format_named
from simulator.numerics.lookup import scaled, scaled_step


@dataclass(frozen=True, slots=True)
class Selected:
    """Sums times the weight of their bit, [m, n], and the scales of their tables, [m].

    What a lane's selection hands to its adder; or, with the last plane of a step, the
    integer sum over its bits that waits for its scale.
    """

    step: int
    plane: int
    values: NDArray[Any]
    scales: NDArray[Any] | None


class LutModel:
    """A unit stepping through `repeats` tiles of one product, back to back."""

    def __init__(
        self, spec: LutTensorCoreSpec, inputs: NDArray[Any], weights: NDArray[Any], repeats: int
    ) -> None:
        self.spec, self.how = spec, spec.arithmetic
        tile = tile_of(inputs, weights, repeats)
        blocks = Geometry.of(spec).blocks(tile)
        self.last_depth = blocks[2] - 1
        self.steps = steps_of(spec, blocks, repeats)
        self.accumulator = Accumulator(format_named(spec.accumulator_format))
        self.counts: Counter[Trigger] = Counter()
        self.port = OperandPort(spec, self.steps, inputs, weights, self.counts)
        self.results = self.accumulator.zeros((repeats, tile.m, tile.n))
        self.buffer_reads, self.buffer_writes = 0, 0
        self.working, self.plane = 0, 0
        self.stage: Selected | None = None
        self.step_sum = np.zeros((0, 0), np.int64)
        self.unscaled: Selected | None = None
        self.sums = self.accumulator.zeros((0, 0))
        self.leaving: tuple[Step, NDArray[Any]] | None = None
        visits = blocks[2] if spec.partial_sums == "buffer" else 1
        self.missing = len(self.steps) // blocks[2] * visits  # blocks of sums yet to leave

    def run(self) -> tuple[NDArray[Any], int]:
        """Step until the last sum has left: the product and the cycles taken."""
        cycles = 0
        with np.errstate(all="ignore"):
            while self.missing:
                self._edge()
                cycles += 1
                if cycles > 4 * (len(self.steps) + 4) * self.spec.weight_bits:
                    raise RegisterHazardError("sums are missing and nothing moves any more")
        for each in self.results[1:]:
            if not np.array_equal(each, self.results[0], equal_nan=True):
                raise RegisterHazardError("repeats differ")
        return self.accumulator.stored(self.results[0]), cycles

    # -- one clock edge, from the outputs back to the port -----------------------
    def _edge(self) -> None:
        self._leave()
        if self.unscaled is not None:
            self._add_scaled(self.unscaled)
            self.unscaled = None
        selected = self._select()
        if self.spec.pipeline_stages == 2:
            self.stage, selected = selected, self.stage
        if selected is not None:
            self._accumulate(selected)
        self.port.arrive(self.working)

    def _leave(self) -> None:
        """Sums that were completed in the cycle before go through the output port."""
        if self.leaving is None:
            return
        step, sums = self.leaving
        self.results[(step.repeat, *self._lanes(step))] = sums
        self.buffer_writes += sums.size
        self.missing -= 1
        self.leaving = None

    def _accumulate(self, selected: Selected) -> None:
        """A lane's adder takes what was selected, onto its sum or the step's."""
        last = selected.plane == self.spec.weight_bits - 1
        if selected.scales is None:
            self._add(selected.step, selected.values, selected.plane == 0, last)
            return
        if selected.plane == 0:
            self.step_sum = np.zeros_like(selected.values)
        self.step_sum = self.step_sum + selected.values
        if last:
            self.unscaled = Selected(selected.step, selected.plane, self.step_sum, selected.scales)

    def _add_scaled(self, step: Selected) -> None:
        """A step's integer sum times the scale of its table, onto the running sum."""
        assert step.scales is not None
        self.counts[Trigger.LANE_STEP] += step.values.size
        self._add(step.step, scaled_step(step.values, step.scales, self.accumulator), True, True)

    def _add(self, number: int, values: NDArray[Any], first: bool, last: bool) -> None:
        """Onto the running sum; first, last: addition of the step."""
        step = self.steps[number]
        if first and step.depth == 0:
            self.sums = np.zeros_like(values)
        elif first and self.spec.partial_sums == "buffer":
            self.sums = self.results[(step.repeat, *self._lanes(step))]
            self.buffer_reads += self.sums.size
        self.sums = self.accumulator.add(self.sums, values)
        if last and (step.depth == self.last_depth or self.spec.partial_sums == "buffer"):
            self.leaving = (step, self.sums)

    def _select(self) -> Selected | None:
        """All lanes meet one bit of their weights."""
        if self.working == len(self.steps):
            return None
        served = self.port.served(self.working)
        if served is None:
            return None
        rows, bits = served
        found = self._looked_up(rows.values, bits[self.plane])
        self.counts[Trigger.LANE_BIT] += found.size
        self.counts[Trigger.COLUMN_BIT] += found.shape[1]
        value = self.how.planes[self.plane]
        if rows.scales is None:
            weighted = scaled(found, value, self.accumulator)
        else:
            weighted = value * found.astype(np.int64)
        selected = Selected(self.working, self.plane, weighted, rows.scales)
        self.plane += 1
        if self.plane == self.spec.weight_bits:
            self.working, self.plane = self.working + 1, 0
        return selected

    def _looked_up(self, operands: NDArray[Any], bits: NDArray[np.uint8]) -> NDArray[Any]:
        """Sums of a row's activations by the stored bits of a column's weights, [m, n]."""
        if self.spec.sums == "adders":
            return self._added(operands, bits)
        if not self.spec.symmetric:
            return operands[:, bits]
        low, positive = bits & self.spec.entries - 1, bits >= self.spec.entries
        if self.spec.index_negation == "circuit":
            low = np.where(positive, low, low ^ self.spec.entries - 1)
        found = operands[:, low]
        return np.where(positive[None, :], found, -found)

    def _added(self, operands: NDArray[Any], bits: NDArray[np.uint8]) -> NDArray[Any]:
        """Every lane adds its K activations, signed or gated by their bits."""
        chosen = (bits[:, None] >> np.arange(self.spec.depth) & 1).astype(bool)
        off = -operands if self.spec.symmetric else np.zeros_like(operands)
        terms = np.where(chosen[None], operands[:, None, :], off[:, None, :])
        return self.port.table.stored(self._tree(terms))

    def _tree(self, terms: NDArray[Any]) -> NDArray[Any]:
        if not self.spec.symmetric:
            total = np.zeros_like(terms[..., 0])
            for place in range(self.spec.depth):
                total = self.port.table.add(total, terms[..., place])
            return total
        if terms.shape[-1] == 1:
            return terms[..., 0]
        pair = self.port.table.add(terms[..., 1], terms[..., 0])
        if terms.shape[-1] == 2:
            return pair
        return self.port.table.add(self._tree(terms[..., 2:]), pair)

    def _lanes(self, step: Step) -> tuple[slice, slice]:
        """Rows and columns of the product in a step's block."""
        row, column = step.row * self.spec.rows, step.column * self.spec.columns
        return slice(row, row + self.spec.rows), slice(column, column + self.spec.columns)
