"""Plans attention in the memory: which requests on which channel, and what bounds it."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from typing import Literal

from simulator.config import CyclelabError
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.channel import check_fit
from simulator.hardware.dram.pim.gemv import Run, pim_of
from simulator.mapping.attention_kernel import AttentionKernelPlanner
from simulator.mapping.pim.layout import (
    INPUT_ROW,
    CachedRequest,
    Chunk,
    by_head,
    channels_for,
    chunks_of,
    computing_memory,
    cycles_of,
    moved,
    peak_macs_per_cycle,
    place_rows,
    requests_of,
    sums_cycles,
    sums_in_banks,
)
from simulator.mapping.pim.lower import PimAttentionLowering
from simulator.mapping.pim.part import ChannelWork, PimAttentionPart
from simulator.mapping.plan_attention import AttentionPlanner
from simulator.mapping.planning import Elsewhere, KernelJob, Plan, Planning
from simulator.mapping.regions import Place
from simulator.mapping.resources import NpuResources
from simulator.numerics import format_named

UNIT = "pim"
FP16 = format_named("fp16")
FIRST_ROW = INPUT_ROW + 1


class PimAttentionPlanner(AttentionKernelPlanner):
    """Plans one attention kernel of decoded tokens."""

    def __init__(self, planning: Planning, job: KernelJob, memory: DramMemorySpec) -> None:
        super().__init__(planning, job, fixable=False)
        self.memory = memory
        self.device = memory.device
        self.pim = pim_of(memory.device)
        self.spec = planning.spec.pim
        self.known: dict[CachedRequest, tuple[list[Chunk], int]] = {}

    @classmethod
    def of(cls, planning: Planning, job: KernelJob) -> PimAttentionPlanner | None:
        """A planner if the memory computes and every request decodes one token."""
        memory = computing_memory(planning.builder.resources.machine, planning.spec)
        if memory is None:
            return None
        planner = cls(planning, job, memory)
        alone = all(shape.query_tokens == 1 for shape in planner.scores.shapes)
        if not alone or planner.keys.kind != "kv":
            return None
        planner.check_format()
        return planner

    def check_format(self) -> None:
        """Raise CyclelabError if keys and values are not what the units multiply."""
        found, bits = self.scores.key_format, self.pim.operand_bits
        if format_named(found).bits != bits or (bits == FP16.bits and found != FP16.name):
            named = FP16.name if bits == FP16.bits else f"operands of {bits} bits"
            raise CyclelabError(
                f"the units in {self.device.name} multiply {named}, but the KV "
                f"cache is {found}; choose another workload.precision.kv_cache, or "
                "mapping.pim.attention=units"
            )

    def beats(self, on_units: AttentionPlanner) -> bool:
        """Whether the memory is expected to be done before the machine's own units.

        Those have to read keys and values at least.
        """
        *_, loads = self._placed
        busiest = max(loads)
        if busiest <= self._streaming_cycles():
            return True
        try:
            return busiest <= on_units.estimated_cycles()
        except CyclelabError:  # no unit takes it
            return True

    def plan(self) -> Plan:
        """The kernel's plan; raises CyclelabError if the KV cache does not fit a channel."""
        resources = self.planning.builder.resources
        assert isinstance(resources, NpuResources)
        spread = self._spread()
        requests, channels, loads = self._placed
        segment = self.job.segment
        first_rows = place_rows(
            self.memory,
            requests,
            channels,
            segment.repeat,
            segment.micro_batches,
            self.planning.weight_bytes,
            spread,
        )
        work: dict[int, ChannelWork] = {}
        for request, channel, row in zip(requests, channels, first_rows, strict=True):
            here = work.setdefault(channel, ChannelWork(channel, []))
            here.requests.append((request, moved(self._work_of(request)[0], row)))
        listed = all(request.channel is not None for request in requests)
        self._check_fit([run for w in work.values() for _, cs in w.requests for run in _runs(cs)])
        busiest = max(range(len(loads)), key=loads.__getitem__)
        part = PimAttentionPart(
            operator=self.job.operator,
            work=[work[channel] for channel in sorted(work)],
            query_bits=self.queries.bits_per_element,
            probability_bits=self.probabilities.bits_per_element,
            appended_bytes=self._appended_bytes(len(requests), requests[0].heads),
            stored_bytes=sum(t.bytes for t in self.job.facts.stored()),
            barrier=self.spec.barrier,
            commands_per_cycle=self.spec.commands_per_cycle,
            writes_queries=self.spec.writes == "corrected" and self.pim.input == "row",
            epilogue=self.epilogue,
            softmax_function=self.softmax,
            places=self._places(),
        )
        lowering = PimAttentionLowering(self.planning.builder, part)
        mapping: dict[str, object] = {
            f"{spread}_to_channels": "listed" if listed else self.spec.requests,
            "row_buffers": self.pim.row_buffers,
            "channels_used": len(work),
            f"{spread}_on_the_busiest": len(work[busiest].requests),
            "estimated_cycles_of_the_busiest": loads[busiest],
            "estimated_cycles_on_average": sum(loads) // len(loads),
            "cycles_to_stream_instead": self._streaming_cycles(),
        }
        return Plan([lowering], UNIT, mapping, self._bound(resources.pim_queues[busiest], part))

    @cached_property
    def _placed(self) -> tuple[list[CachedRequest], list[int], list[int]]:
        """Requests, or heads; the channel of each; estimated cycles of the cores by channel."""
        requests = requests_of(self.scores.shapes, self._spread())
        channels = channels_for(self.memory, requests, self.spec.requests)
        loads = [0] * self.memory.channels
        for request, channel in zip(requests, channels, strict=True):
            loads[channel] += self._work_of(request)[1]
        return requests, channels, [self._core_cycles(each) for each in loads]

    def _streaming_cycles(self) -> int:
        """Cycles of the cores in which the data buses bring all keys and values."""
        elements = sum(
            2 * shape.count * shape.context_tokens * shape.head_dim for shape in self.scores.shapes
        )
        size = elements * Fraction(self.pim.operand_bits, 8)
        return math.ceil(size / self.planning.builder.resources.bytes_per_cycle)

    def _spread(self) -> Literal["requests", "heads"]:
        """What is on one channel as a whole."""
        if any(shape.channel is not None for shape in self.scores.shapes):
            return "requests"
        if self.spec.spread == "auto":
            return "heads" if by_head(self.device) else "requests"
        return self.spec.spread

    def _work_of(self, request: CachedRequest) -> tuple[list[Chunk], int]:
        """A request's chunks as if its rows began at 0, and the cycles that they should take.

        Found out once for requests that are as long.
        """
        alike = replace(request, channel=None)
        if alike not in self.known:
            chunks = chunks_of(self.device, request, FIRST_ROW)
            cycles = cycles_of(self.device, chunks) + sums_cycles(self.device, request)
            self.known[alike] = moved(chunks, -FIRST_ROW), cycles
        return self.known[alike]

    def _core_cycles(self, cycles: int) -> int:
        """Cycles of the memory in those of the cores."""
        clock_fs = self.device.timing.clock_ps * 1000
        return math.ceil(Fraction(cycles * clock_fs, self.planning.builder.resources.period_fs))

    def _check_fit(self, runs: list[Run]) -> None:
        try:
            check_fit(self.device, self.memory.controller, runs)
        except ValueError as error:
            raise CyclelabError(str(error)) from None

    def _appended_bytes(self, requests: int, heads: int) -> int:
        """Bytes of the bursts that new values take beyond their own; 0 as published."""
        if self.spec.writes == "as_published":
            return 0
        elements = requests * heads * self.scores.shapes[0].head_dim
        return elements * self.device.burst_bytes - -(-elements * self.pim.operand_bits // 8)

    def _places(self) -> dict[str, Place | None]:
        place, job = self.planning.place, self.job
        return {
            "queries": place(job, [self.queries]),
            "probabilities": place(job, [self.probabilities]),
            "values": place(job, [self.values]),
            "sums": place(job, [self.scores.outputs[0]]) if sums_in_banks(self.device) else None,
            "outputs": place(job, job.facts.stored()),
        }

    def _bound(self, primary: int, part: PimAttentionPart) -> Elsewhere:
        peak = peak_macs_per_cycle(self.memory, self.planning.builder.resources.period_fs)
        macs = sum(op.macs for op in self.job.kernel.operators)
        return Elsewhere(primary, math.ceil(macs / peak), peak, 0, part.stored_bytes)


def _runs(chunks: list[Chunk]) -> list[Run]:
    return [run for chunk in chunks for run in (*chunk.scores, *chunk.contexts)]
