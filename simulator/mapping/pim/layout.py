"""Where a request's keys and values lie, and the runs that multiply them.

All of a request is on one channel, or all of a head. Keys: a bank's row holds some heads of
a token, banks hold different tokens, so that Q·Kᵀ has tokens as outputs and a sum per head.
Values: a bank's row holds one element of many tokens, banks hold different elements, so that
S·V has a head's elements as outputs and tokens as inputs (NeuPIMs, ASPLOS 2024, section 5).

Units that hold vectors in registers take one head at a time: its keys and its values are two
matrices, each as `GemvLayout` lays it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from simulator.config import CyclelabError
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.dram.pim.closed_form import tile_cycles
from simulator.hardware.dram.pim.gemv import (
    GemvLayout,
    Run,
    pim_of,
    row_operands,
    tile_bytes,
    usable_rows,
)
from simulator.hardware.dram.spec import DramDeviceSpec
from simulator.hardware.machine import MachineSpec
from simulator.mapping.errors import SettingError
from simulator.mapping.spec import MappingSpec
from simulator.numerics import format_named
from simulator.workload.bits import stored_bytes
from simulator.workload.operators import AttentionShape

INPUT_ROW = 0
"""Row of bank 0 that vectors are taken from, as in NeuPIMs' published simulator."""


@dataclass(frozen=True, slots=True)
class CachedRequest:
    """A request that decodes a token, or some of its heads: those share a channel.

    context: tokens with the new one. heads: of keys. query_heads: that share a head of keys.
    channel: if the workload says so.
    """

    context: int
    heads: int
    query_heads: int
    head_dim: int
    channel: int | None

    def keys(self, device: DramDeviceSpec, first_row: int = 1) -> list[GemvLayout]:
        """The keys: tokens × heads · head_dim; heads beyond a row by themselves."""
        fits = not by_head(device) and self.head_dim <= row_operands(device)
        together = self.heads if fits else 1
        found: list[GemvLayout] = []
        for _ in range(self.heads // together):
            inputs = together * self.head_dim
            one = GemvLayout(device, self.context, inputs, self.head_dim, first_row, INPUT_ROW)
            found.append(one)
            first_row += one.rows
        return found

    def values(self, device: DramDeviceSpec, first_row: int = 1) -> GemvLayout:
        """One head's values: head_dim × tokens."""
        return GemvLayout(device, self.head_dim, self.context, None, first_row, INPUT_ROW)

    def rows(self, device: DramDeviceSpec) -> int:
        """Rows of every bank that a layer's keys and values take."""
        keys = sum(layout.rows for layout in self.keys(device))
        return keys + self.heads * self.values(device).rows

    def sums(self, device: DramDeviceSpec) -> tuple[int, int]:
        """Sums that leave the units for each score, and for each element of the context."""
        return self.keys(device)[0].sums_per_output, self.values(device).sums_per_output

    @property
    def pairs(self) -> int:
        """Scores of all query heads."""
        return self.context * self.heads * self.query_heads


@dataclass(frozen=True, slots=True)
class Chunk:
    """Heads of a request whose scores come out together.

    scores: runs, for each query head that shares the heads' keys. contexts: runs of all
    heads, one after the other.
    """

    heads: int
    scores: tuple[Run, ...]
    contexts: tuple[Run, ...]


def by_head(device: DramDeviceSpec) -> bool:
    """Whether units take one head at a time, since they hold vectors in registers."""
    return pim_of(device).vector_operands is not None


def sums_in_banks(device: DramDeviceSpec) -> bool:
    """Whether sums are written to rows, from where they have to be read."""
    return pim_of(device).input == "registers"


def computing_memory(machine: MachineSpec, spec: MappingSpec) -> DramMemorySpec | None:
    """The machine's memory, if attention of decoded tokens is to run there."""
    memory = machine.memory
    if not isinstance(memory, DramMemorySpec) or memory.device.pim is None:
        return None
    return memory if spec.pim.attention != "units" else None


def peak_macs_per_cycle(memory: DramMemorySpec, period_fs: int) -> Fraction:
    """Of all units of a memory that computes, per cycle of a clock of `period_fs`."""
    pim = pim_of(memory.device)
    units = memory.channels * (memory.device.banks // pim.banks_per_unit)
    interval_fs = memory.device.cycles(pim.comp_interval) * memory.device.timing.clock_ps * 1000
    return Fraction(units * pim.lanes * period_fs, interval_fs)


def requests_of(
    shapes: Sequence[AttentionShape], spread: Literal["requests", "heads"] = "requests"
) -> list[CachedRequest]:
    """Requests one by one in the order of the shapes, or each of their heads.

    Those that the workload puts on a channel are there as a whole.
    """
    found = []
    for shape in shapes:
        whole = spread == "requests" or shape.channel is not None
        count = shape.requests if whole else shape.count
        heads = shape.count // count
        one = CachedRequest(
            shape.context_tokens, heads, shape.query_heads, shape.head_dim, shape.channel
        )
        found += [one] * count
    return found


def chunks_of(device: DramDeviceSpec, request: CachedRequest, first_row: int) -> list[Chunk]:
    """What the units do for a request whose rows begin at `first_row`."""
    layouts = request.keys(device, first_row)
    after_keys = first_row + sum(layout.rows for layout in layouts)
    per_head = request.values(device).rows
    parts: list[tuple[tuple[Run, ...], int]]
    if len(layouts) == 1 and not by_head(device) and request.head_dim <= row_operands(device):
        parts = [((run,), run.segments) for run in layouts[0].runs()]
    else:
        parts = [(layout.runs(), 1) for layout in layouts]
    found: list[Chunk] = []
    head = 0
    for scores, heads in parts:
        contexts: list[Run] = []
        for each in range(head, head + heads):
            runs = request.values(device, after_keys + each * per_head).runs()
            contexts += runs * request.query_heads
        found.append(Chunk(heads, scores * request.query_heads, tuple(contexts)))
        head += heads
    return found


def moved(chunks: list[Chunk], rows: int) -> list[Chunk]:
    """The same chunks so many rows further on."""

    def further(runs: tuple[Run, ...]) -> tuple[Run, ...]:
        return tuple(replace(run, first_row=run.first_row + rows) for run in runs)

    return [Chunk(each.heads, further(each.scores), further(each.contexts)) for each in chunks]


def estimated_cycles(device: DramDeviceSpec, request: CachedRequest) -> int:
    """Cycles of a request's runs without refresh, one after the other."""
    return cycles_of(device, chunks_of(device, request, 1)) + sums_cycles(device, request)


def sums_bytes(device: DramDeviceSpec, values: int) -> int:
    """Bytes of so many sums as they leave the units."""
    return stored_bytes(values, format_named(pim_of(device).accumulator).bits)


def sums_cycles(device: DramDeviceSpec, request: CachedRequest) -> int:
    """Cycles in which a request's sums are read from the banks, if they are left there."""
    if not sums_in_banks(device):
        return 0
    of_score, of_context = request.sums(device)
    elements = request.heads * request.query_heads * request.head_dim
    size = sums_bytes(device, request.pairs * of_score) + sums_bytes(device, elements * of_context)
    return -(-size // device.burst_bytes) * device.burst_cycles


def cycles_of(device: DramDeviceSpec, chunks: list[Chunk]) -> int:
    """Cycles of chunks' runs without refresh, one after the other."""
    return sum(
        run_cycles(device, run) for chunk in chunks for run in (*chunk.scores, *chunk.contexts)
    )


def run_cycles(device: DramDeviceSpec, run: Run) -> int:
    """Cycles of one run without refresh; vectors come beside COMPs where registers are double."""
    pim = pim_of(device)
    inputs = 0 if pim.double_buffered else run.inputs * device.cycles(pim.input_latency)
    return inputs + run.tiles * tile_cycles(device, run.segments, run.comps)


def channels_for(
    memory: DramMemorySpec,
    requests: Sequence[CachedRequest],
    policy: Literal["greedy", "round_robin"],
) -> list[int]:
    """The channel of each request.

    Raises SettingError for a request on a channel that the memory does not have.
    """
    count = memory.channels
    loads = [0] * count
    chosen = [-1] * len(requests)
    costs: dict[CachedRequest, int] = {}
    for index, request in enumerate(requests):
        if request.channel is None:
            continue
        if not 0 <= request.channel < count:
            raise SettingError(
                ("workload", "running"),
                f"a request of {request.context:,} tokens is on channel {request.channel}; the "
                f"memory has {count} channels, 0 to {count - 1} (ch_idx in the file; channels: "
                "mapped gives them new ones)",
            )
        chosen[index] = request.channel
        loads[request.channel] += _cost(memory.device, request, costs)
    open_requests = [index for index, channel in enumerate(chosen) if channel < 0]
    if policy == "round_robin":
        for turn, index in enumerate(open_requests):
            chosen[index] = turn % count
        return chosen
    for index in sorted(open_requests, key=lambda index: -requests[index].context):
        channel = min(range(count), key=loads.__getitem__)
        chosen[index] = channel
        loads[channel] += _cost(memory.device, requests[index], costs)
    return chosen


def _cost(device: DramDeviceSpec, request: CachedRequest, known: dict[CachedRequest, int]) -> int:
    if request not in known:
        known[request] = estimated_cycles(device, request)
    return known[request]


def rows_beside(memory: DramMemorySpec, weight_bytes: int) -> int:
    """Rows of every bank of a channel that are left for keys and values.

    Weights are spread over all channels, and vectors take a row.
    """
    rows = usable_rows(memory.device) - (INPUT_ROW + 1)
    return rows - -(-weight_bytes // (memory.channels * tile_bytes(memory.device)))


def place_rows(
    memory: DramMemorySpec,
    requests: Sequence[CachedRequest],
    channels: Sequence[int],
    layers: int,
    micro_batches: int = 1,
    weight_bytes: int = 0,
    what: Literal["requests", "heads"] = "requests",
) -> list[int]:
    """First row of each request's keys and values, from the middle of the banks up if they fit.

    micro_batches: of as many requests each, that lie there too. weight_bytes: of all layers.
    what: the requests are called.
    Raises CyclelabError if the rows of all layers do not fit a channel.
    """
    device = memory.device
    rows, left = usable_rows(device), rows_beside(memory, weight_bytes)
    used = [0] * memory.channels
    first = []
    for request, channel in zip(requests, channels, strict=True):
        first.append(used[channel])
        used[channel] += request.rows(device)
    fullest = max(range(memory.channels), key=used.__getitem__)
    needed = used[fullest] * layers * micro_batches
    if needed > left:
        size = tile_bytes(device)
        of_each = f" of each of {micro_batches} micro-batches" if micro_batches > 1 else ""
        raise CyclelabError(
            f"the KV cache does not fit channel {fullest} of the memory: its "
            f"{list(channels).count(fullest)} {what}{of_each} need {needed:,} rows of every "
            f"bank in {layers} layers ({needed * size:,} bytes), and beside the weights there are "
            f"{max(0, left):,} ({(needed - left) * size:,} bytes missing); use a smaller batch or "
            "more channels"
        )
    return [
        min(rows // 2, rows - used[channel]) + row
        for row, channel in zip(first, channels, strict=True)
    ]
