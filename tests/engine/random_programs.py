"""Random programs that cannot deadlock: nested tile loops on cores that share a memory."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import assume
from hypothesis import strategies as st

from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping.program import Command, Item, Loop, Program
from tests.engine.programs import PERIOD_FS, Builder, Pipeline, compute, loop, memory_spec, transfer


def executed(items: Sequence[Item]) -> int:
    """Command executions."""
    return sum(item.count * executed(item.body) if isinstance(item, Loop) else 1 for item in items)


PERIODS = st.sampled_from([PERIOD_FS, PERIOD_FS, 2 * PERIOD_FS, 1_500_000, 1_063_830])


@st.composite
def memories(draw: st.DrawFn) -> IdealMemorySpec:
    return memory_spec(
        bytes_per_cycle=draw(st.sampled_from([1, 7.3, 64, 500])),
        latency_cycles=draw(st.sampled_from([0, 1, 13, 100])),
        queue_depth=draw(st.sampled_from([1, 2, 5, 64])),
        arbitration_bytes=draw(st.sampled_from([1, 100, 4096])),
    )


@st.composite
def pipelines(draw: st.DrawFn, b: Builder, core: int) -> Pipeline:
    return Pipeline.build(
        b,
        buffers=draw(st.integers(1, 3)),
        core=core,
        depth=draw(st.sampled_from([1, 2, 4, 20])),
        outstanding=draw(st.integers(1, 3)),
        period_fs=draw(PERIODS),
        unit_period_fs=draw(PERIODS),
        bytes_per_cycle=draw(st.sampled_from([0, 0, 3, 64])),
    )


@st.composite
def tiles(draw: st.DrawFn, cores: list[Pipeline], operator: int) -> list[Command]:
    """One tile on one or several cores."""
    commands = []
    for core in draw(st.lists(st.sampled_from(cores), min_size=1, max_size=len(cores))):
        commands += core.tile(
            operator,
            load_bytes=draw(st.sampled_from([0, 1, 64, 100, 999])),
            cycles=draw(st.integers(0, 60)),
            store_bytes=draw(st.sampled_from([0, 0, 1, 70, 640])),
            latency=draw(st.sampled_from([0, 0, 30, 150])),
        )
    return commands


@st.composite
def nests(draw: st.DrawFn, cores: list[Pipeline], operator: int, depth: int = 2) -> Item:
    """A loop over tiles and inner loops."""
    body: list[Item] = []
    for _ in range(draw(st.integers(1, 2))):
        if depth and draw(st.booleans()):
            body.append(draw(nests(cores, operator, depth - 1)))
        else:
            body += draw(tiles(cores, operator))
    return loop(draw(st.integers(0, 5 if depth < 2 else 20)), *body)


@st.composite
def kernels(draw: st.DrawFn, b: Builder, cores: list[Pipeline]) -> list[Item]:
    """An operator's loops, whose primary queue need not be the unit."""
    core = draw(st.sampled_from(cores))
    operator = b.operator(draw(st.sampled_from([core.unit, core.unit, core.load, core.store])))
    items: list[Item] = [draw(nests(cores, operator))]
    if draw(st.booleans()):
        # The kernel gives a token per iteration; another one takes them, one by
        # one or all at once.
        ready = b.semaphore(0)
        count = draw(st.integers(1, 30))
        items.append(loop(count, compute(core.unit, operator, 9, release=((ready, 1),))))
        consumer = b.operator(core.store)
        if draw(st.booleans()):
            items.append(loop(count, transfer(core.store, consumer, 50, acquire=((ready, 1),))))
        else:
            items.append(transfer(core.store, consumer, 50, acquire=((ready, count),)))
            items.append(draw(nests(cores, consumer)))
    return items


@st.composite
def programs(draw: st.DrawFn) -> Program:
    b = Builder()
    cores = [draw(pipelines(b, core)) for core in range(draw(st.integers(1, 3)))]
    body: list[Item] = []
    for _ in range(draw(st.integers(1, 3))):
        items: list[Item] = []
        for _ in range(draw(st.integers(1, 2))):
            items += draw(kernels(b, cores))
        shape = draw(st.sampled_from(["plain", "instances", "nested"]))
        if shape == "plain":
            body += items
        else:
            instances = loop(draw(st.integers(0, 12)), *items, instances=True)
            body.append(loop(5, instances) if shape == "nested" else instances)
    assume(executed(body) < 2500)
    return b.program(*body)
