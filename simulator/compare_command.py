"""What `cyclelab compare` does: cases of an experiment side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from simulator.config import CyclelabError, find, load_document
from simulator.explore.compare import UNSIZED, CannotRunError
from simulator.explore.compare import compare as run_cases
from simulator.explore.machines import FORM, OTHER_WORKLOADS, requested
from simulator.explore.outcome import Outcome
from simulator.explore.rows import csv_rows, document
from simulator.explore.spec import ComparisonSpec, comparisons, equal_named
from simulator.explore.table import markdown, text
from simulator.report.files import write_all
from simulator.report.tables import csv_text
from simulator.terminal import (
    STANDARD_OUTPUT,
    Progress,
    check_writable,
    say_written,
    write_text,
)

NEED_NAMES = ("experiment", "equal", "set", "markdown", "json", "output")
"""Options that say how to compare, and so need what is compared."""


def compare(options: argparse.Namespace) -> None:
    """Run a comparison, print its tables, write what was asked for; or list all there are."""
    change = {} if options.equal is None else {"equal": equal_named(options.equal)}
    if not options.names:
        _check_nothing_asked(options)
        _list()
        return
    spec = requested(options.names, options.experiment, options.set).model_copy(update=change)
    _check_targets(options)
    try:
        outcome = _watched(spec, options.set)
    except CannotRunError as error:
        raise CyclelabError(_with_advice(error, spec)) from None
    data = json.dumps(document(outcome), indent=2, ensure_ascii=False) + "\n"
    if options.json == STANDARD_OUTPUT:
        sys.stdout.write(data)
    else:
        sys.stdout.write(markdown(outcome) if options.markdown else text(outcome))
    if options.json and options.json != STANDARD_OUTPUT:
        write_text(Path(options.json), data)
        print(f"wrote {options.json}")
    if options.output:
        written = write_all(options.output, _contents(outcome, data))
        if options.json != STANDARD_OUTPUT:
            say_written(written)


def _check_nothing_asked(options: argparse.Namespace) -> None:
    """Without names, comparisons are listed, for which no option means anything."""
    given = [f"--{name}" for name in NEED_NAMES if getattr(options, name)]
    if given:
        raise CyclelabError(
            f"{', '.join(given)}: no names are given, expected a comparison (cyclelab compare "
            f"lists them) or machines: {FORM}"
        )


def _check_targets(options: argparse.Namespace) -> None:
    """Raise CyclelabError before a long run if what it finds could not be written."""
    file = None if options.json in (None, STANDARD_OUTPUT) else Path(options.json)
    folder = None if options.output is None else Path(options.output)
    if file is not None and folder is not None and file.resolve() == folder.resolve():
        raise CyclelabError(f"--json and --output: both are {folder}, expected a file and a folder")
    if folder is not None and folder.is_file():
        raise CyclelabError(f"--output: {folder} is a file, expected a folder")
    if file is not None and file.is_dir():
        raise CyclelabError(f"--json: {file} is a folder, expected a file")
    check_writable(options.output)
    if file is not None:
        check_writable(str(file.parent))


def _list() -> None:
    names = comparisons()
    width = max(map(len, names), default=0)
    for name in names:
        title = load_document(find("comparisons", name)).data.get("title", "")
        print(f"{name:<{width}}  {title}")


def _with_advice(error: CannotRunError, spec: ComparisonSpec) -> str:
    """What to do where machines were named; in a file, the line says it."""
    if not spec.of_machines:
        return str(error)
    start = f"{error.case} cannot run {spec.name}"
    if error.size is not None:
        return f"{start} when {error.size}: {error.reason}; {UNSIZED}"
    return f"{start}: {error.reason}; {OTHER_WORKLOADS}"


def _watched(spec: ComparisonSpec, overrides: list[str]) -> Outcome:
    """Run with a progress bar if it takes long and a person is watching."""
    if not sys.stderr.isatty():
        return run_cases(spec, overrides)
    bar = Progress()
    try:
        return run_cases(spec, overrides, bar.update)
    finally:
        bar.close()


def _contents(outcome: Outcome, data: str) -> Iterator[tuple[str, bytes]]:
    """File names with their bytes."""
    from simulator.explore.pictures import PICTURES
    from simulator.report.plots.style import image

    yield "comparison.json", data.encode()
    yield "comparison.csv", csv_text(csv_rows(outcome)).encode()
    for name, draw in PICTURES.items():
        figure = draw(outcome)
        yield f"{name}.png", image(figure, "png")
        yield f"{name}.svg", image(figure, "svg")
