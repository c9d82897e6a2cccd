"""Room for keys and values in main memory: which requests it holds, and where."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from simulator.config import CyclelabError
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import tile_bytes
from simulator.mapping.pim.layout import CachedRequest, estimated_cycles


@dataclass(slots=True)
class SharedRoom:
    """Bytes of a memory that spreads every request over all of its channels.

    kv_bytes: of a request with so many tokens.
    """

    capacity_bytes: int
    kv_bytes: Callable[[int], int]
    held: dict[int, int] = field(default_factory=dict)
    used_bytes: int = 0

    def admit(
        self, request: int, tokens: int, reserved: int, beside: Collection[int] | None = None
    ) -> bool:
        """Take in a request if there is room for `reserved` tokens."""
        return self._hold(request, self.kv_bytes(reserved))

    def grow(self, request: int, tokens: int) -> bool:
        """Let a request have so many tokens if there is room."""
        return self._hold(request, max(self.held[request], self.kv_bytes(tokens)))

    def release(self, request: int) -> None:
        """A request leaves."""
        self.used_bytes -= self.held.pop(request)

    def channel_of(self, request: int) -> int | None:
        """None: on all channels."""
        return None

    def rivals_of(self, request: int) -> Iterable[int]:
        """All share the room."""
        return self.held

    def check(self, tokens: int) -> None:
        """Raise CyclelabError if one request of `tokens` does not fit."""
        needed = self.kv_bytes(tokens)
        if needed > self.capacity_bytes:
            raise CyclelabError(
                f"a request of {tokens:,} tokens takes {needed:,} bytes of KV cache, and beside "
                f"weights and activations the memory has {max(0, self.capacity_bytes):,} "
                f"({needed - self.capacity_bytes:,} bytes missing); leave out "
                "requests so long, use fewer bits for the KV cache, or raise the capacity"
            )

    @property
    def used_share(self) -> float:
        """Of the room."""
        return self.used_bytes / self.capacity_bytes if self.capacity_bytes else 0.0

    def _hold(self, request: int, needed: int) -> bool:
        more = needed - self.held.get(request, 0)
        if self.used_bytes + more > self.capacity_bytes:
            return False
        self.held[request] = needed
        self.used_bytes += more
        return True


@dataclass(slots=True)
class ChannelRoom:
    """Rows of a memory that computes: every request is on one channel, for good.

    shape: a request of so many tokens as the units see it, in one layer.
    rows: of every bank that are left for keys and values, per channel.
    policy: where a new request goes, of the channels with room: `greedy`, to the one with
        the least estimated work; `round_robin`, to the next.
    """

    memory: DramMemorySpec
    shape: Callable[[int], CachedRequest]
    layers: int
    rows: int
    policy: Literal["greedy", "round_robin"]
    channels: dict[int, int] = field(default_factory=dict)
    tokens: dict[int, int] = field(default_factory=dict)
    held: dict[int, int] = field(default_factory=dict)
    turn: int = 0
    costs: dict[int, int] = field(default_factory=dict)
    sizes: dict[int, int] = field(default_factory=dict)

    def admit(
        self, request: int, tokens: int, reserved: int, beside: Collection[int] | None = None
    ) -> bool:
        """Take in a request on a channel with room for `reserved` tokens.

        beside: requests that it shares iterations with, whose work counts; all, if left out.
        """
        needed = self._rows_of(reserved)
        used = self._used()
        fitting = [c for c in range(len(used)) if used[c] + needed <= self.rows]
        if not fitting:
            return False
        if self.policy == "greedy":
            loads = self.loads(beside)
            channel = min(fitting, key=loads.__getitem__)
        else:
            count = self.memory.channels
            channel = min(fitting, key=lambda each: (each - self.turn) % count)
            self.turn = (channel + 1) % count
        self.channels[request] = channel
        self.tokens[request], self.held[request] = tokens, needed
        return True

    def grow(self, request: int, tokens: int) -> bool:
        """Let a request have so many tokens if its channel has room."""
        needed = self._rows_of(tokens)
        more = needed - self.held[request]
        if more > 0:
            if self._used()[self.channels[request]] + more > self.rows:
                return False
            self.held[request] = needed
        self.tokens[request] = tokens
        return True

    def release(self, request: int) -> None:
        """A request leaves."""
        for held in (self.channels, self.tokens, self.held):
            held.pop(request)

    def channel_of(self, request: int) -> int | None:
        """The channel that holds a request."""
        return self.channels[request]

    def rivals_of(self, request: int) -> Iterable[int]:
        """Those on the same channel."""
        own = self.channels[request]
        return [each for each, channel in self.channels.items() if channel == own]

    def check(self, tokens: int) -> None:
        """Raise CyclelabError if one request of `tokens` does not fit a channel."""
        needed = self._rows_of(tokens)
        if needed > self.rows:
            size = tile_bytes(self.memory.device)
            raise CyclelabError(
                f"a request of {tokens:,} tokens takes {needed:,} rows of every bank of a channel "
                f"in {self.layers} layers ({needed * size:,} bytes), and beside the weights there "
                f"are {max(0, self.rows):,} ({(needed - self.rows) * size:,} bytes missing); "
                "leave out requests so long, or use fewer layers per device"
            )

    def loads(self, requests: Collection[int] | None = None) -> list[int]:
        """Estimated cycles of each channel's attention in one layer; of all requests, or some."""
        loads = [0] * self.memory.channels
        for request in self.channels if requests is None else requests:
            loads[self.channels[request]] += self._cost_of(self.tokens[request])
        return loads

    @property
    def used_share(self) -> float:
        """Of the rows of all channels."""
        return sum(self.held.values()) / (self.rows * self.memory.channels) if self.rows else 0.0

    def _used(self) -> list[int]:
        used = [0] * self.memory.channels
        for request, channel in self.channels.items():
            used[channel] += self.held[request]
        return used

    def _rows_of(self, tokens: int) -> int:
        if tokens not in self.sizes:
            self.sizes[tokens] = self.layers * self.shape(tokens).rows(self.memory.device)
        return self.sizes[tokens]

    def _cost_of(self, tokens: int) -> int:
        if tokens not in self.costs:
            self.costs[tokens] = estimated_cycles(self.memory.device, self.shape(tokens))
        return self.costs[tokens]
