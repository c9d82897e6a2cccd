"""Traces through channels: each is fed with its own requests, and the results are added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.channel import Channel, ChannelResult
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.spec import DramDeviceSpec

Ints = NDArray[np.int64]
Progress = Callable[[], None]
"""Called after each chunk of requests."""


def replay(
    device: DramDeviceSpec,
    controller: ControllerSpec,
    chunks: Iterable[list[Ints]],
    progress: Progress | None = None,
) -> list[ChannelResult]:
    """Serve chunks that hold requests per channel (as `TraceReader.chunks` makes them).

    Channels know nothing of each other: one whose queue is full holds up only its own
    requests. The first chunk is taken before the kernel is compiled, so that a wrong
    file is noticed at once.
    """
    channels: list[Channel] = []
    held: list[Ints] = []
    for chunk in chunks:
        channels = channels or [Channel(device, controller) for _ in chunk]
        for channel, requests in zip(channels, held, strict=False):
            channel.feed(requests, final=False)
        held = chunk
        if progress is not None:
            progress()
    for channel, requests in zip(channels, held, strict=True):
        channel.feed(requests, final=True)
    return [channel.result() for channel in channels]


def merged(results: list[ChannelResult]) -> ChannelResult:
    """One result of several channels: times are the longest, counts the sum.

    activity: the banks of the channels one after the other, on the coarsest of their
    scales of time.
    """
    if len(results) == 1:
        return results[0]
    reads = sum(one.reads for one in results)
    latency = sum(one.latency_mean_cycles * one.reads for one in results)
    widest = max(one.bin_cycles for one in results)
    return replace(
        results[0],
        cycles=max(one.cycles for one in results),
        reads=reads,
        writes=sum(one.writes for one in results),
        row_hits=sum(one.row_hits for one in results),
        row_misses=sum(one.row_misses for one in results),
        row_conflicts=sum(one.row_conflicts for one in results),
        forwarded_reads=sum(one.forwarded_reads for one in results),
        coalesced_writes=sum(one.coalesced_writes for one in results),
        commands={name: sum(one.commands[name] for one in results) for name in results[0].commands},
        busy_cycles=sum(one.busy_cycles for one in results),
        row_open_cycles=sum(one.row_open_cycles for one in results),
        refresh_late_cycles=max(one.refresh_late_cycles for one in results),
        latency_mean_cycles=latency / reads if reads else 0.0,
        latency_max_cycles=max(one.latency_max_cycles for one in results),
        latency_counts=np.sum([one.latency_counts for one in results], axis=0),
        activity=np.concatenate([_coarser(one, widest) for one in results], axis=1),
        bin_cycles=widest,
    )


def _coarser(result: ChannelResult, bin_cycles: float) -> Ints:
    """Activity in wider bins, as many as before; both widths are powers of two."""
    kinds, banks, bins = result.activity.shape
    factor = round(bin_cycles / result.bin_cycles)
    filled = -(-bins // factor)
    padded = np.zeros((kinds, banks, filled * factor), dtype=np.int64)
    padded[:, :, :bins] = result.activity
    wide = np.zeros_like(result.activity)
    wide[:, :, :filled] = padded.reshape(kinds, banks, filled, factor).sum(axis=3)
    return wide
