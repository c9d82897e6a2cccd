"""Couples a memory's timing model to the events of the engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from functools import partial
from typing import Protocol

from simulator.engine.addresses import AddressBook
from simulator.engine.ledger import NOT_YET
from simulator.engine.timeline import Timeline
from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.memory.timing import STILL, MemoryTiming, Motion


class Client(Protocol):
    """A queue that submits transfers; its index is its client number.

    takes_slots: whether the memory has a place for each of them, that it reserves.
    """

    index: int
    takes_slots: bool

    def wake(self) -> None:
        """Go on: a slot has been reserved for this client."""

    def transferred(self) -> None:
        """The oldest transfer in the memory has completed."""


class MemoryPort:
    """The memory as the queues see it: slots, transfers, completions.

    The model's clock ticks at edges of `period_fs`. Transfers submitted between
    edges arrive at the next one; those of one edge arrive together, after
    everything else that happens at that time. Slots are reserved first come,
    first served.

    book: gives transfers their addresses, for a memory to which they matter.
    """

    def __init__(
        self, timing: MemoryTiming, book: AddressBook | None, timeline: Timeline, turn: int
    ) -> None:
        self.timing = timing
        self.period_fs = timing.period_fs
        self.book = book
        self.submitted = 0
        self.events = 0
        self._timeline = timeline
        self._free_slots = timing.slots
        self._waiters: deque[Client] = deque()
        self._inbox: list[tuple[Client, int, bool, int, int]] = []
        self._runs: list[tuple[int, int, tuple[Run, ...]]] = []
        self._clients: dict[int, Client] = {}
        self._reached_fs = 0  # event time up to which the model has advanced
        self._bit = 1 << turn
        timeline.enrol(self._bit, self._accept)
        self._accept_fs = NOT_YET
        self._delivery_fs = NOT_YET  # earliest event that looks for completions

    # -- from the queues -------------------------------------------------------
    def reserve(self) -> bool:
        """Reserve a slot if one is free."""
        if self._free_slots:
            self._free_slots -= 1
            return True
        return False

    def queue_up(self, client: Client) -> None:
        """Be woken when a slot has been reserved for `client`."""
        self._waiters.append(client)

    def submit(
        self,
        client: Client,
        size_bytes: int,
        is_write: bool,
        region: int,
        instance: int,
        channel: int = -1,
    ) -> None:
        """Hand over a transfer, into a slot reserved before.

        region, instance: which tensor of which layer, for its address. channel: the only
        one that it goes to, if there is one.
        """
        self.submitted += 1
        self._clients[client.index] = client
        address = 0
        if self.book is not None:
            address = self.book.take(region, instance, size_bytes, is_write)
        self._inbox.append((client, size_bytes, is_write, address, channel))
        self._accept_at_edge()

    def submit_runs(self, client: Client, channel: int, runs: tuple[Run, ...]) -> None:
        """Hand over work for the units of a channel, which has room for it."""
        self._clients[client.index] = client
        self._runs.append((client.index, channel, runs))
        self._accept_at_edge()

    # -- events ----------------------------------------------------------------
    def _accept_at_edge(self) -> None:
        if self._accept_fs == NOT_YET:
            timeline = self._timeline
            delay_fs = -timeline.now_fs % self.period_fs
            self._accept_fs = timeline.event_fs + delay_fs
            timeline.wake(self._bit, delay_fs)

    def _accept(self) -> None:
        """At an edge, after all else: what was submitted arrives."""
        self.events += 1
        self._accept_fs = NOT_YET
        if self._timeline.event_fs != self._reached_fs:
            self._advance_to_edge()
        if self._inbox:
            submit = self.timing.submit
            for client, size_bytes, is_write, address, channel in self._inbox:
                submit(client.index, size_bytes, is_write, address, channel)
            self._inbox.clear()
        if self._runs:
            for index, channel, runs in self._runs:
                self.timing.submit_runs(index, channel, runs)
            self._runs.clear()
        self._watch()

    def _deliver(self, due_fs: int) -> None:
        """Data may have arrived. What is submitted thereupon at once comes before the next look."""
        self.events += 1
        if due_fs == self._delivery_fs:
            self._delivery_fs = NOT_YET
        self._advance_to_edge()
        for index in self.timing.collect():
            client = self._clients[index]
            if client.takes_slots:
                if self._waiters:
                    self._waiters.popleft().wake()
                else:
                    self._free_slots += 1
            client.transferred()
        self._accept_at_edge()

    def _advance_to_edge(self) -> None:
        """Bring the model to the present, which is an edge of its clock."""
        now_fs = self._timeline.event_fs
        self.timing.advance((now_fs - self._reached_fs) // self.period_fs)
        # Anything left over is a skip, during which the memory had nothing to do,
        # by a time that was not a multiple of its period.
        self._reached_fs = now_fs

    def _watch(self) -> None:
        """Look for completions when the next one is due.

        A later arrival may bring the next completion forward or put it off: one
        that is due earlier gets an event of its own, and an event that comes too
        early finds nothing and looks again.
        """
        timeline, period_fs = self._timeline, self.period_fs
        within_fs = timeline.until_next_fs()
        cycles = self.timing.next_completion(None if within_fs is None else within_fs // period_fs)
        if cycles is None:
            return
        due_fs = self._reached_fs + cycles * period_fs
        if due_fs < self._delivery_fs or self._delivery_fs == NOT_YET:
            self._delivery_fs = due_fs
            timeline.later(due_fs - timeline.event_fs, partial(self._deliver, due_fs))

    def dismiss(self) -> None:
        """Let go of the queues, which hold on to the port."""
        self._clients.clear()

    # -- for the observer ------------------------------------------------------
    def catch_up(self) -> None:
        """Bring the model to the last edge up to the present."""
        cycles = (self._timeline.event_fs - self._reached_fs) // self.period_fs
        self._reached_fs += cycles * self.period_fs
        self.timing.advance(cycles)

    def signature(
        self, motion: Motion = STILL, regions: Sequence[int] = (), layer: int = 0
    ) -> Hashable:
        """All state that decides what happens from now on, in times relative to now.

        motion, regions: of the loop that `layer` is one of, for a memory with addresses. Such
        a memory has a life of its own, so that it has to be at the same phase of its clock.
        """
        self.catch_up()
        now_fs = self._timeline.event_fs
        places: Hashable = None
        if self.book is not None:
            addresses = tuple(motion.relative(each[3], layer) for each in self._inbox)
            cursors = self.book.signature(regions, layer)
            places = now_fs - self._reached_fs, addresses, cursors
        return (
            self.timing.signature(motion, layer),
            self._free_slots,
            tuple([waiter.index for waiter in self._waiters]),
            tuple(
                [
                    (client.index, size, is_write, channel)
                    for client, size, is_write, _, channel in self._inbox
                ]
            ),
            tuple(self._runs),
            self._accept_fs - now_fs if self._inbox or self._runs else None,
            places,
        )

    def repeat(
        self,
        grown: tuple[int, ...],
        times: int,
        motion: Motion,
        regions: Sequence[int],
        layers: int,
    ) -> None:
        """What was counted has grown by `grown` again, so many times; it is `layers` later."""
        self.timing.repeat(grown, times, motion, layers)
        if self.book is not None:
            self.book.skip_instances(regions, layers)
            self._inbox = [
                (*each[:3], motion.further(each[3], layers), each[4]) for each in self._inbox
            ]
