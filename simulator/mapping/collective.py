"""Collectives as problems: elements, steps over the links, and vector work behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

from simulator.hardware.links.collectives import Step, collective_steps
from simulator.hardware.vector_unit.work import VectorWork
from simulator.mapping.facts import bits_over
from simulator.mapping.lowering import KernelPart
from simulator.mapping.planning import Elsewhere, KernelJob, Plan, Planning
from simulator.mapping.regions import Place
from simulator.mapping.resources import Resources
from simulator.mapping.tiling import tile_bytes
from simulator.workload.bits import Bits
from simulator.workload.operators import Collective, Tensor

UNIT = "link"
ADDITION = "add"
"""The vector function that adds what has come in."""


class CollectivePlaces(NamedTuple):
    """Where the tensors lie; None for what is never moved."""

    inputs: Place | None
    outputs: Place | None
    parameters: Place | None


@dataclass(frozen=True, slots=True)
class CollectiveProblem:
    """A tensor of `elements` that is sent, and what is made of the result.

    bits: of an element, as it is sent. epilogue: vector functions with their elements per
    element of it.
    *_bits per element: loaded from and stored to main memory; read by the epilogue, and made.
    """

    op: Collective
    elements: int
    bits: Bits
    epilogue: tuple[tuple[str, float], ...]
    load_bits: Bits
    store_bits: Bits
    read_bits: Bits
    write_bits: Bits

    @classmethod
    def of(cls, job: KernelJob) -> CollectiveProblem:
        """The problem of a kernel, with what is fused behind the collective."""
        kernel, facts = job.kernel, job.facts
        op = kernel.operators[0]
        assert isinstance(op, Collective)
        share = op.inputs[0]
        elements = share.elements
        return cls(
            op=op,
            elements=elements,
            bits=share.bits_per_element,
            epilogue=tuple((v.function, v.elements / elements) for v in kernel.epilogue),
            load_bits=bits_over(loaded(job), elements),
            store_bits=bits_over(facts.stored(), elements),
            read_bits=bits_over((share, *facts.activation_inputs()), elements),
            write_bits=bits_over(kernel.outputs, elements),
        )

    @property
    def stays_on_chip(self) -> bool:
        """Whether nothing is moved to or from main memory."""
        return not (self.load_bits or self.store_bits)

    def steps(self, elements: int, resources: Resources[Any]) -> tuple[Step, ...]:
        """Steps of a tile."""
        topology = resources.links.topology
        return collective_steps(self.op.function, topology, self.op.devices, elements)

    def bytes_of(self, elements: int) -> int:
        """Bytes of so many elements on the links."""
        return tile_bytes(elements, self.bits)

    def epilogue_of(self, elements: int) -> list[VectorWork]:
        """Vector work behind the collective, of a tile."""
        return [VectorWork(name, math.ceil(share * elements)) for name, share in self.epilogue]


def loaded(job: KernelJob) -> list[Tensor]:
    """What comes from main memory, besides parameters."""
    share = job.kernel.operators[0].inputs[0]
    here = [] if share.name in job.facts.resident else [share]
    return [*here, *job.facts.loaded()]


def collective_places(planning: Planning, job: KernelJob) -> CollectivePlaces:
    """Where its tensors lie."""
    place, facts = planning.place, job.facts
    return CollectivePlaces(
        place(job, loaded(job)), place(job, facts.stored()), place(job, facts.parameters)
    )


def collective_plan(
    part: KernelPart, job: KernelJob, problem: CollectiveProblem, tile: int
) -> Plan:
    """The plan of a collective in tiles of so many elements, with what bounds it."""
    resources = part.resources
    steps = problem.steps(problem.elements, resources)
    sent = sum(problem.bytes_of(step.sent) for step in steps)
    tiles = -(-problem.elements // tile)
    messages = len(steps) * tiles
    bound = resources.link_cycles(sent)
    mapping: dict[str, object] = {
        "collective": problem.op.function,
        **({"devices": problem.op.devices} if problem.op.function != "send" else {}),
        "topology": resources.links.topology,
        "sent_bytes": sent,
        "messages": messages,
        **({"tiles": tiles} if tiles > 1 else {}),
        "estimated_cycles": bound + messages * resources.link_latency_cycles,
    }
    reads, writes = job.facts.compulsory()
    where = Elsewhere(resources.link, bound, Fraction(0), reads, writes)
    return Plan([part], UNIT, mapping, where)
