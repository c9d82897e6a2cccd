"""Two sub-batches in turns: one on the matrix units while the other is in the memory.

A layer is what comes before attention (Q), attention in the memory (M) and what comes
behind (P). With N layers, in the stages of NeuPIMs (ASPLOS 2024, figure 10),

    A: Q1   B: Q2, M1   N - 1 times C: P1 Q1, M2 and D: P2 Q2, M1   E: P1, M2   F: P2

where C and D go on to the next layer. Stages only give the order of commands: what has
its inputs begins, whatever stage the other half is in.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.gemv import pim_of
from simulator.mapping.pim.lower import PimAttentionLowering
from simulator.mapping.pim.plan import UNIT
from simulator.mapping.program import Item, Loop
from simulator.mapping.wiring import SegmentPlan, Wirer

READS_BESIDE = 0.75
"""Share of the data bus that reads keep beside the units; `cyclelab pim … --reads` has 0.71
to 0.79."""


@dataclass(frozen=True, slots=True)
class LayerEstimate:
    """Cycles that a layer is expected to take, its two sub-batches in turns or at once."""

    in_turns: float
    at_once: float

    @property
    def pays(self) -> bool:
        """Whether a layer is expected to be faster in turns."""
        return self.in_turns < self.at_once


class Turns:
    """Two planned sub-batches of one phase."""

    def __init__(self, wirers: Sequence[Wirer]) -> None:
        self.wirers = wirers

    @property
    def possible(self) -> bool:
        """Whether both have attention in the memory, in layers between other segments."""
        found = [_layers_of(wirer) for wirer in self.wirers]
        last = len(self.wirers[0].plans) - 1
        return found[0] == found[1] and bool(found[0]) and 0 < found[0][0] <= found[0][-1] < last

    def estimate(self, whole: Wirer) -> LayerEstimate | None:
        """Of a layer in turns and with the whole batch at once; None without one to estimate."""
        layers = _layers_of(whole)
        if not layers:
            return None
        units, memory = _estimates(whole, whole.plans[layers[0]])
        halves = [_estimates(wirer, wirer.plans[layers[0]]) for wirer in self.wirers]
        (first_units, first_memory), (second_units, second_memory) = halves
        stages = ((first_units, second_memory), (second_units, first_memory))
        share = _reads_beside(whole)
        in_turns = sum(_beside(*stage, share) for stage in stages)
        return LayerEstimate(in_turns, units + memory)

    def body(self) -> tuple[Item, ...]:
        """Both in program order: segments one after the other, those with layers in turns."""
        items: list[Item] = []
        layers = _layers_of(self.wirers[0])
        for segment, plan in enumerate(self.wirers[0].plans):
            halves = [(wirer.plans[segment], wirer.kernel_items(segment)) for wirer in self.wirers]
            if segment in layers:
                one, two = (_Layer(*half) for half in halves)
                items += _in_turns(one, two, plan.segment.repeat, plan.segment.name)
            else:
                items += [item for _, kernels in halves for item in _flat(kernels)]
        return tuple(items)


def _in_turns(one: _Layer, two: _Layer, repeat: int, name: str) -> Iterator[Item]:
    """`repeat` layers of both halves."""
    yield from (*one.before, *one.memory, *two.before)
    if repeat > 1:
        turn = (*two.memory, *one.after, *one.before, *one.memory, *two.after, *two.before)
        ahead = one.ahead(memory=True) | two.ahead(memory=False)
        yield Loop(repeat - 1, turn, instances=True, label=name, ahead=ahead)
    end = (*two.memory, *one.after, *two.after)
    yield Loop(1, end, instances=True, first_instance=repeat - 1)


class _Layer:
    """A layer's commands: before, in the memory, and after."""

    def __init__(self, plan: SegmentPlan, kernels: list[tuple[Item, ...]]) -> None:
        self.plan = plan
        self.attention = _attention_of(plan)
        self.before = _flat(kernels[: self.attention])
        self.memory = kernels[self.attention]
        self.after = _flat(kernels[self.attention + 1 :])

    def ahead(self, *, memory: bool) -> frozenset[int]:
        """Operators that are in a layer before what comes behind attention is."""
        last = self.attention + memory
        return frozenset(part.operator for parts in self.plan.parts[:last] for part in parts)


def _layers_of(wirer: Wirer) -> list[int]:
    """The segments with attention in the memory: of each stage of a pipeline, or one."""
    return [index for index, plan in enumerate(wirer.plans) if _attention_of(plan) >= 0]


def _attention_of(plan: SegmentPlan) -> int:
    """The kernel that runs in the memory; -1 if none does."""
    for index, parts in enumerate(plan.parts):
        if isinstance(parts[0], PimAttentionLowering):
            return index
    return -1


def _estimates(wirer: Wirer, plan: SegmentPlan) -> tuple[float, float]:
    """Cycles that a layer is expected to keep the matrix units, and the memory's units."""
    units, memory = 0.0, 0.0
    for parts in plan.parts:
        info = wirer.builder.operators[parts[0].operator]
        if info.unit == UNIT:
            memory += _number(info.mapping["estimated_cycles_of_the_busiest"])
        else:
            bounds = (info.compute_bound_cycles, info.memory_bound_cycles)
            units += _number(info.mapping.get("estimated_cycles", max(bounds)))
    return units, memory


def _beside(units: float, memory: float, share: float) -> float:
    """Cycles of a stage: transfers slow down to a share while both are at work."""
    both = min(units / share, memory) if share else memory
    return both + (units - both * share) + (memory - both)


def _reads_beside(wirer: Wirer) -> float:
    """Share of the data bus that is left beside the units: nothing with one row buffer."""
    memory = wirer.builder.resources.machine.memory
    assert isinstance(memory, DramMemorySpec)
    return READS_BESIDE if pim_of(memory.device).row_buffers == 2 else 0.0


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _flat(kernels: Sequence[tuple[Item, ...]]) -> tuple[Item, ...]:
    return tuple(item for kernel in kernels for item in kernel)
