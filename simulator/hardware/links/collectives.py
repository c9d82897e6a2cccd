"""Collectives as steps that all devices take at once: what each sends, and what it adds up.

An all-reduce is a reduce-scatter and an all-gather (Thakur, Rabenseifner and Gropp,
"Optimization of Collective Communication Operations in MPICH", IJHPCA 19(1), 2005). Of n
elements on each of p devices, every one sends 2 (p - 1)/p · n, which is the least possible
(Patarasu and Yuan, "Bandwidth optimal all-reduce algorithms", JPDC 69(2), 2009), on a ring
in 2 (p - 1) steps, through a switch in 2.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from simulator.hardware.links.spec import Topology

CollectiveFunction = Literal["all_reduce", "all_gather", "send"]


class Step(NamedTuple):
    """What every device does at once, in elements.

    sent: and received as many. added: of those received, onto the device's own, before the
    next step.
    """

    sent: int
    added: int = 0


def collective_steps(
    function: CollectiveFunction, topology: Topology, devices: int, elements: int
) -> tuple[Step, ...]:
    """Steps of a collective of so many devices.

    elements: of the tensor that each of them has before: partial sums of the whole one
    (`all_reduce`), a share of it (`all_gather`), or what goes to another device (`send`).
    Chunks are rounded up to whole elements.
    """
    others = devices - 1
    if function == "send":
        return (Step(elements),)
    if function == "all_gather":
        return _gathered(topology, others, elements)
    chunk = -(-elements // devices)
    if topology == "ring":
        return (*(Step(chunk, chunk),) * others, *_gathered(topology, others, chunk))
    return (Step(others * chunk, others * chunk), *_gathered(topology, others, chunk))


def _gathered(topology: Topology, others: int, chunk: int) -> tuple[Step, ...]:
    """Every device gets the chunks of all others."""
    return (Step(chunk),) * others if topology == "ring" else (Step(others * chunk),)
