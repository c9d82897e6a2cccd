"""Shipped DRAM devices with changes, and channels that are run to the end."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from simulator.config import apply_overrides, list_presets, load_preset, validate
from simulator.hardware.dram.channel import Channel, ChannelResult
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.spec import DramDeviceSpec

Ints = NDArray[np.int64]

NAMES = list_presets("dram")
BINS = 16
"""Of pictures; with none, latencies are not counted one by one either."""


@cache
def device(name: str, *settings: str) -> DramDeviceSpec:
    """A shipped device, with settings such as `organisation.counts.ranks=2`."""
    document = load_preset("dram", name)
    return validate(DramDeviceSpec, apply_overrides(document, list(settings)))


@cache
def organised(name: str, **counts: int) -> DramDeviceSpec:
    """A shipped device with other counts of nodes."""
    return device(name, *(f"organisation.counts.{key}={value}" for key, value in counts.items()))


def with_bursts(name: str, bursts: int) -> DramDeviceSpec:
    """A shipped device, with longer rows if its own have fewer bursts than that."""
    spec = device(name)
    columns = spec.organisation.counts.columns
    while columns < bursts * spec.organisation.counts.prefetch:
        columns *= 2
    return organised(name, columns=columns) if spec.bursts_per_row < bursts else spec


def serve(
    spec: DramDeviceSpec, stream: Ints, controller: ControllerSpec | None = None
) -> ChannelResult:
    """What a channel does with a stream."""
    return logged(spec, stream, controller, log_commands=0)[0]


def logged(
    spec: DramDeviceSpec,
    stream: Ints,
    controller: ControllerSpec | None = None,
    log_commands: int = 60_000,
) -> tuple[ChannelResult, Ints]:
    """What a channel does with a stream, and its commands."""
    channel = Channel(spec, controller or ControllerSpec(), bins=BINS, log_commands=log_commands)
    channel.feed(stream, final=True)
    return channel.result(), channel.logged()
