"""A GEMV on the units of one DRAM channel: from names to what it found out."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from simulator import __version__
from simulator.config import CyclelabError, checked_size
from simulator.cost.dram import dram_energy
from simulator.hardware.dram.channel import announce_compilation
from simulator.hardware.dram.load import ChannelSetup, load_channel
from simulator.hardware.dram.pim.channel import simulate_runs
from simulator.hardware.dram.pim.closed_form import tile_cycles
from simulator.hardware.dram.pim.gemv import GemvLayout
from simulator.hardware.dram.pim.values import multiply, store
from simulator.report.pim.result import PimRun, ValueCheck

LOGGED_COMMANDS = 4000
SEED = 1
VALUE_BITS = 16
SETTINGS = {"controller.refresh": "staggered", "controller.read_queue": 128}
"""What the controllers of memories that compute have as NeuPIMs publishes them
(f299af3 extern/NewtonSim: ranks refreshed in turn, 128 requests per queue)."""


def load_units(
    device: str, overrides: Iterable[str] = (), refresh: str | None = None
) -> ChannelSetup:
    """A channel whose controller has `SETTINGS` unless `overrides` say otherwise.

    refresh: in place of theirs. Raises ConfigError as `load_channel` does.
    """
    settings: dict[str, tuple[str, object]] = {
        key: (f"the default {key}", value) for key, value in SETTINGS.items()
    }
    if refresh is not None:
        settings["controller.refresh"] = (f"--refresh {refresh}", refresh)
    return load_channel(device, overrides, settings)


def run_gemv(
    setup: ChannelSetup,
    outputs: int,
    inputs: int,
    segment: int | None = None,
    reads_beside: bool = False,
    values: bool = False,
) -> PimRun:
    """A matrix of `outputs` × `inputs` times a vector on a channel.

    segment: inputs of one sum. reads_beside: a stream of reads goes on beside it. values:
    also computes it, with random operands. Raises CyclelabError for what cannot be.
    """
    outputs, inputs = checked_size(outputs, "outputs"), checked_size(inputs, "inputs")
    segment = None if segment is None else checked_size(segment, "segment")
    pim = setup.spec.device.pim
    if values and pim is not None and pim.operand_bits != VALUE_BITS:
        raise CyclelabError(
            f"values are computed with FP16 operands, but device.pim.operand_bits is "
            f"{pim.operand_bits}"
        )
    try:
        layout = GemvLayout(setup.spec.device, outputs, inputs, segment)
        return simulate_gemv(layout, setup, reads_beside, values)
    except ValueError as error:
        raise CyclelabError(str(error)) from None


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
