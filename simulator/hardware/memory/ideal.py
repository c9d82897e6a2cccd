"""Timing of the ideal memory: one server that clients share in turns.

The data bus moves `bandwidth × period` bytes per port cycle (a beat); a transfer
takes whole beats. Clients with transfers waiting are served round robin, in
turns of `arbitration_bytes`; a client alone uses up no turn, so the first
competitor to arrive is served at once. A transfer completes `latency` after its
last beat; the latency is pipelined. Reads and writes share the bus.

Nothing happens per turn: between arrivals and completions, whole rounds of turns
are added up in closed form, at a cost proportional to the clients waiting.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Hashable, Sequence
from fractions import Fraction

from simulator.hardware.dram.pim.gemv import Run
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.hardware.memory.timing import STILL, MemoryCounters, Motion

FEMTOSECONDS_PER_SECOND = 10**15


def _exact(value: float) -> Fraction:
    """The decimal number that was written, rather than the nearest binary one."""
    return Fraction(repr(value))


class IdealMemory:
    """`MemoryTiming` of an `IdealMemorySpec` in a clock of `period_fs` for `clients`."""

    alignment_bytes = layer_alignment_bytes = 0

    def __init__(self, spec: IdealMemorySpec, period_fs: int, clients: int) -> None:
        self.counters = MemoryCounters()
        self.period_fs = period_fs
        per_beat = _exact(spec.bandwidth_bytes_per_s) * period_fs / FEMTOSECONDS_PER_SECOND
        self._bytes_per_beat = per_beat.numerator, per_beat.denominator
        latency = _exact(spec.latency_s) * FEMTOSECONDS_PER_SECOND / period_fs
        self.latency_cycles = -(-latency.numerator // latency.denominator)
        self.turn_beats = self.beats(spec.arbitration_bytes)
        self._slots = spec.queue_depth
        self._cycle = 0
        # Per client: transfers waiting as (beats, bytes, is_write), head first,
        # and what is left of the head.
        self._waiting: list[deque[tuple[int, int, bool]]] = [deque() for _ in range(clients)]
        self._left = [0] * clients
        self._active: list[int] = []  # clients with transfers waiting, ascending
        self._last = clients - 1  # client served last; the turn passes to the next one
        self._turn = 0  # beats of its turn that it may still use
        self._arriving: deque[tuple[int, int]] = deque()  # (cycle of completion, client)
        self._served = 0  # cycle up to which beats have been handed out
        self._next: tuple[int, int] | None = None  # last beat of a head: cycle and client

    @property
    def slots(self) -> int:
        """Transfers accepted at once."""
        return self._slots

    def beats(self, size_bytes: int) -> int:
        """Port cycles that `size_bytes` take: ceil(bytes / (bandwidth · period))."""
        numerator, denominator = self._bytes_per_beat
        return -(-size_bytes * denominator // numerator)

    def submit(
        self, client: int, size_bytes: int, is_write: bool, address: int = 0, channel: int = -1
    ) -> None:
        """A transfer of at least one byte arrives in the present cycle; where does not matter."""
        del address
        beats = self.beats(size_bytes)
        queue = self._waiting[client]
        if not queue:
            self._hand_out()
            self._next = None
            insort(self._active, client)
            self._left[client] = beats
        queue.append((beats, size_bytes, is_write))

    def advance(self, cycles: int) -> None:
        """Let `cycles` port cycles pass."""
        end = self._cycle + cycles
        while self._active:
            due, client = self._next_served()
            if due > end:
                break
            self._cycle = due
            self._hand_out()
            self._finish(client)
        self._cycle = end

    def next_completion(self, within: int | None = None) -> int | None:
        """Cycles from now to the next completion if nothing else is submitted."""
        if self._arriving:
            return self._arriving[0][0] - self._cycle
        if self._active:
            return self._next_served()[0] + self.latency_cycles - self._cycle
        return None

    def collect(self) -> list[int]:
        """Clients whose transfers have completed by now, each transfer named once."""
        done = []
        arriving = self._arriving
        while arriving and arriving[0][0] <= self._cycle:
            done.append(arriving.popleft()[1])
        return done

    def submit_runs(self, client: int, channel: int, runs: Sequence[Run]) -> None:
        """An ideal memory only moves bytes."""
        raise AssertionError("an ideal memory does not compute")

    def signature(self, motion: Motion = STILL, layer: int = 0) -> Hashable:
        """All state that decides what happens from now on, in times relative to now."""
        del motion, layer
        self._hand_out()
        return (
            self._last,
            self._turn,
            tuple(
                [
                    (client, self._left[client], tuple(self._waiting[client]))
                    for client in self._active
                ]
            ),
            tuple([(due - self._cycle, client) for due, client in self._arriving]),
        )

    def counted(self) -> tuple[int, ...]:
        """Bytes read and written, and busy cycles."""
        counters = self.counters
        return counters.read_bytes, counters.write_bytes, counters.busy_cycles

    def may_repeat(self, motion: Motion, first: int, last: int) -> bool:
        """Nothing has a place."""
        del motion, first, last
        return True

    def repeat(self, grown: tuple[int, ...], times: int, motion: Motion, layers: int) -> None:
        """What was counted has grown by `grown` again, so many times."""
        del motion, layers
        read, write, busy = grown
        self.counters.read_bytes += times * read
        self.counters.write_bytes += times * write
        self.counters.busy_cycles += times * busy

    def statistics(self) -> None:
        """Return nothing: it has no commands."""

    # -- round robin -----------------------------------------------------------
    def _order(self) -> tuple[list[int], int]:
        """Clients in the order of their turns, and what is left of the first one's turn."""
        active = self._active
        at = bisect_left(active, self._last)
        present = at < len(active) and active[at] == self._last
        if present and self._turn:
            return active[at:] + active[:at], self._turn
        at += present
        return active[at:] + active[:at], self.turn_beats

    def _next_served(self) -> tuple[int, int]:
        """Cycle in which some client's head transfer has had its last beat, and that client.

        It stays the same until a client comes or goes. The first client has `turn`
        beats now and then, like all others, a full turn per round: the last beat
        of `left` falls in turn ceil(left / full).
        """
        if self._next is not None:
            return self._next
        self._hand_out()
        if len(self._active) == 1:
            client = self._active[0]
            self._next = self._cycle + self._left[client], client
            return self._next
        order, turn = self._order()
        full, others = self.turn_beats, len(order) - 1
        winner = order[0]
        best = self._left[winner]
        if best > turn:
            best += (others + (best - turn - 1) // full * others) * full
        before = turn  # beats of those whose turn comes first in a round
        for client in order[1:]:
            left = self._left[client]
            end = before + (left - 1) // full * others * full + left
            if end < best:
                best, winner = end, client
            before += full
        self._next = self._cycle + best, winner
        return self._next

    def _hand_out(self) -> None:
        """Hand out the beats up to the present cycle."""
        beats = self._cycle - self._served
        self._served = self._cycle
        if beats and self._active:
            self._serve(beats)
        elif beats:
            self._turn = 0

    def _serve(self, beats: int) -> None:
        """Hand out at least one beat, at most up to the next head's last one."""
        self.counters.busy_cycles += beats
        left = self._left
        if len(self._active) == 1:
            self._last, self._turn = self._active[0], 0
            left[self._last] -= beats
            return
        order, turn = self._order()
        self._last = order[0]
        if beats <= turn:
            self._turn = turn - beats
            left[self._last] -= beats
            return
        left[self._last] -= turn
        full = self.turn_beats
        rounds, rest = divmod(beats - turn, full * len(order))
        turns, part = divmod(rest, full)
        order = order[1:] + order[:1]
        for place, client in enumerate(order):
            left[client] -= (rounds + (place < turns)) * full
        if part:
            left[order[turns]] -= part
        self._last = order[turns if part else turns - 1]
        self._turn = full - part if part else 0

    def _finish(self, client: int) -> None:
        """The head transfer of `client` has had its last beat."""
        self._next = None
        queue = self._waiting[client]
        _, size_bytes, is_write = queue.popleft()
        if is_write:
            self.counters.write_bytes += size_bytes
        else:
            self.counters.read_bytes += size_bytes
        if queue:
            self._left[client] = queue[0][0]
        else:
            self._active.remove(client)
        self._arriving.append((self._cycle + self.latency_cycles, client))
