"""Two sub-batches in turns: one on the matrix units while the other is in the memory.

A layer is what comes before attention (Q), attention in the memory (M) and what comes
behind (P). With N layers, in the stages of NeuPIMs (ASPLOS 2024, figure 10),

    A: Q1   B: Q2, M1   N - 1 times C: P1 Q1, M2 and D: P2 Q2, M1   E: P1, M2   F: P2

where C and D go on to the next layer. Stages only give the order of commands: what has
its inputs begins, whatever stage the other half is in.
"""

from __future__ import annotations

from collections.abc import Sequence

from simulator.mapping.pim.lower import PimAttentionLowering
from simulator.mapping.pim.plan import UNIT
from simulator.mapping.program import Item, Loop
from simulator.mapping.wiring import SegmentPlan, Wirer

READS_BESIDE = 0.75
"""Share of the data bus that reads keep beside the units; `cyclelab pim … --reads` has 0.71
to 0.79."""


class Turns:
    """Two planned sub-batches of one phase."""

    def __init__(self, wirers: Sequence[Wirer]) -> None:
        self.wirers = wirers
        self.layers = [_layers_of(wirer) for wirer in wirers]

    @property
    def possible(self) -> bool:
        """Whether both have attention in the memory, in layers between other segments."""
        return all(
            index is not None and 0 < index < len(wirer.plans) - 1
            for wirer, index in zip(self.wirers, self.layers, strict=True)
        )

    def pay(self, whole: Wirer) -> bool:
        """Whether a layer is expected to be faster in turns than with the whole batch at once."""
        index = _layers_of(whole)
        if index is None:
            return False
        units, memory = _estimates(whole, whole.plans[index])
        together = [_estimates(w, w.plans[i]) for w, i in self._layers()]
        (first_units, first_memory), (second_units, second_memory) = together
        stages = ((first_units, second_memory), (second_units, first_memory))
        return sum(_beside(*stage) for stage in stages) < units + memory

    def body(self) -> tuple[Item, ...]:
        """Both in program order."""
        before: list[Item] = []
        layers: list[_Layer] = []
        for wirer, index in self._layers():
            for segment in range(index):
                before += _flat(wirer.kernel_items(segment))
            layers.append(_Layer(wirer.plans[index], wirer.kernel_items(index)))
        one, two = layers
        repeat = one.plan.segment.repeat
        begin = (*one.before, *one.memory, *two.before)
        items = [*before, *begin]
        if repeat > 1:
            turn = (*two.memory, *one.after, *one.before, *one.memory, *two.after, *two.before)
            ahead = one.ahead(memory=True) | two.ahead(memory=False)
            name = one.plan.segment.name
            items.append(Loop(repeat - 1, turn, instances=True, label=name, ahead=ahead))
        end = (*two.memory, *one.after, *two.after)
        items.append(Loop(1, end, instances=True, first_instance=repeat - 1))
        for wirer, index in self._layers():
            for segment in range(index + 1, len(wirer.plans)):
                items += _flat(wirer.kernel_items(segment))
        return tuple(items)

    def _layers(self) -> list[tuple[Wirer, int]]:
        return [(w, i) for w, i in zip(self.wirers, self.layers, strict=True) if i is not None]


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


def _layers_of(wirer: Wirer) -> int | None:
    """The segment with attention in the memory, if there is one."""
    for index, plan in enumerate(wirer.plans):
        if _attention_of(plan) >= 0:
            return index
    return None


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


def _beside(units: float, memory: float) -> float:
    """Cycles of a stage: transfers slow down while both are at work."""
    both = min(units / READS_BESIDE, memory)
    return both + (units - both * READS_BESIDE) + (memory - both)


def _number(value: object) -> float:
    assert isinstance(value, int | float)
    return float(value)


def _flat(kernels: Sequence[tuple[Item, ...]]) -> tuple[Item, ...]:
    return tuple(item for kernel in kernels for item in kernel)
