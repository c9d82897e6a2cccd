"""What `cyclelab dram` does: a trace of requests through a DRAM channel, or several."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from simulator import __version__
from simulator.config import CyclelabError, nearest
from simulator.cost.dram import dram_energy
from simulator.cost.estimate import ZERO, Estimate
from simulator.hardware.dram.channel import ChannelResult
from simulator.hardware.dram.load import ChannelSetup, load_channel
from simulator.hardware.dram.replay import replay
from simulator.hardware.dram.spec import DramDeviceSpec
from simulator.hardware.dram.trace import TraceReader
from simulator.hardware.dram.trace_file import TraceFile
from simulator.hardware.dram.trace_lines import FORMATS, FormatName
from simulator.report.dram.result import TraceFacts, TraceRun
from simulator.terminal import STANDARD_OUTPUT, Progress, check_writable, write_findings

MAPPING = ("controller", "address_mapping")
Watcher = Callable[[str, float | None], None]


def dram(options: argparse.Namespace) -> None:
    """Simulate, print the summary, write what was asked for."""
    from simulator.report.files import picture_format

    setup = load_channel(options.device, options.set, _settings(options))
    if options.picture:
        picture_format(Path(options.picture))
    reader = TraceReader(
        setup.spec.device,
        setup.spec.controller,
        _format(options.format, setup),
        channels=1 if options.channels is None else _whole(options.channels, "--channels"),
        interleave_bytes=_optional(options.interleave, "--interleave"),
    )
    check_writable(options.output)
    run = _watched(options.trace, setup, reader)
    if not options.quiet and options.json != STANDARD_OUTPUT:
        from simulator.report.console import wants_colour
        from simulator.report.dram.console import trace_summary

        print(trace_summary(run, colour=wants_colour(sys.stdout)))
    _write(options, run)


def simulate_trace(
    trace: str, setup: ChannelSetup, reader: TraceReader, watcher: Watcher | None = None
) -> TraceRun:
    """Read and simulate a trace; `watcher` is told how far it has got.

    Raises ConfigError for whatever is wrong with the trace.
    """
    device, controller = setup.spec.device, setup.spec.controller
    with TraceFile(trace) as file:

        def progress() -> None:
            if watcher is not None:
                watcher(f"{reader.requests:,} requests", file.share_read)

        results = replay(device, controller, reader.chunks(file), progress)
        name = Path(file.label).name
    spread = reader.rules.form == "addresses"
    facts = TraceFacts(
        name=name,
        form=reader.rules.form,
        requests=reader.requests,
        last_arrival_cycle=reader.last_arrival,
        channels=len(results),
        interleave_bytes=reader.interleaving.block_bytes if spread else None,
    )
    return TraceRun(
        trace=facts,
        device=device,
        controller=controller,
        results=tuple(results),
        configuration=setup.resolved(),
        configuration_hash=setup.configuration_hash(),
        sources=setup.sources(),
        version=__version__,
        energy_j=energy(device, results),
    )


def energy(device: DramDeviceSpec, results: list[ChannelResult]) -> dict[str, Estimate] | None:
    """Joules by category of all channels until the last is done; None if the device has none."""
    if device.energy is None:
        return None
    end = max(result.cycles for result in results)
    total: dict[str, Estimate] = {}
    for result in results:
        one = dram_energy(device, result.commands, end, result.row_open_cycles)
        total = {name: total.get(name, ZERO) + part for name, part in one.items()}
    return total


def _settings(options: argparse.Namespace) -> dict[str, tuple[str, object]]:
    """Controller settings that have an option of their own."""
    settings: dict[str, tuple[str, object]] = {}
    for key in ("page", "refresh"):
        value = getattr(options, key)
        if value is not None:
            settings[f"controller.{key}"] = (f"--{key} {value}", value)
    if options.queue is not None:
        depth = _whole(options.queue, "--queue")
        for key in ("read_queue", "write_queue"):
            settings[f"controller.{key}"] = (f"--queue {options.queue}", depth)
    return settings


def _format(name: str, setup: ChannelSetup) -> FormatName:
    """The format of a trace; coordinates leave nothing to an address mapping."""
    if name not in FORMATS:
        near = nearest(name, FORMATS)
        raise CyclelabError(
            f"--format: found {name!r}, expected {' or '.join(FORMATS)}"
            + (f"; did you mean {near!r}?" if near else "")
        )
    if name == "coordinates" and setup.document.node(MAPPING) is not None:
        raise setup.document.error(
            MAPPING,
            "the trace has coordinates, no addresses: leave it out, or use --format addresses",
        )
    return name


def _optional(text: str | None, option: str) -> int | None:
    return None if text is None else _whole(text, option)


def _whole(text: str, option: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) < 18):
        raise CyclelabError(f"{option}: found {text[:40]!r}, expected a whole number")
    return int(text)


def _watched(trace: str, setup: ChannelSetup, reader: TraceReader) -> TraceRun:
    """Run with a progress bar if it takes long and a person is watching."""
    if not sys.stderr.isatty():
        return simulate_trace(trace, setup, reader)
    bar = Progress()
    try:
        return simulate_trace(trace, setup, reader, bar.update)
    finally:
        bar.close()


def _write(options: argparse.Namespace, run: TraceRun) -> None:
    from simulator.report.dram.document import to_json
    from simulator.report.dram.files import write_outputs, write_picture

    write_findings(
        options,
        lambda: to_json(run),
        lambda path: write_picture(run, path),
        lambda folder, plots: write_outputs(run, folder, plots),
    )
