"""What `cyclelab compare` does: cases of an experiment side by side."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from simulator.config import CyclelabError, find, load_document
from simulator.explore.compare import CannotRunError
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


def compare(options: argparse.Namespace) -> None:
    """Run a comparison, print its tables, write what was asked for; or list all there are."""
    change = {} if options.equal is None else {"equal": equal_named(options.equal)}
    if not options.names:
        if options.experiment is not None:
            raise CyclelabError(f"--experiment: no machines are named that are to run it: {FORM}")
        _list()
        return
    spec = requested(options.names, options.experiment, options.set).model_copy(update=change)
    check_writable(options.output)
    if options.json and options.json != STANDARD_OUTPUT:
        check_writable(str(Path(options.json).parent))
        if Path(options.json).is_dir():
            raise CyclelabError(f"--json: {options.json} is a folder, expected a file")
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
    return f"{error.case} cannot run {spec.name}: {error.reason}; {OTHER_WORKLOADS}"


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
