"""What `cyclelab pim` does: a GEMV on the units of one DRAM channel."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from simulator import __version__
from simulator.config import CyclelabError
from simulator.cost.dram import dram_energy
from simulator.hardware.dram.channel import announce_compilation
from simulator.hardware.dram.load import ChannelSetup, load_channel
from simulator.hardware.dram.pim.channel import simulate_runs
from simulator.hardware.dram.pim.closed_form import tile_cycles
from simulator.hardware.dram.pim.gemv import GemvLayout
from simulator.hardware.dram.pim.values import multiply, store
from simulator.report.pim.result import PimRun, ValueCheck
from simulator.terminal import STANDARD_OUTPUT, check_writable, write_findings

LOGGED_COMMANDS = 4000
SEED = 1
SETTINGS = {"controller.refresh": "staggered", "controller.read_queue": 128}
"""What the controllers of memories that compute have as NeuPIMs publishes them
(f299af3 extern/NewtonSim: ranks refreshed in turn, 128 requests per queue)."""


def pim(options: argparse.Namespace) -> None:
    """Simulate, print the summary, write what was asked for."""
    from simulator.report.dram.files import picture_format

    settings = {key: (f"the default {key}", value) for key, value in SETTINGS.items()}
    if options.refresh is not None:
        settings["controller.refresh"] = (f"--refresh {options.refresh}", options.refresh)
    setup = load_channel(options.device, options.set, settings)
    if options.picture:
        picture_format(Path(options.picture))
    check_writable(options.output)
    try:
        layout = GemvLayout(
            setup.spec.device,
            _whole(options.outputs, "OUTPUTS"),
            _whole(options.inputs, "INPUTS"),
            None if options.segment is None else _whole(options.segment, "--segment"),
        )
        run = simulate_gemv(layout, setup, options.reads, options.values)
    except ValueError as error:
        raise CyclelabError(str(error)) from None
    if not options.quiet and options.json != STANDARD_OUTPUT:
        from simulator.report.console import wants_colour
        from simulator.report.pim.console import pim_summary

        print(pim_summary(run, colour=wants_colour(sys.stdout)))
    _write(options, run)


def simulate_gemv(
    layout: GemvLayout, setup: ChannelSetup, reads_beside: bool = False, values: bool = False
) -> PimRun:
    """A GEMV on a channel. Raises ValueError if its tiles do not fit between refreshes."""
    device, controller = setup.spec.device, setup.spec.controller
    runs = layout.runs()
    announce_compilation()
    result = simulate_runs(
        device, controller, runs, reads_beside=reads_beside, log_commands=LOGGED_COMMANDS
    )
    energy = None
    if device.energy is not None:
        energy = dram_energy(device, result.commands, result.cycles, result.row_open_cycles)
    try:
        expected = sum(run.tiles * tile_cycles(device, run.segments, run.comps) for run in runs)
    except ValueError:  # rows open and close in a way that has no closed form
        expected = None
    return PimRun(
        layout=layout,
        controller=controller,
        result=result,
        reads_beside=reads_beside,
        energy_j=energy,
        expected_cycles=expected,
        values=check_values(layout) if values else None,
        configuration=setup.resolved(),
        configuration_hash=setup.configuration_hash(),
        sources=setup.sources(),
        version=__version__,
    )


def check_values(layout: GemvLayout, seed: int = SEED) -> ValueCheck:
    """Errors of the units' arithmetic with normally distributed operands, rounded to FP16."""
    generator = np.random.default_rng(seed)
    matrix = generator.standard_normal((layout.outputs, layout.inputs)).astype(np.float16)
    vector = generator.standard_normal(layout.inputs).astype(np.float16)
    found = multiply(layout, store(layout, matrix), vector).astype(np.float64)
    products = matrix.astype(np.float64) * vector.astype(np.float64)
    by_segment = products.reshape(layout.outputs, -1, layout.segment_inputs)
    exact, size = by_segment.sum(axis=2), np.abs(by_segment).sum(axis=2)
    errors = np.abs(found - exact) / np.maximum(size, np.finfo(np.float16).tiny)
    return ValueCheck(seed, exact.size, float(errors.max()), float(errors.mean()))


def _whole(text: str, option: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and int(text)):
        raise CyclelabError(
            f"{option}: found {text[:40]!r}, expected a whole number from 1 to 999,999,999"
        )
    return int(text)


def _write(options: argparse.Namespace, run: PimRun) -> None:
    from simulator.report.pim.document import to_json
    from simulator.report.pim.files import write_outputs, write_picture

    write_findings(
        options,
        lambda: to_json(run),
        lambda path: write_picture(run, path),
        lambda folder, plots: write_outputs(run, folder, plots),
    )
