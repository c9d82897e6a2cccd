"""The machine as the mapper sees it: queues, capacities, rates in whole numbers."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any, Generic, TypeVar

from simulator.config import CyclelabError, nearest
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.links.spec import LinksSpec
from simulator.hardware.machine import FEMTOSECONDS_PER_SECOND, MachineSpec
from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.npu import NpuSpec
from simulator.mapping.formats import taken_words, takes
from simulator.mapping.program import Queue, QueueKind


@dataclass(frozen=True, slots=True)
class CoreQueues:
    """Indices of one core's queues in the program's table."""

    load: int
    store: int
    vector: int
    matrix: tuple[int, ...]


MachineT = TypeVar("MachineT", bound=MachineSpec)


class Resources(ABC, Generic[MachineT]):
    """Units, queues and rates of a machine.

    matrix_units[i] is driven by queue `cores[c].matrix[i]` of core c. unit_names[i] is
        its kind, numbered (`systolic_array1`) where several are of one kind. Behind the
        machine's units come the same ones at work on narrower weights, with the names and
        queues of those that they are.
    cores: that are mapped to one by one. link: queue of the links to other devices, -1
        without any.
    """

    def __init__(self, machine: MachineT) -> None:
        self.machine = machine
        self.core: Any = machine.core  # of the type that the kind of machine has
        units = machine.core.build_matrix_units()
        kinds = [unit.kind for unit in machine.core.matrix_units]
        names = [
            kind if kinds.count(kind) == 1 else f"{kind}{index}" for index, kind in enumerate(kinds)
        ]
        narrower = [unit.narrower for unit in units]
        self.matrix_units: tuple[MatrixUnit[Any], ...] = (*units, *chain(*narrower))
        of_narrower = [[name] * len(each) for name, each in zip(names, narrower, strict=True)]
        self.unit_names: tuple[str, ...] = (*names, *chain(*of_narrower))
        self.period_fs = machine.clock.period_fs
        self.queues: list[Queue] = []
        self.cores = self._add_cores()
        links = machine.links
        depth = self.queues[self.cores[0].vector].depth
        self.link = self._add("device.link", QueueKind.LINK, 0, depth) if links else -1
        cycle_s = Fraction(self.period_fs, FEMTOSECONDS_PER_SECOND)
        # The decimal numbers that were written, as the memory's own model takes them.
        self.bytes_per_cycle = Fraction(repr(machine.memory.bandwidth_bytes_per_s)) * cycle_s
        self.latency_cycles = math.ceil(Fraction(repr(machine.memory.latency_s)) / cycle_s)

    @property
    def vector_period_fs(self) -> int:
        """Clock period of the vector units."""
        return self.period_fs

    @property
    @abstractmethod
    def keeps_activations(self) -> bool:
        """Whether all operators can find an activation in the on-chip buffer."""

    @abstractmethod
    def _add_cores(self) -> tuple[CoreQueues, ...]:
        """Make the queues; called once, with the units in place."""

    def _add_matrix(self, add: Callable[[str], int]) -> tuple[int, ...]:
        """A queue for each of a core's matrix units, by index of `matrix_units`."""
        queues = {name: add(name) for name in dict.fromkeys(self.unit_names)}
        return tuple(queues[name] for name in self.unit_names)

    def _add(self, name: str, kind: QueueKind, core: int, depth: int, **options: int) -> int:
        period = self.vector_period_fs if kind is QueueKind.VECTOR else self.period_fs
        self.queues.append(Queue(name, kind, core, period, depth, **options))
        return len(self.queues) - 1

    def memory_cycles(self, transfer_bytes: int) -> int:
        """Cycles the memory needs to move `transfer_bytes` at full bandwidth, rounded up."""
        return -int(-transfer_bytes // self.bytes_per_cycle)

    def link_cycles(self, sent_bytes: int) -> int:
        """Cycles that a message of `sent_bytes` keeps the links, rounded up."""
        cycle_s = Fraction(self.period_fs, FEMTOSECONDS_PER_SECOND)
        rate = Fraction(repr(self.links.bandwidth_bytes_per_s)) * cycle_s
        return -int(-sent_bytes // rate)

    @property
    def link_latency_cycles(self) -> int:
        """Cycles from a message's end on the links to its being there, rounded up."""
        latency_fs = Fraction(repr(self.links.latency_s)) * FEMTOSECONDS_PER_SECOND
        return math.ceil(latency_fs / self.period_fs)

    @property
    def links(self) -> LinksSpec:
        """The machine's links, which it must have."""
        assert self.machine.links is not None, "collectives without links are refused before"
        return self.machine.links

    @property
    def main_unit(self) -> str:
        """Name of the units that the machine is about: the first ones of its cores."""
        return self.unit_names[0]

    def peaks(self) -> dict[str, Fraction]:
        """By name of units: MACs of all of them per cycle, with the weights they are built for."""
        return {
            name: Fraction(unit.macs_per_cycle * unit.spec.count * self.machine.cores)
            for name, unit in zip(self.unit_names, self.matrix_units, strict=True)
            if not unit.is_narrowed
        }

    def takes(self, name: str, input_format: str, weight_format: str) -> bool:
        """Whether the units of a name multiply such operands."""
        unit = self.matrix_units[self.unit_names.index(name)]
        return takes(unit, input_format, weight_format)

    def taken_words(self, name: str) -> str:
        """What the units of a name multiply."""
        return taken_words(self.matrix_units[self.unit_names.index(name)])

    @property
    def nameable(self) -> tuple[str, ...]:
        """What the user can name to run a product."""
        return tuple(dict.fromkeys(self.unit_names))

    def units_named(self, name: str) -> Sequence[int]:
        """Indices of the matrix units that a graph is adapted to, if it shall run on `name`.

        Raises CyclelabError when there is none.
        """
        if name in self.unit_names:
            return [index for index, each in enumerate(self.unit_names) if each == name]
        hint = nearest(name, self.nameable)
        raise CyclelabError(
            f"the machine has no matrix unit {name!r}; it has: {', '.join(self.nameable)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )


PIM_QUEUE_DEPTH = 1 << 16
"""Runs that are listed for a channel's units beforehand, so that they hold up nobody."""
PIM_COMMANDS_AHEAD, PIM_RUNS_TOGETHER = 8, 8
"""Commands that a channel's controller has at a time, and runs that make one at most: together
no more than it has room for."""


class NpuResources(Resources[NpuSpec]):
    """Cores that work side by side, each on tiles of its own.

    pim_queues: of the units in the memory, by channel; empty if it does not compute.
    pim_vector, pim_store, pim_load: what the vector unit and the DMA engine do for them,
        beside what they do for the matrix units. pim_dispatch: hands their commands out.
    """

    pim_queues: tuple[int, ...] = ()
    pim_vector: int = -1
    pim_store: int = -1
    pim_load: int = -1
    pim_dispatch: int = -1

    @property
    def vector_period_fs(self) -> int:
        """Clock period of the vector units, which may have a clock of their own."""
        return (self.machine.vector_clock or self.machine.clock).period_fs

    @property
    def keeps_activations(self) -> bool:
        """Activations of one core are not visible in another core's scratchpad."""
        return self.machine.cores == 1

    def _add_cores(self) -> tuple[CoreQueues, ...]:
        cores = tuple(self._add_core(index) for index in range(self.machine.cores))
        memory = self.machine.memory
        if isinstance(memory, DramMemorySpec) and memory.device.pim is not None:
            depth, dma = PIM_QUEUE_DEPTH, self.machine.core.dma
            self.pim_vector = self._add("memory.vector_unit", QueueKind.VECTOR, 0, depth)
            # Each goes to one channel, where those of a core are spread over all.
            outstanding = dma.outstanding * memory.channels
            moves = {"outstanding": outstanding, "bytes_per_cycle": dma.bytes_per_cycle}
            self.pim_store = self._add("memory.dma_store", QueueKind.STORE, 0, depth, **moves)
            if memory.device.pim.input == "registers":
                self.pim_load = self._add("memory.dma_load", QueueKind.LOAD, 0, depth, **moves)
            self.pim_dispatch = self._add("memory.launch", QueueKind.LAUNCH, 0, depth)
            options = {"outstanding": PIM_COMMANDS_AHEAD}
            self.pim_queues = tuple(
                self._add(
                    f"memory.channel{n}", QueueKind.PIM, 0, PIM_QUEUE_DEPTH, channel=n, **options
                )
                for n in range(memory.channels)
            )
        return cores

    def _add_core(self, core: int) -> CoreQueues:
        spec = self.machine.core
        dma, depth = spec.dma, spec.queue_depth
        options = {"outstanding": dma.outstanding, "bytes_per_cycle": dma.bytes_per_cycle}
        return CoreQueues(
            load=self._add(f"core{core}.dma_load", QueueKind.LOAD, core, depth, **options),
            store=self._add(f"core{core}.dma_store", QueueKind.STORE, core, depth, **options),
            vector=self._add(f"core{core}.vector_unit", QueueKind.VECTOR, core, depth),
            matrix=self._add_matrix(
                lambda name: self._add(f"core{core}.{name}", QueueKind.MATRIX, core, depth)
            ),
        )
