"""How operands come in the register-level model: steps, a port, and banks of registers.

Operands of a step come through a port into one bank of registers while the lanes work
on the other: a share of the weights' bits and of the tables per cycle. With one bank
they come all at once, at the edge that ends the step before. Weights that stay are
sent only when others take their place.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.lut_tensor_core.parts import Trigger
from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.numerics import as_format, format_named
from simulator.numerics.lookup import plane_indices
from simulator.numerics.tables import Table, blocks_of, full_table, half_table, scaled_tables


class RegisterHazardError(RuntimeError):
    """A register was read before it was written, or written before it was read."""


class Step(NamedTuple):
    """The blocks that a step multiplies, and the number of its weights among all sent."""

    repeat: int
    row: int
    column: int
    depth: int
    weights: int


def steps_of(
    spec: LutTensorCoreSpec, blocks: tuple[int, int, int], repeats: int
) -> tuple[Step, ...]:
    """All steps in order; blocks: of rows, columns and depth."""
    rows, columns, depths = map(range, blocks)
    if spec.stationary == "outputs":
        order = product(range(repeats), rows, columns, depths)
        return tuple(Step(*each, number) for number, each in enumerate(order))
    found = product(range(repeats), columns, depths, rows)
    return tuple(
        Step(repeat, row, column, depth, number // blocks[0])
        for number, (repeat, column, depth, row) in enumerate(found)
    )


class Operands(NamedTuple):
    """What rows hold in a step: table entries or activations, and the tables' scales."""

    values: NDArray[Any]
    scales: NDArray[Any] | None


@dataclass(slots=True)
class Bank:
    """Registers for one operand of a step: whose it is, and how many shares have come."""

    owner: int = -1
    shares: int = 0
    content: Any = None


class OperandPort:
    """Banks of rows and of weights, and the port that fills them."""

    def __init__(
        self,
        spec: LutTensorCoreSpec,
        steps: tuple[Step, ...],
        inputs: NDArray[Any],
        weights: NDArray[Any],
        counts: Counter[Trigger],
    ) -> None:
        self.spec, self.how, self.steps, self.counts = spec, spec.arithmetic, steps, counts
        self.table = Table(format_named(self.how.sum_format), spec.table_overflow)
        stored = as_format(inputs, spec.input_format)
        self.inputs = self.table.operand(blocks_of(stored, spec.depth))
        self.indices = self._stored(plane_indices(weights, self.how))
        banks = 2 if spec.double_buffer else 1
        self.rows = [Bank() for _ in range(banks)]
        self.weights = [Bank() for _ in range(banks)]
        self.shares = spec.weight_bits if spec.double_buffer else 1
        self.building: tuple[int, Operands] | None = None
        self.arrived = 0  # shares of operands that have come through the port

    def served(self, number: int) -> tuple[Operands, NDArray[np.uint8]] | None:
        """Operands of a step, rows and bits of weights [planes, n], once all have come."""
        rows = self.rows[number % len(self.rows)]
        owner = self.steps[number].weights
        weights = self.weights[owner % len(self.weights)]
        for bank, expected in ((rows, number), (weights, owner)):
            if bank.owner != expected or bank.shares < self.shares:
                return None
        return rows.content, weights.content

    def arrive(self, working: int) -> None:
        """The port hands over the next share of operands, if there is room for it.

        working: the step that lanes meet next; banks of steps before it are free.
        """
        if self.building is not None and self._is_free(self.building[0], working):
            self._write(*self.building, working)
            self.building = None
        number = self.arrived // self.shares
        if number == len(self.steps):
            return
        if self.spec.sums == "built_table":
            if self.building is not None:
                return
            self.building = (number, self._operands(number))
        elif self._is_free(number, working):
            self._write(number, self._operands(number), working)
        else:
            return
        self.arrived += 1

    def _is_free(self, number: int, working: int) -> bool:
        """Whether the bank of a step holds nothing that is still to be used."""
        return number < working + len(self.rows)

    def _write(self, number: int, operands: Operands, working: int) -> None:
        """A share of a step's operands enters its banks."""
        step = self.steps[number]
        bank = self.rows[number % len(self.rows)]
        if self._fill(bank, number, operands, working):
            self.counts[Trigger.ROW] += operands.values.shape[0]
        bank = self.weights[step.weights % len(self.weights)]
        if bank.owner == step.weights and bank.shares == self.shares:
            return  # they have stayed
        bits = self.indices[:, step.depth, self._columns(step)]
        in_use = self.steps[min(working, len(self.steps) - 1)].weights
        if self._fill(bank, step.weights, bits, in_use):
            self.counts[Trigger.COLUMN] += bits.shape[1]

    def _fill(self, bank: Bank, owner: int, content: Any, in_use: int) -> bool:
        """A share enters, the first one taking the bank over; whether it was the last."""
        if bank.owner != owner:
            if bank.content is not None and bank.owner >= in_use:
                raise RegisterHazardError("operands were overwritten before they were used")
            bank.owner, bank.shares, bank.content = owner, 0, content
        bank.shares += 1
        return bank.shares == self.shares

    def _operands(self, number: int) -> Operands:
        """Activations of a step's rows, or the sums of their tables."""
        step = self.steps[number]
        first = step.row * self.spec.rows
        activations = self.inputs[first : first + self.spec.rows, step.depth]
        if self.spec.sums == "adders":
            return Operands(activations, None)
        sums = (half_table if self.spec.symmetric else full_table)(activations, self.table)
        if self.spec.table_scale_format is None:
            return Operands(self.table.stored(sums), None)
        codes, scales = scaled_tables(sums, self.spec.table_format, self.spec.table_scale_format)
        return Operands(codes, scales)

    def _stored(self, indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Weight bits as they lie in memory: what is negated in any case is so beforehand."""
        if self.spec.sums == "adders" or not self.spec.symmetric:
            return indices
        if self.spec.index_negation == "circuit":
            return indices
        return np.where(indices >= self.spec.entries, indices, indices ^ self.spec.entries - 1)

    def _columns(self, step: Step) -> slice:
        first = step.column * self.spec.columns
        return slice(first, first + self.spec.columns)
