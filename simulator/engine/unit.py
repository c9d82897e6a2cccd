"""Queues of matrix and vector units: commands of known length, pipelined results."""

from __future__ import annotations

from collections.abc import Hashable

from simulator.engine.code import Operation
from simulator.engine.ledger import NOT_YET, PORT, Account
from simulator.engine.queue import CommandQueue
from simulator.engine.semaphore import give
from simulator.engine.timeline import Timeline
from simulator.mapping.program import Queue


class UnitQueue(CommandQueue):
    """Occupied for `cycles`; what takes longer (`latency_cycles`) goes on behind.

    late: results still in the pipeline, as (event time they are out, operation).
    """

    def __init__(self, index: int, queue: Queue, timeline: Timeline) -> None:
        super().__init__(index, queue, timeline)
        self.late: list[tuple[int, Operation]] = []

    def _start(self, operation: Operation, account: Account) -> None:
        start_fs = self.timeline.now_fs
        self.free_fs = start_fs + operation.busy_fs
        self.busy_cycles += operation.cycles
        if operation.primary:
            account.compute_cycles += operation.compute_cycles
            account.stalls[PORT] += operation.cycles - operation.compute_cycles
            account.accounted_fs = self.free_fs
        elif operation.opens and account.start_fs == NOT_YET:
            account.start_fs = start_fs
        account.ends(start_fs + operation.latency_fs)
        if self.span_hook is not None:
            self.span_hook(self.index, account, operation, start_fs, self.free_fs)
        if operation.late:
            self._give_later(operation)

    def behind(self, now_fs: int, instance: int | None) -> tuple[Hashable, ...]:
        """Results in the pipeline. Those out at the same time commute: their order is none."""
        late = [(due_fs - now_fs, operation.index) for due_fs, operation in self.late]
        return tuple(sorted(late) if len(late) > 1 else late)

    def _give_later(self, operation: Operation) -> None:
        """Tokens that come when the results are out of the pipeline."""
        pending = (self.timeline.event_fs + operation.latency_fs, operation)
        self.late.append(pending)

        def arrive() -> None:
            self.late.remove(pending)
            self.arrivals += 1
            give(operation.late)

        self.timeline.later(operation.latency_fs, arrive)
