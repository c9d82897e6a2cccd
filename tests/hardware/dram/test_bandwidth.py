"""Streaming bandwidth against its closed form.

cycles per access = bound / (1 - (tRTP + tRP + tRFC + tRCD) / tREFI): all-bank refresh
takes that share of the time, from the last read before it to the first one after it.

What the closed form leaves out is small: the latency of the first accesses, and the part
of a refresh interval in which the stream ends; 1 % over 60 000 accesses. Conflicts in
one bank are up to 1.5 % faster: a refresh that comes while the bank would be precharged
anyway costs less than the sum.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram import workloads
from tests.hardware.dram.devices import NAMES, device, organised, serve

ACCESSES = 60_000
DEEP = ControllerSpec(read_queue=64)
"""So that a queue holds what both pseudo channels of an HBM need to keep going."""

PUBLISHED_SHARE_OF_PEAK = {
    ("ddr4-3200", 32): 0.951,
    ("ddr5-4800", 32): 0.915,
    ("gddr6-14000", 32): 0.918,
    ("hbm2-2000", 32): 0.897,
    ("hbm3-6400", 32): 0.832,
    ("hbm3-6400", 64): 0.896,
    ("lpddr5-6400", 32): 0.934,
}
"""Of Ramulator 2.1 (commit c5b1c3a), reads in bank-group-interleaved sequence."""


def timing(spec: DramDeviceSpec, *names: str) -> int:
    """The first timing that the device has of some that mean the same."""
    return next(spec.timing.cycles[name] for name in names if name in spec.timing.cycles)


def refresh_leaves(spec: DramDeviceSpec) -> float:
    """Share of the time that all-bank refresh leaves to accesses."""
    lost = timing(spec, "nRTP", "nRTPL") + timing(spec, "nRP")
    lost += timing(spec, "nRFC", "nRFCab") + timing(spec, "nRCD", "nRCDRD")
    return 1 - lost / timing(spec, "nREFI")


def all_pseudo_channels(spec: DramDeviceSpec, kind: str) -> NDArray[np.int64]:
    """The stream of a kind on each pseudo channel, taking turns."""
    count = spec.organisation.counts.pseudo_channels
    stream = workloads.KINDS[kind](workloads.Shape.of(spec), ACCESSES // count)
    stream = np.repeat(stream, count, axis=0)
    stream[:, 2] += np.arange(len(stream)) % count * (spec.banks // count)
    return stream


def cycles_per_access(spec: DramDeviceSpec, kind: str, controller: ControllerSpec) -> float:
    stream = all_pseudo_channels(spec, kind)
    stream[:, 3] %= spec.organisation.counts.rows
    return serve(spec, stream, controller).cycles / len(stream)


@pytest.mark.parametrize("name", NAMES)
def test_a_stream_over_bank_groups_fills_the_data_bus(name: str) -> None:
    spec = device(name)
    bound = spec.burst_cycles / spec.organisation.counts.pseudo_channels
    expected = bound / refresh_leaves(spec)
    assert cycles_per_access(spec, "seqbg", DEEP) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("name", NAMES)
def test_conflicts_in_one_bank_take_a_row_cycle_each(name: str) -> None:
    """AttAcc's nRAS + nRP, a cycle more than its nRC, is the longer one."""
    spec = device(name)
    bound = timing(spec, "nRC") / spec.organisation.counts.pseudo_channels
    expected = bound / refresh_leaves(spec)
    tolerance = 0.02 if spec.standard == "HBM3_PIM" else 0.015
    assert cycles_per_access(spec, "conflict", DEEP) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_one_access_per_row_is_bound_by_activations(name: str) -> None:
    """max(tRRD, tFAW / 4) per pseudo channel; in HBM, ACT and PRE share the row bus of all.

    Where four activations in tFAW are the bound, another command that has their cycle
    holds them up for good: by up to 3 % with the one command bus of DDR4, and with
    HBM3's row bus, which two pseudo channels share and which activates on rising edges.
    """
    spec = device(name)
    bound = max(timing(spec, "nRRDS"), timing(spec, "nFAW") / 4)
    bound /= spec.organisation.counts.pseudo_channels
    if spec.commands["PRE"].bus == "row":
        bound = max(bound, spec.commands["PRE"].clocks + spec.commands["ACT"].clocks)
    tolerance = 0.03 if spec.standard in ("DDR4", "HBM3") else 0.01
    expected = bound / refresh_leaves(spec)
    assert cycles_per_access(spec, "rowrot", DEEP) == pytest.approx(expected, rel=tolerance)


@pytest.mark.parametrize(("name", "queue"), PUBLISHED_SHARE_OF_PEAK)
def test_share_of_the_peak_that_is_published(name: str, queue: int) -> None:
    spec = device(name)
    stream = all_pseudo_channels(spec, "seqbg")
    result = serve(spec, stream, ControllerSpec(read_queue=queue))
    seconds = result.cycles * spec.timing.clock_ps * 1e-12
    share = len(stream) * spec.burst_bytes / seconds / spec.peak_bytes_per_s
    assert share == pytest.approx(PUBLISHED_SHARE_OF_PEAK[name, queue], abs=0.015)


@pytest.mark.parametrize("name", NAMES)
def test_no_stream_exceeds_the_peak(name: str) -> None:
    spec = device(name)
    stream = all_pseudo_channels(spec, "seqbg")
    result = serve(spec, stream, ControllerSpec(refresh="none", read_queue=64))
    ideal = len(stream) * spec.burst_cycles / spec.organisation.counts.pseudo_channels
    assert ideal < result.cycles < 1.01 * ideal + 200
    assert result.busy_cycles == len(stream) * spec.burst_cycles


@pytest.mark.parametrize("name", ["ddr4-3200", "hbm2-2000", "hbm3-6400", "lpddr5-6400"])
def test_bank_groups_in_turn_are_faster_than_one(name: str) -> None:
    """In one bank group column commands are nCCDL apart, in different ones nCCDS."""
    spec = organised(name, pseudo_channels=1)
    shape = workloads.Shape.of(spec)
    stream = workloads.seqbg(shape, ACCESSES)
    stream[:, 2] %= shape.banks
    cycles = serve(spec, stream, ControllerSpec(refresh="none")).cycles
    assert cycles / ACCESSES == pytest.approx(timing(spec, "nCCDL"), rel=0.01)
