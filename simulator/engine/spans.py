"""A hook that records the first command intervals, for timelines."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.engine.code import Operation
from simulator.engine.ledger import Account
from simulator.engine.queue import CommandQueue


class SpanRecorder:
    """Collects up to `limit` intervals, then lets go of the queues."""

    def __init__(self, limit: int, queues: Sequence[CommandQueue]) -> None:
        self._limit = limit
        self._queues = queues
        self._spans: list[tuple[int, Account, int, int, int]] = []
        if limit > 0:
            for queue in queues:
                queue.span_hook = self.record

    @property
    def is_recording(self) -> bool:
        """Whether intervals are still wanted."""
        return len(self._spans) < self._limit

    def record(
        self, queue: int, account: Account, operation: Operation, start_fs: int, end_fs: int
    ) -> None:
        """One interval: a unit's occupancy, or a transfer from submission to completion."""
        self._spans.append((queue, account, operation.index, start_fs, end_fs))
        if len(self._spans) >= self._limit:
            for each in self._queues:
                each.span_hook = None

    def spans(self, accounts: list[Account]) -> list[tuple[int, int, int, int, int]]:
        """Intervals by start, with the accounts replaced by their numbers."""
        numbers = {id(account): number for number, account in enumerate(accounts)}
        found = [
            (queue, numbers[id(account)], command, start_fs, end_fs)
            for queue, account, command, start_fs, end_fs in self._spans
        ]
        return sorted(found, key=lambda span: (span[3], span[0], span[4]))
