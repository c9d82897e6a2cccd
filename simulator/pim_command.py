"""What `cyclelab pim` does: a GEMV on the units of one DRAM channel."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simulator.gemv import load_units, run_gemv
from simulator.report.pim.result import PimRun
from simulator.terminal import STANDARD_OUTPUT, check_writable, whole_number, write_findings


def pim(options: argparse.Namespace) -> None:
    """Simulate, print the summary, write what was asked for."""
    from simulator.report.files import picture_format

    setup = load_units(options.device, options.set, options.refresh)
    if options.picture:
        picture_format(Path(options.picture))
    check_writable(options.output)
    run = run_gemv(
        setup,
        whole_number(options.outputs, "OUTPUTS"),
        whole_number(options.inputs, "INPUTS"),
        None if options.segment is None else whole_number(options.segment, "--segment"),
        options.reads,
        options.values,
    )
    if not options.quiet and options.json != STANDARD_OUTPUT:
        from simulator.report.console import wants_colour
        from simulator.report.pim.console import pim_summary

        print(pim_summary(run, colour=wants_colour(sys.stdout)))
    _write(options, run)


def _write(options: argparse.Namespace, run: PimRun) -> None:
    from simulator.report.pim.document import to_json
    from simulator.report.pim.files import write_outputs, write_picture

    write_findings(
        options,
        lambda: to_json(run),
        lambda path: write_picture(run, path),
        lambda folder, plots: write_outputs(run, folder, plots),
    )
