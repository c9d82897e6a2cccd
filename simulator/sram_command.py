"""What `cyclelab sram` does: a LUT-GEMV on one SRAM array."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simulator.config import CyclelabError
from simulator.hardware.sram_pim.load import load_array
from simulator.hardware.sram_pim.lut_gemv import MOST_BASIS_WEIGHTS
from simulator.lut_gemv import SEED, run_lut_gemv
from simulator.report.sram.result import SramRun
from simulator.terminal import STANDARD_OUTPUT, check_writable, whole_number, write_findings

TEXTS = {
    "weights": "weight_format",
    "activations": "input_format",
    "layout": "layout",
    "latencies": "latencies",
}
"""Options that are short forms of settings of the array."""


def sram(options: argparse.Namespace) -> None:
    """Count, print the summary, write what was asked for."""
    from simulator.report.files import picture_format

    seed = None if options.seed is None else whole_number(options.seed, "--seed", least=0)
    setup = load_array(options.array, options.set, _settings(options), seed)
    if seed is not None and not options.values and setup.spec.reuse is None:
        raise CyclelabError("--seed: is for what --values and --reuse draw, and neither is there")
    if options.picture:
        picture_format(Path(options.picture))
    check_writable(options.output)
    run = run_lut_gemv(
        setup,
        whole_number(options.k, "--k"),
        whole_number(options.n, "--n"),
        whole_number(options.batch, "--batch"),
        options.values,
        SEED if seed is None else seed,
    )
    if not options.quiet and options.json != STANDARD_OUTPUT:
        from simulator.report.console import wants_colour
        from simulator.report.sram.console import sram_summary

        print(sram_summary(run, colour=wants_colour(sys.stdout)))
    _write(options, run)


def _settings(options: argparse.Namespace) -> dict[str, tuple[str, object]]:
    """Settings that have an option of their own, with what messages call it."""
    found: dict[str, tuple[str, object]] = {}
    for name, key in TEXTS.items():
        text = getattr(options, name)
        if text is not None:
            found[key] = (f"--{name} {text}", text)
    if options.basis_weights is not None:
        option = "--basis-weights"
        number = whole_number(options.basis_weights, option, most=MOST_BASIS_WEIGHTS)
        found["basis_weights"] = (f"{option} {number}", number)
    if options.reuse:
        found["reuse"] = ("--reuse", {})
    return found


def _write(options: argparse.Namespace, run: SramRun) -> None:
    from simulator.report.sram.document import to_json
    from simulator.report.sram.files import write_outputs, write_picture

    write_findings(
        options,
        lambda: to_json(run),
        lambda path: write_picture(run, path),
        lambda folder, plots: write_outputs(run, folder, plots),
    )
