"""The state of the machine relative to now: what decides everything that follows.

Two moments with equal signatures have equal futures, as long as the same
commands are issued. Left out, because they only add up or are looked at only when
somebody acts, are counters and the times of what stands still: `skip` compares
those.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from simulator.engine.ledger import NOT_YET
from simulator.engine.queue import CommandQueue, Entry


def machine_signature(
    queues: Sequence[CommandQueue], memory: Hashable, now_fs: int, instance: int | None
) -> Hashable:
    """Queues, pipelines, transfers and memory; semaphores and sequencer are apart.

    memory: signature of its port. now_fs: event time. instance: the present one, to
    which accounts count relative; None where the accounts themselves must be the same.
    """
    return memory, *[_queue_signature(queue, now_fs, instance) for queue in queues]


def _queue_signature(queue: CommandQueue, now_fs: int, instance: int | None) -> Hashable:
    entry, missing, due_fs = queue.entry, queue.missing, queue.due_fs
    behind = queue.behind(now_fs, instance)
    if entry is None and due_fs == NOT_YET:  # it has nothing to do
        return behind
    return (
        queue.state,
        due_fs - now_fs if due_fs != NOT_YET else None,
        entry if instance is None or entry is None else _relative(entry, instance),
        (missing[0].index, missing[1]) if missing else None,
        queue.blocks,
        tuple(queue.waiting)
        if instance is None
        else tuple([_relative(entry, instance) for entry in queue.waiting]),
        behind,
    )


def _relative(entry: Entry, instance: int) -> Hashable:
    return entry[0], entry[1].instance - instance
