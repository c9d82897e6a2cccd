"""Traces of one request per line, read as a stream: memory does not grow with their length.

`coordinates`: `arrive op pc rank bg ba row col`, where col is the burst of the row.
`addresses`: `arrive op address`, bytes from the start of the channel or channels.
Numbers are decimal or `0x…`, operations R or W; `#` starts a comment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.config import ConfigError, CyclelabError
from simulator.hardware.dram.address import address_slices, decode, xor_slices
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.spec import DramDeviceSpec
from simulator.hardware.dram.trace_file import BLOCK_BYTES, TraceFile
from simulator.hardware.dram.trace_lines import FormatName, LineRules

Ints = NDArray[np.int64]
CHUNK_REQUESTS = 100_000
INTERLEAVE_BYTES = 256
MOST_CHANNELS = 256


@dataclass(frozen=True)
class Interleaving:
    """How addresses are spread over channels of a device: blocks of `block_bytes` in turn.

    Raises CyclelabError if the channels are no power of two, or blocks do not hold
    whole bursts, or do not fit a channel.
    """

    device: DramDeviceSpec
    channels: int
    block_bytes: int

    def __post_init__(self) -> None:
        n, block, device = self.channels, self.block_bytes, self.device
        if not 1 <= n <= MOST_CHANNELS or n & (n - 1):
            raise CyclelabError(
                f"--channels: found {n}, expected a power of two from 1 to {MOST_CHANNELS}"
            )
        if not device.burst_bytes <= block <= device.capacity_bytes or block & (block - 1):
            raise CyclelabError(
                f"--interleave: found {block}, expected a power of two from {device.burst_bytes} "
                f"bytes (a burst of {device.name}) to {device.capacity_bytes} (a channel)"
            )

    def split(self, addresses: Ints) -> tuple[Ints, Ints]:
        """Channel, and number of the burst within it, of each byte address."""
        block, inside = addresses // self.block_bytes, addresses % self.block_bytes
        own = block // self.channels * self.block_bytes + inside
        return block % self.channels, own // self.device.burst_bytes


class TraceReader:
    """Requests of a trace, chunk by chunk, as channels are fed with them.

    form: what the columns are. channels, interleave_bytes: of addresses (see
        `Interleaving`). block_bytes, chunk_requests: read, and handed on, at once.
    After the last chunk, `requests` and `last_arrival` are of the whole trace.
    Raises CyclelabError if the settings do not fit each other.
    """

    def __init__(
        self,
        device: DramDeviceSpec,
        controller: ControllerSpec,
        form: FormatName = "coordinates",
        *,
        channels: int = 1,
        interleave_bytes: int | None = None,
        block_bytes: int = BLOCK_BYTES,
        chunk_requests: int = CHUNK_REQUESTS,
    ) -> None:
        if form == "coordinates" and (channels != 1 or interleave_bytes is not None):
            option = "--channels" if channels != 1 else "--interleave"
            raise CyclelabError(
                f"{option} spreads addresses over channels, but the trace has coordinates of one "
                "channel: leave it out, or use --format addresses"
            )
        # A burst may be larger than the usual block.
        usual = max(INTERLEAVE_BYTES, device.burst_bytes)
        block = usual if interleave_bytes is None else interleave_bytes
        self.interleaving = Interleaving(device, channels, block)
        if channels == 1 and interleave_bytes is not None:
            raise CyclelabError(
                "--interleave spreads addresses over channels, but there is one: leave it "
                "out, or give --channels"
            )
        self.rules = LineRules(form, device, channels)
        self.requests = self.last_arrival = 0
        self._block_bytes, self._chunk_requests = block_bytes, chunk_requests
        self._slices = address_slices(device, controller.address_mapping)
        self._xors = xor_slices(device, controller.address_mapping)

    def chunks(self, file: TraceFile) -> Iterator[list[Ints]]:
        """Per channel, requests as `Channel.feed` takes them.

        Raises ConfigError, with file and line, at the first line that is wrong, and
        at the end if there was no request.
        """
        for rows in self._rows(file):
            self.requests += len(rows)
            self.last_arrival = int(rows[-1, 0])
            if self.rules.form == "coordinates":
                yield [self._located(rows)]
            else:
                yield self._mapped(rows)
        if not self.requests:
            raise ConfigError("no requests: the trace is empty", file=file.label)

    def _rows(self, file: TraceFile) -> Iterator[Ints]:
        """The numbers of lines, [n, columns]."""
        from simulator.hardware.dram import trace_text as text

        limits = np.array(self.rules.limits(), dtype=np.int64)
        rows = np.zeros((self._chunk_requests, len(limits)), dtype=np.int64)
        position = np.zeros(text.P_COUNT, dtype=np.int64)
        for block in file.blocks(self._block_bytes):
            position[text.P_AT] = 0
            stopped = text.ROWS_FULL
            while stopped == text.ROWS_FULL:
                position[text.P_ROWS] = 0
                stopped = text.parse(np.frombuffer(block, np.uint8), rows, limits, position)
                if stopped == text.BAD_LINE:
                    line = block[int(position[text.P_AT]) :].partition(b"\n")[0]
                    problem = self.rules.problem(line, int(position[text.P_LAST]))
                    number = int(position[text.P_LINE]) + 1
                    raise ConfigError(problem, file=file.label, line=number)
                if position[text.P_ROWS]:
                    yield rows[: position[text.P_ROWS]].copy()

    def _located(self, rows: Ints) -> Ints:
        counts = self.rules.device.organisation.counts
        bank = rows[:, 2]
        for place, size in (
            (3, counts.ranks),
            (4, counts.bank_groups),
            (5, counts.banks_per_group),
        ):
            bank = bank * size + rows[:, place]
        return np.column_stack([rows[:, 0], rows[:, 1], bank, rows[:, 6], rows[:, 7]])

    def _mapped(self, rows: Ints) -> list[Ints]:
        channel, bursts = self.interleaving.split(rows[:, 2])
        requests = np.column_stack([rows[:, :2], *decode(self._slices, self._xors, bursts)])
        count = self.interleaving.channels
        return [requests[channel == each] for each in range(count)] if count > 1 else [requests]
