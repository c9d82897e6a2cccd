"""The search, which works on all candidates at once, against one tiling after the other."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.matrix_unit import MATRIX_UNITS, Tile
from simulator.hardware.scratchpad.spec import ScratchpadSpec
from simulator.mapping.gemm_search import GemmSearch
from simulator.mapping.ports import Ports
from simulator.mapping.tiling import (
    TIE_TOLERANCE,
    TIME_TOLERANCE,
    Budget,
    GemmProblem,
    GemmTiling,
    Schedule,
)
from tests.mapping.plain_tiling import plain_tiling
from tests.mapping.test_tiling import ORDERS, UNIT

GANG = MATRIX_UNITS[UNIT.spec.kind](UNIT.spec.model_copy(update={"count": 3}))
NARROW = Ports(
    ScratchpadSpec(capacity_bytes=4096, read_bytes_per_cycle=2, write_bytes_per_cycle=1),
    ScratchpadSpec(capacity_bytes=4096, read_bytes_per_cycle=8, write_bytes_per_cycle=8, ports=1),
)
bits = st.sampled_from([0, 4, 8, 16])


@st.composite
def problems(draw: st.DrawFn) -> GemmProblem:
    """With epilogues, conversions and groups of scales, or without."""
    m, n, k = (draw(st.integers(1, 14)) for _ in range(3))
    group = draw(st.sampled_from([0, 0, 4]))
    return GemmProblem(
        count=draw(st.integers(1, 3)),
        m=m,
        n=n,
        k=k,
        input_bits=draw(bits),
        weight_bits=draw(bits),
        converted_weight_bits=draw(st.sampled_from([0, 8])),
        accumulator_bits=32,
        extra_bits=draw(bits),
        store_bits=draw(bits),
        staging_bits=draw(bits),
        vector_cycles=draw(st.sampled_from([0, 1, 50, 700])),
        conversion_cycles=draw(st.sampled_from([0, 3, 90])),
        group=group,
        group_cycles=draw(st.integers(0, 200)) if group else 0,
    )


@st.composite
def budgets(draw: st.DrawFn) -> Budget:
    return Budget(
        scratchpad_bytes=draw(st.sampled_from([200, 800, 1 << 20])),
        accumulator_bytes=draw(st.sampled_from([None, 400, 1 << 20])),
        buffers=draw(st.integers(1, 3)),
        accumulator_buffers=draw(st.integers(1, 3)),
        cores=draw(st.integers(1, 3)),
        bytes_per_cycle=draw(st.sampled_from([0.3, 1.0, 7.7, 1000.0])),
        latency_cycles=draw(st.sampled_from([0, 10, 300])),
    )


def every_tiling(p: GemmProblem, b: Budget, tile: Tile, unit: Any, ports: int) -> list[GemmTiling]:
    """All schedules that fit and keep nothing in vain, one by one."""
    dealt = [("n", 1)] if b.cores == 1 else [(name, b.cores) for name in ("count", "n", "m")]
    found = []
    for order, (parallel, ways), *keep in product(ORDERS, dealt, (False, True), (False, True)):
        if parallel == "count" and p.count == 1:
            continue
        schedule = Schedule(order, parallel, ways, *keep)  # type: ignore[arg-type]
        tiling = plain_tiling(p, b, unit, tile, schedule, ports)
        if tiling is None or tiling.scratchpad_bytes > b.scratchpad_bytes:
            continue
        if b.accumulator_bytes is None or tiling.accumulator_bytes <= b.accumulator_bytes:
            found.append(tiling)
    return found


@settings(max_examples=150)
@given(
    problems(), budgets(), st.tuples(*(st.integers(1, 14) for _ in range(3))),
    st.sampled_from([UNIT, GANG]), st.sampled_from([None, NARROW]),
)  # fmt: skip
def test_search_is_what_one_tiling_after_the_other_gives(  # type: ignore[no-untyped-def]
    p, b, sizes, unit, ports
) -> None:
    tile = Tile(*(min(total, size) for total, size in zip((p.m, p.n, p.k), sizes, strict=True)))
    best = GemmSearch(p, unit, b, sizes, ports=ports).best()
    cycles = ports.tile_cycles(unit, tile, p.group) if ports else 0
    fitting = every_tiling(p, b, tile, unit, cycles)
    if best is None:
        assert not fitting
        return
    assert best in fitting, "slots, bytes and cycles are those of the schedule"
    shortest = min(tiling.estimated_cycles for tiling in fitting)
    good = [t for t in fitting if t.estimated_cycles <= max(shortest, TIME_TOLERANCE * shortest)]
    least = min(tiling.traffic_bytes for tiling in good)
    good = [tiling for tiling in good if tiling.traffic_bytes == least]
    shortest = min(tiling.estimated_cycles for tiling in good)
    assert best.traffic_bytes == least
    assert best.estimated_cycles <= max(shortest, TIE_TOLERANCE * shortest)


@pytest.mark.parametrize("bandwidth", [0.5, 4.0, 64.0])
def test_a_search_is_the_same_whatever_ran_before(bandwidth: float) -> None:
    """Searches that differ in the memory only share grids and uses, never a choice."""
    p = GemmProblem(2, 40, 48, 64, 8, 8, 0, 32, 0, 8, 0, 0)
    room = Budget(4096, 2048, 2, 2, 2, bandwidth, 20)
    unit = MATRIX_UNITS[UNIT.spec.kind](UNIT.spec)
    alone = GemmSearch(p, unit, room).best()
    for other in (0.25, 1.0, 1000.0):
        GemmSearch(p, UNIT, replace(room, bytes_per_cycle=other, latency_cycles=3)).best()
    assert GemmSearch(p, UNIT, room).best() == alone
