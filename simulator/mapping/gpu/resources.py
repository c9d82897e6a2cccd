"""A GPU as the mapper sees it."""

from __future__ import annotations

from simulator.hardware.bill import L2, REGISTER_FILE, SHARED_MEMORY
from simulator.hardware.gpu import GpuSpec
from simulator.mapping.in_step.resources import At, StepQueues, StepResources
from simulator.mapping.program import QueueKind

ACCESS_BYTES = 16
"""Of one thread: the widest load of CUDA, 128 bits."""


class GpuResources(StepResources[GpuSpec]):
    """Streaming multiprocessors behind an L2 cache."""

    prefix = "gpu"

    @property
    def cache(self) -> At:
        """The L2 cache."""
        return self.machine.l2, L2

    @property
    def cache_bytes_per_cycle(self) -> tuple[int, int]:
        """To all SMs, and to one."""
        return self.machine.l2.bytes_per_cycle, self.machine.l2.sm_bytes_per_cycle

    @property
    def cache_latency_cycles(self) -> int:
        """Of a hit."""
        return self.machine.l2.latency_cycles

    @property
    def near(self) -> At:
        """Shared memory of an SM."""
        return self.machine.core.shared_memory, SHARED_MEMORY

    @property
    def registers(self) -> At | None:
        """The register file of an SM."""
        return self.machine.core.register_file, REGISTER_FILE

    @property
    def bytes_at_once(self) -> int:
        """One access of every thread that is resident."""
        return self.machine.cores * self.machine.core.max_threads * ACCESS_BYTES

    @property
    def launch_s(self) -> float:
        """Between two kernels of a stream."""
        return self.machine.launch_overhead_s

    def _add_cores(self) -> tuple[StepQueues, ...]:
        outstanding = self.machine.memory.queue_depth
        queues = StepQueues(
            load=self._queue("hbm_load", QueueKind.LOAD, outstanding=outstanding),
            store=self._queue("hbm_store", QueueKind.STORE, outstanding=outstanding),
            vector=self._queue("vector_unit", QueueKind.VECTOR),
            matrix=self._add_matrix(lambda name: self._queue(name, QueueKind.MATRIX)),
            cache=self._queue("l2_read", QueueKind.CACHE),
            cache_write=self._queue("l2_write", QueueKind.CACHE),
            launch=self._queue("launch", QueueKind.LAUNCH),
        )
        return (queues,)
