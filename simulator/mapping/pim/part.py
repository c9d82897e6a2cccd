"""Attention in the memory as it is planned: whose work is where, and what is waited for."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.mapping.pim.layout import CachedRequest, Chunk
from simulator.mapping.regions import Place
from simulator.workload.bits import Bits


@dataclass(slots=True)
class ChannelWork:
    """Requests on a channel, each with its chunks."""

    channel: int
    requests: list[tuple[CachedRequest, list[Chunk]]]


@dataclass(slots=True)
class PimAttentionPart:
    """Attention of all requests, with everything needed to lower it.

    appended_bytes: written for new values beyond their own bytes. stored_bytes: of the
    output, 0 if it stays on chip. writes_queries: they go to the memory first. barrier,
    commands_per_cycle: as in `PimMappingSpec`. softmax_function: the vector function that
    makes probabilities of scores.
    """

    operator: int
    work: list[ChannelWork]
    query_bits: Bits
    probability_bits: Bits
    appended_bytes: int
    stored_bytes: int
    barrier: bool
    commands_per_cycle: int
    writes_queries: bool
    epilogue: tuple[tuple[str, float], ...]
    softmax_function: str
    places: dict[str, Place | None]


@dataclass(slots=True)
class ChannelSemaphores:
    """Of a channel.

    there: vectors that scores need are in the memory. scores, probabilities: of chunks.
    written: probabilities are in the memory, or ready to come with their runs. go: all
    channels' are, where that is waited for. appended: new values are in the memory.
    scores_left, context_left: sums are in the banks, and can be read; context: they have been.
    room: for what is read.
    """

    there: int
    scores_left: int
    context_left: int
    context: int
    room: int
    scores: int
    probabilities: int
    written: int
    go: int
    appended: int
