"""Transfers on a memory of DRAM channels, and ways to let time pass for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import cycle, repeat
from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.memory import DramMemory
from simulator.hardware.dram.memory_spec import DramMemorySpec
from tests.hardware.dram.devices import device

Ints = NDArray[np.int64]
CLIENTS = 3
CHANNELS = 4
BURST_BYTES = 32
STRIPE_BYTES = CHANNELS * BURST_BYTES
MEBIBYTE = 1 << 20
FAR_AWAY = 1 << 25
NO_REFRESH = {"refresh": "none"}


class Transfer(NamedTuple):
    """A transfer that is submitted `gap` ticks behind the one before."""

    gap: int
    client: int
    size_bytes: int
    is_write: bool
    address: int


def memory_spec(
    name: str = "hbm2-1760",
    *settings: str,
    controller: dict[str, Any] | None = None,
    **changes: Any,
) -> DramMemorySpec:
    """Four channels that take a burst each in turn, with changes; settings: of the device."""
    spec = device(name, *settings)
    values = {"channels": CHANNELS, "interleave_bytes": spec.burst_bytes} | changes
    return DramMemorySpec(
        kind="dram",
        device=spec,
        controller=ControllerSpec.model_validate(controller or {}),
        **values,
    )


class ApartMemory(DramMemory):
    """The same memory with every channel simulated by itself, from start to end."""

    def _split(self, ranges: Ints) -> None:
        super()._split(np.array([(channel, 0) for channel in range(len(ranges))]))

    def _merge_equal(self) -> None:
        pass


@dataclass
class Outcome:
    """What happened: ticks and clients of completions, in order, and what was counted."""

    completions: list[tuple[int, int]]
    bytes: tuple[int, int]
    busy_cycles: int
    statistics: dict[str, Any]

    @property
    def end(self) -> int:
        """Tick of the last completion."""
        return self.completions[-1][0]


def outcome(memory: DramMemory, completions: list[tuple[int, int]]) -> Outcome:
    """All but how many channels were simulated apart, which is no finding."""
    counted = memory.counters
    statistics = asdict(memory.statistics())
    del statistics["groups"]
    moved = counted.read_bytes, counted.write_bytes
    return Outcome(completions, moved, counted.busy_cycles, statistics)


def completions(
    memory: DramMemory, submissions: Iterable[tuple[int, Callable[[], None]]], most: Iterator[int]
) -> list[tuple[int, int]]:
    """As the engine does: up to the next completion or submission, or the next of `most`.

    submissions: ticks to wait, and what is done then. Returns the tick and client of each.
    """
    now = 0
    done: list[tuple[int, int]] = []

    def wait(ticks: int | None) -> None:
        nonlocal now
        until = None if ticks is None else now + ticks
        while until is None or now < until:
            step = memory.next_completion()
            if until is not None:
                step = until - now if step is None else min(step, until - now)
            if step is None:
                return
            step = min(step, next(most))
            memory.advance(step)
            now += step
            done.extend((now, client) for client in memory.collect())

    for gap, submit in submissions:
        wait(gap)
        submit()
    wait(None)
    return done


def let_pass(
    memory: DramMemory, transfers: Sequence[Transfer], pieces: Sequence[int] = ()
) -> Outcome:
    """Transfers as the engine has them, in `pieces` at most."""
    lengths: Iterator[int] = cycle(pieces) if pieces else repeat(1 << 60)
    submissions = ((gap, partial(memory.submit, *transfer)) for gap, *transfer in transfers)
    return outcome(memory, completions(memory, submissions, lengths))


def tick_by_tick(memory: DramMemory, transfers: Sequence[Transfer]) -> Outcome:
    """Tick by tick, without ever asking for what will come."""
    now, done, left = 0, [], len(transfers)
    for gap, *transfer in (*transfers, (1 << 60,)):
        for _ in range(gap):
            if not transfer and not left:
                break
            memory.advance(1)
            now += 1
            completed = memory.collect()
            left -= len(completed)
            done += [(now, client) for client in completed]
        if transfer:
            memory.submit(*transfer)  # type: ignore[call-arg]
    return outcome(memory, done)


def bursts(transfers: Sequence[Transfer], is_write: bool, burst_bytes: int = BURST_BYTES) -> int:
    """Bursts that the addresses of reads or of writes touch, transfer by transfer."""
    return sum(
        -(-(each.address + each.size_bytes) // burst_bytes) - each.address // burst_bytes
        for each in transfers
        if each.is_write == is_write
    )


SPECS = {
    "plain": memory_spec(),
    "path": memory_spec(path_latency_s=100e-9, channels=3, interleave_bytes=64),
    "small queues": memory_spec(
        controller={"read_queue": 2, "write_queue": 5, "requests_per_clock": 1},
        arbitration_bytes=64,
    ),
    "one read at a time": memory_spec(controller={"read_queue": 1, "write_queue": 8}, channels=2),
    "closed page": memory_spec(
        controller={"page": "closed", "page_cap": 2, "refresh": "none"}, interleave_bytes=128
    ),
    "first come": memory_spec(controller={"scheduler": "fcfs", "write_queue": 2}, channels=2),
    "banks by row": memory_spec(controller={"address_mapping": {"xor_banks_with_row": 2}}),
    "bank by bank": memory_spec(controller={"refresh": "per_bank", "row_hit_cap": 4}),
    "ddr4": memory_spec("ddr4-3200", channels=2),
    "gddr6": memory_spec("gddr6-14000", interleave_bytes=256, path_latency_s=30e-9),
    "two steps": memory_spec("lpddr5-6400", channels=2),
    "half clocks": memory_spec("hbm3-6400", controller={"refresh": "per_bank"}),
}
"""Memories with channels, controllers and devices of all kinds."""


@st.composite
def loads(draw: st.DrawFn, most: int = 6) -> list[Transfer]:
    """A few transfers of three clients, near each other in time and place or not."""
    place = st.sampled_from([1 << 9, 1 << 14, 1 << 26])
    size = (
        st.integers(1, 2 * STRIPE_BYTES)
        | st.integers(1, 60).map(lambda stripes: stripes * STRIPE_BYTES)
        | st.integers(1, 15_000)
    )
    gap = st.sampled_from([0, 0, 1]) | st.integers(0, 60) | st.integers(0, 1500)
    transfers: list[Transfer] = []
    for _ in range(draw(st.integers(1, most))):
        address = draw(st.integers(0, draw(place)))
        if draw(st.booleans()):
            address -= address % STRIPE_BYTES
        client = draw(st.integers(0, CLIENTS - 1))
        transfers.append(Transfer(draw(gap), client, draw(size), draw(st.booleans()), address))
    return transfers


MEMORIES = st.sampled_from(sorted(SPECS))
"""Names of all of them."""


def memory(spec: DramMemorySpec | None = None) -> DramMemory:
    """A memory; the plain one if none is given."""
    return DramMemory(spec or SPECS["plain"], CLIENTS)


def read(size_bytes: int, address: int = 0, gap: int = 0, client: int = 0) -> Transfer:
    """A read, of client 0 if of no other."""
    return Transfer(gap, client, size_bytes, False, address)


def write(size_bytes: int, address: int = 0, gap: int = 0, client: int = 1) -> Transfer:
    """A write, of client 1 if of no other."""
    return Transfer(gap, client, size_bytes, True, address)
