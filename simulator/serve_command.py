"""What `cyclelab serve` does: serve requests iteration by iteration."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from simulator.experiment import load_experiment
from simulator.report.serving.document import to_json
from simulator.report.serving.files import write_outputs, write_picture
from simulator.serving.serve import serve_experiment
from simulator.terminal import (
    STANDARD_OUTPUT,
    Progress,
    check_writable,
    say_written,
    write_findings,
)


def serve(options: argparse.Namespace, overrides: list[str]) -> None:
    """Serve, print the summary, write what was asked for."""
    from simulator.report.files import picture_format

    experiment = load_experiment(options.experiment, overrides)
    output = experiment.spec.output
    if options.picture:
        picture_format(Path(options.picture))
    check_writable(options.output or (output.directory if output else None))
    progress = Progress() if sys.stderr.isatty() else None
    try:
        result = serve_experiment(experiment, progress.update if progress else None)
    finally:
        if progress:
            progress.close()
    quiet = options.json == STANDARD_OUTPUT
    if not options.quiet and not quiet:
        from simulator.report.console import wants_colour
        from simulator.report.serving.console import serving_summary

        print(serving_summary(result, colour=wants_colour(sys.stdout)))
    write_findings(
        options,
        lambda: to_json(result),
        lambda path: write_picture(result, path),
        lambda folder, plots: write_outputs(result, folder, plots),
    )
    if output is not None and options.output is None:
        written = write_outputs(result, output.directory, plots=False)
        if output.picture is not None and not options.no_plots:
            path = Path(output.directory) / output.picture
            write_picture(result, path)
            written.append(path)
        if not quiet:
            say_written(written)
