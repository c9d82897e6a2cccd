"""The best schedule of a layer: all orders of loops, all tilings."""

from __future__ import annotations

from functools import lru_cache
from itertools import permutations
from typing import Any

import numpy as np

from simulator.published.mixpe.energy import Energy, energy, energy_in_search
from simulator.published.mixpe.layers import Layer, layers
from simulator.published.mixpe.spec import DesignSpec, MixpeSpec, PublishedMachineSpec
from simulator.published.mixpe.traffic import LOOPS, Traffic, tilings, traffic

SEARCHES_KEPT = 1024

ORDERS = tuple(order for order in permutations(LOOPS) if order.index("column") < order.index("row"))
"""Rows and columns of outputs are alike: one of the two orders of them is enough."""

GEMM_ORDERS = tuple(order for order in ORDERS if order.index("row") - order.index("column") == 1)
"""Loops of one trip: only where the inner one stands matters."""


@lru_cache(SEARCHES_KEPT)
def schedule(layer: Layer, design: DesignSpec, machine: PublishedMachineSpec) -> Traffic:
    """Fewest cycles, then least energy (`energy_in_search`); counts are Python integers.

    Raises ValueError if no tile fits the buffers.
    """
    found = tilings(layer, design, machine)
    orders = GEMM_ORDERS if layer.side == 1 else ORDERS
    candidates = [_best(traffic(layer, design, machine, found, o), design, machine) for o in orders]
    return min(candidates, key=lambda moved: _rank(moved, design, machine))


def _best(moved: Traffic, design: DesignSpec, machine: PublishedMachineSpec) -> Traffic:
    """The best tiling of one order."""
    cycles, spent = _rank(moved, design, machine)
    return moved.at(int(np.where(cycles == cycles.min(), spent, np.inf).argmin()))


def _rank(moved: Traffic, design: DesignSpec, machine: PublishedMachineSpec) -> tuple[Any, Any]:
    return moved.cycles, energy_in_search(moved, design, machine)


def network_cost(data: MixpeSpec, network: str, design: str) -> tuple[int, Energy]:
    """Cycles and energy of a network on a design, layer after layer."""
    machine, array = data.machine, data.designs[design]
    cycles, spent = 0, Energy(0.0, 0.0, 0.0, 0.0)
    for layer, count in layers(network, data.networks[network], array, machine.batch).items():
        moved = schedule(layer, array, machine)
        cycles += count * moved.cycles
        spent = spent + energy(moved, array, machine, machine.dram).times(count)
    return cycles, spent
