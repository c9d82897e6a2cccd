"""Random request streams, controllers and organisations, as hypothesis draws them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.spec import DramDeviceSpec
from tests.hardware.dram.devices import NAMES, device

Ints = NDArray[np.int64]

FEW_ROWS, FEW_BURSTS = 4, 8
"""So that requests meet in rows, and reads in writes that wait."""
ORGANISATIONS: dict[str, list[int | None]] = {
    "ranks": [None, 1, 2],
    "pseudo_channels": [None, 1, 2],
    "bank_groups": [None, None, None, 1],
    "banks_per_group": [None, None, None, 1],
}
FEWEST_BANKS = 8
"""With fewer, per-bank refresh would come back to a bank before it is done with it."""
REFRESH_TIMINGS = ("nRFC", "nRFCab")


class Case(NamedTuple):
    """A channel and what it is fed."""

    device: DramDeviceSpec
    controller: ControllerSpec
    stream: Ints

    def __repr__(self) -> str:
        counts = self.device.organisation.counts
        return (
            f"{self.device.name}, {counts.pseudo_channels} pseudo channels, {counts.ranks} ranks, "
            f"nREFI {self.device.timing.cycles['nREFI']}, {self.controller!r}, "
            f"{self.stream.tolist()}"
        )


@st.composite
def devices(draw: st.DrawFn) -> DramDeviceSpec:
    """A shipped device, often with other ranks, pseudo channels and a shorter tREFI."""
    name = draw(st.sampled_from(NAMES))
    settings = []
    for field, counts in ORGANISATIONS.items():
        count = draw(st.sampled_from(counts))
        settings += [f"organisation.counts.{field}={count}"] if count else []
    if draw(st.booleans()):
        cycles = device(name).timing.cycles
        longest = next(cycles[timing] for timing in REFRESH_TIMINGS if timing in cycles)
        settings.append(f"timing.cycles.nREFI={longest + draw(st.sampled_from([200, 450]))}")
    return device(name, *settings)


@st.composite
def controllers(draw: st.DrawFn, spec: DramDeviceSpec) -> ControllerSpec:
    depths = st.sampled_from([1, 2, 3, 8, 32, 64])
    low, high = draw(st.sampled_from([(0.2, 0.8), (0.1, 0.3), (0.5, 0.9), (0.7, 0.75)]))
    refresh = ["all_bank", "staggered", "none"]
    if "REFpb" in spec.commands and spec.banks >= FEWEST_BANKS:
        refresh += ["per_bank", "per_bank"]
    return ControllerSpec(
        read_queue=draw(depths),
        write_queue=draw(depths),
        write_low=low,
        write_high=high,
        scheduler=draw(st.sampled_from(["fr_fcfs", "fr_fcfs", "fcfs"])),
        row_hit_cap=draw(st.sampled_from([0, 0, 1, 4])),
        page=draw(st.sampled_from(["open", "closed"])),
        page_cap=draw(st.sampled_from([1, 2, 5])),
        refresh=draw(st.sampled_from(refresh)),
        forward_writes=draw(st.booleans()),
        requests_per_clock=draw(st.sampled_from([1, 2, 4])),
    )


@st.composite
def streams(draw: st.DrawFn, banks: int) -> Ints:
    """Pieces of up to 40 requests: near in time or not, in one row, one bank or all over."""
    arrive, rows = 0, []
    for _ in range(draw(st.integers(1, 6))):
        arrive += draw(st.sampled_from([0, 1, 7, 60, 900, 5000]))
        pace = draw(st.sampled_from([0, 0, 1, 3, 10, 50]))
        writes = draw(st.sampled_from([0, 0, 0.3, 0.5, 1]))
        spread = draw(st.sampled_from(["row", "bank", "neighbours", "all", "all"]))
        home = draw(st.integers(0, banks - 1))
        generator = np.random.default_rng(draw(st.integers(0, 2**16)))
        for _ in range(draw(st.integers(1, 40))):
            bank = home
            if spread == "neighbours":
                bank = home ^ int(generator.integers(0, min(4, banks)))
            elif spread == "all":
                bank = int(generator.integers(0, banks))
            row = 1 if spread == "row" else int(generator.integers(0, FEW_ROWS))
            burst = int(generator.integers(0, FEW_BURSTS))
            rows.append((arrive, int(generator.random() < writes), bank, row, burst))
            arrive += int(generator.integers(0, pace + 1))
    return np.array(rows, dtype=np.int64)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    spec = draw(devices())
    return Case(spec, draw(controllers(spec)), draw(streams(spec.banks)))
