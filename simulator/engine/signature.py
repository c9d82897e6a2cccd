"""The state of the machine relative to now: what decides everything that follows.

Two moments with equal signatures have equal futures, as long as the same
commands are issued. Left out, because they only add up or are looked at only when
somebody acts, are counters and the times of what stands still: `skip` compares
those.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from simulator.engine.dma import DmaQueue
from simulator.engine.ledger import NOT_YET
from simulator.engine.queue import CommandQueue, Entry
from simulator.engine.unit import UnitQueue


def machine_signature(
    queues: Sequence[CommandQueue], memory: Hashable, now_fs: int, instance: int | None
) -> Hashable:
    """Queues, pipelines, transfers and memory; semaphores and sequencer are apart.

    memory: signature of its port. now_fs: event time. instance: the present one, to
    which accounts count relative; None where the accounts themselves must be the same.
    """
    return (
        tuple([_queue_signature(queue, now_fs, instance) for queue in queues]),
        memory,
    )


def _queue_signature(queue: CommandQueue, now_fs: int, instance: int | None) -> Hashable:
    missing = queue.missing
    return (
        queue.state,
        queue.due_fs - now_fs if queue.due_fs != NOT_YET else None,
        _entry(queue.entry, instance) if queue.entry else None,
        (missing[0].index, missing[1]) if missing else None,
        queue.blocks,
        tuple(queue.waiting)
        if instance is None
        else tuple([_entry(entry, instance) for entry in queue.waiting]),
        _behind(queue, now_fs, instance),
    )


def _entry(entry: Entry, instance: int | None) -> Hashable:
    return entry if instance is None else (entry[0], entry[1].instance - instance)


def _behind(queue: CommandQueue, now_fs: int, instance: int | None) -> Hashable:
    """What goes on behind the queue: results in the pipeline, transfers in flight."""
    if isinstance(queue, UnitQueue):
        # Results out at the same time commute, so their order does not matter.
        return tuple(sorted((due_fs - now_fs, operation.index) for due_fs, operation in queue.late))
    if isinstance(queue, DmaQueue):
        return tuple(
            [
                (
                    _entry((transfer.operation, transfer.account), instance),
                    max(0, transfer.bus_free_fs - now_fs),
                    transfer.due_fs - now_fs if transfer.due_fs != NOT_YET else None,
                )
                for transfer in queue.in_flight
            ]
        )
    return None
