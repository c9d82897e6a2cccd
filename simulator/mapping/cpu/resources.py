"""A CPU, and the arrays beside its last-level cache, as the mapper sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from simulator.config import CyclelabError
from simulator.hardware.bill import LAST_LEVEL_CACHE, PRIVATE_CACHE
from simulator.hardware.cpu import CpuSpec
from simulator.hardware.sram_pim.spec import WIDEST_WEIGHT
from simulator.mapping.in_step.resources import QUEUE_DEPTH, At, StepQueues, StepResources
from simulator.mapping.program import Queue, QueueKind

ARRAYS_NAME = "sram_pim"
"""Of the arrays, where a unit can be named."""
STREAMED_SHARE = 2
"""One of so many parts of the last-level cache is for what streams through; the others hold
activations from operator to operator."""


@dataclass(frozen=True, slots=True)
class CpuQueues(StepQueues):
    """Also the ways into the arrays, the arrays that look up, and what drains and converts
    their sums; -1 without any."""

    feed: int = -1
    arrays: int = -1
    drain: int = -1


class CpuResources(StepResources[CpuSpec]):
    """Cores that share an operator's work; their SIMD pipes are one queue."""

    prefix = "cpu"
    cores: tuple[CpuQueues, ...]

    @property
    def loads_ahead(self) -> bool:
        """Weights for arrays are scheduled tensor by tensor; threads load what they come to."""
        return self.machine.arrays is not None

    @property
    def cache(self) -> At:
        """The last-level cache."""
        return self.machine.llc, LAST_LEVEL_CACHE

    @property
    def cache_bytes_per_cycle(self) -> tuple[int, int]:
        """Of all slices, and to one core."""
        llc = self.machine.llc
        return llc.bytes_per_cycle, llc.core_bytes_per_cycle

    @property
    def cache_latency_cycles(self) -> int:
        """Of a hit."""
        return self.machine.llc.latency_cycles

    @property
    def near(self) -> At:
        """A core's private cache."""
        return self.machine.core.private_cache, PRIVATE_CACHE

    @property
    def bytes_at_once(self) -> int:
        """Half of all private caches, so that the next chunk can come."""
        return self.machine.cores * self.machine.core.private_cache.capacity_bytes // 2

    @property
    def launch_s(self) -> float:
        """A barrier of all threads."""
        return self.machine.barrier_s

    @property
    def streamed_bytes(self) -> int:
        """Of the last-level cache, for tiles on their way."""
        return self.machine.on_chip_bytes // STREAMED_SHARE

    @property
    def main_unit(self) -> str:
        """The arrays if there are any."""
        return self.nameable[-1]

    def peaks(self) -> dict[str, Fraction]:
        """Also of the arrays, with operands of the formats that their spec has."""
        arrays = [peak for _, _, peak in self.machine.shared_units()]
        return super().peaks() | dict(zip((ARRAYS_NAME,), arrays, strict=False))

    def takes(self, name: str, input_format: str, weight_format: str) -> bool:
        """Arrays take whatever their spec could have."""
        arrays = self.machine.arrays
        if arrays is None or name != ARRAYS_NAME:
            return super().takes(name, input_format, weight_format)
        try:
            arrays.array.for_operands(input_format, weight_format, None)
        except CyclelabError:
            return False
        return True

    def taken_words(self, name: str) -> str:
        """Arrays take integers of many widths."""
        if name != ARRAYS_NAME:
            return super().taken_words(name)
        return f"signed integers by integers of at most {WIDEST_WEIGHT} bits"

    @property
    def nameable(self) -> tuple[str, ...]:
        """The cores' units, and the arrays if there are any."""
        return (*super().nameable, *((ARRAYS_NAME,) if self.machine.arrays else ()))

    def units_named(self, name: str) -> Sequence[int]:
        """Arrays take what the cores do: sums of products of codes, to be scaled afterwards."""
        if self.machine.arrays is not None and name == ARRAYS_NAME:
            return range(len(self.matrix_units))
        return super().units_named(name)

    def _add_cores(self) -> tuple[CpuQueues, ...]:
        outstanding = self.machine.memory.queue_depth
        load = self._queue("dram_load", QueueKind.LOAD, outstanding=outstanding)
        store = self._queue("dram_store", QueueKind.STORE, outstanding=outstanding)
        simd = self._queue("simd", QueueKind.MATRIX)
        queues = CpuQueues(
            load=load,
            store=store,
            vector=simd,
            matrix=(simd,) * len(self.unit_names),
            cache=self._queue("llc_read", QueueKind.CACHE),
            cache_write=self._queue("llc_write", QueueKind.CACHE),
            launch=self._queue("barrier", QueueKind.LAUNCH),
            feed=self._array_queue("sram_pim_feed", QueueKind.CACHE, self.period_fs),
            arrays=self._array_queue("sram_pim", QueueKind.MATRIX),
            drain=self._array_queue("sram_pim_drain", QueueKind.VECTOR),
        )
        return (queues,)

    def _array_queue(self, name: str, kind: QueueKind, period_fs: int = 0) -> int:
        """A queue, in the arrays' clock domain if no other is said; -1 without arrays."""
        arrays = self.machine.arrays
        if arrays is None:
            return -1
        name = f"{self.prefix}.{name}"
        self.queues.append(Queue(name, kind, 0, period_fs or arrays.clock.period_fs, QUEUE_DEPTH))
        return len(self.queues) - 1
