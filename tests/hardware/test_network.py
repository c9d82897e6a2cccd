"""Networks of cache slices: bandwidth through the middle, and hops, by hand."""

from __future__ import annotations

from itertools import product
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.hardware.network import NetworkSpec

Topology = Literal["mesh", "ring"]


def network(topology: Topology, hop_cycles: int = 1) -> NetworkSpec:
    return NetworkSpec(topology=topology, link_bytes_per_cycle=32, hop_cycles=hop_cycles)


def test_middle_by_hand() -> None:
    # A ring is cut twice: 64 bytes each way per cycle, a quarter of all traffic.
    assert network("ring").bytes_per_cycle(14) == 4 * 2 * 32
    # 8 x 8 stops have eight links across the middle, 4 x 8 have four.
    assert network("mesh").bytes_per_cycle(64) == 4 * 8 * 32
    assert network("mesh").bytes_per_cycle(32) == 4 * 4 * 32


def test_hops_by_hand() -> None:
    # From one of four stops on a ring: 0, 1, 2, 1.
    assert network("ring", 100).mean_latency_cycles(4) == 100
    # On a line of two: 0 or 1 hop; on 2 x 2: one on average.
    assert network("mesh", 100).mean_latency_cycles(2) == 50
    assert network("mesh", 100).mean_latency_cycles(4) == 100
    assert network("mesh", 100).mean_latency_cycles(1) == 0


@given(st.sampled_from(("mesh", "ring")), st.integers(1, 40))
def test_hops_are_the_mean_over_all_pairs(topology: Topology, stops: int) -> None:
    short = max(side for side in range(1, stops + 1) if stops % side == 0 and side**2 <= stops)
    wide = stops // short

    def hops(a: int, b: int) -> int:
        if topology == "ring":
            return min(abs(a - b), stops - abs(a - b))
        return abs(a // wide - b // wide) + abs(a % wide - b % wide)

    mean = sum(hops(a, b) for a, b in product(range(stops), repeat=2)) / stops**2
    found = network(topology, 1000).mean_latency_cycles(stops)
    assert found == pytest.approx(1000 * mean, abs=1)
