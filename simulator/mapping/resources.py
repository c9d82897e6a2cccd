"""The machine as the mapper sees it: queues, capacities, rates in whole numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from simulator.config import CyclelabError, nearest
from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND, MachineSpec
from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.program import Queue, QueueKind


@dataclass(frozen=True, slots=True)
class CoreQueues:
    """Indices of one core's queues in the program's table."""

    load: int
    store: int
    vector: int
    matrix: tuple[int, ...]


class Resources:
    """Units, queues and rates of a machine.

    matrix_units[i] is driven by queue `cores[c].matrix[i]` of core c. unit_names[i] is
        its kind, numbered (`systolic_array1`) where several are of one kind.
    """

    def __init__(self, machine: MachineSpec) -> None:
        self.machine = machine
        self.core = machine.core
        self.matrix_units: tuple[MatrixUnit[Any], ...] = machine.core.build_matrix_units()
        kinds = [unit.kind for unit in machine.core.matrix_units]
        self.unit_names = tuple(
            kind if kinds.count(kind) == 1 else f"{kind}{index}" for index, kind in enumerate(kinds)
        )
        self.period_fs = machine.clock.period_fs
        vector_clock = machine.vector_clock or machine.clock
        self.vector_period_fs = vector_clock.period_fs
        self.queues: list[Queue] = []
        self.cores = tuple(self._add_core(index) for index in range(machine.cores))
        cycle_s = Fraction(self.period_fs, FEMTOSECONDS_PER_SECOND)
        # The decimal numbers that were written, as the memory's own model takes them.
        self.bytes_per_cycle = Fraction(repr(machine.memory.bandwidth_bytes_per_s)) * cycle_s
        self.latency_cycles = math.ceil(Fraction(repr(machine.memory.latency_s)) / cycle_s)

    def _add_core(self, core: int) -> CoreQueues:
        def add(kind: QueueKind, name: str, **options: int) -> int:
            period = self.vector_period_fs if kind is QueueKind.VECTOR else self.period_fs
            self.queues.append(
                Queue(f"core{core}.{name}", kind, core, period, self.core.queue_depth, **options)
            )
            return len(self.queues) - 1

        dma = self.core.dma
        options = {"outstanding": dma.outstanding, "bytes_per_cycle": dma.bytes_per_cycle}
        return CoreQueues(
            load=add(QueueKind.LOAD, "dma_load", **options),
            store=add(QueueKind.STORE, "dma_store", **options),
            vector=add(QueueKind.VECTOR, "vector_unit"),
            matrix=tuple(add(QueueKind.MATRIX, name) for name in self.unit_names),
        )

    def memory_cycles(self, transfer_bytes: int) -> int:
        """Cycles the memory needs to move `transfer_bytes` at full bandwidth, rounded up."""
        return -int(-transfer_bytes // self.bytes_per_cycle)

    def unit_index(self, name: str) -> int:
        """Index of the matrix unit of a name; raises CyclelabError when there is none."""
        if name in self.unit_names:
            return self.unit_names.index(name)
        hint = nearest(name, self.unit_names)
        raise CyclelabError(
            f"the machine has no matrix unit {name!r}; it has: {', '.join(self.unit_names)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
