"""What each command of `cyclelab` does; `cli` parses, this acts."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from simulator.config import KINDS, CyclelabError, Spec, find, list_presets, nearest
from simulator.config.plugins import PluginError, Registry
from simulator.config.resources import preset_origin, refused_presets
from simulator.report.files import read_result, write_outputs
from simulator.report.result import Result
from simulator.terminal import (
    STANDARD_OUTPUT,
    Progress,
    check_writable,
    say_written,
    write_text,
)


def run(options: argparse.Namespace) -> None:
    """`cyclelab run`: simulate, print the summary, write what was asked for."""
    from simulator.experiment import load_experiment

    experiment = load_experiment(options.experiment, _overrides(options))
    output = experiment.spec.output
    check_writable(options.output or (output.directory if output else None))
    result = _simulate(experiment)
    if not options.quiet and options.json != STANDARD_OUTPUT:
        _print_summary(result)
    _write(options, result, plots=not options.no_plots)
    if output is not None and options.output is None:
        written = write_outputs(result, output.directory, plots=False)
        if output.picture is not None and not options.no_plots:
            written.append(_write_picture(result, Path(output.directory) / output.picture))
        _say_written(options, written)


def serve(options: argparse.Namespace) -> None:
    """`cyclelab serve`: requests that come and go, iteration by iteration."""
    from simulator.serve_command import serve as serve_requests

    serve_requests(options, _overrides(options))


def gemm(options: argparse.Namespace) -> None:
    """`cyclelab gemm M N K`: one GEMM, summarised."""
    from simulator.experiment import gemm_experiment

    m, n, k = (_size(options, name) for name in ("M", "N", "K"))
    check_writable(options.output)
    result = _simulate(gemm_experiment((m, n, k), options.machine, _overrides(options)))
    if options.json != STANDARD_OUTPUT:
        _print_summary(result)
    _write(options, result, plots=not options.no_plots)


def explain(options: argparse.Namespace) -> None:
    """`cyclelab explain`: simulate (or read a result) and put the times into words."""
    from simulator.experiment import load_experiment
    from simulator.report.dram_words import has_dram
    from simulator.report.explain import explain as in_words
    from simulator.report.explain import memory_in_words
    from simulator.runner import ideal_seconds

    if options.result:
        result = read_result(options.experiment)
    else:
        experiment = load_experiment(options.experiment, _overrides(options))
        result = _simulate(experiment)
    print(in_words(result, options.operator, options.phase))
    if not options.result and has_dram(result):
        print("\n".join(memory_in_words(result, ideal_seconds(experiment), options.phase)))


def show(options: argparse.Namespace) -> None:
    """`cyclelab list`: presets of a kind, a line each."""
    kinds: dict[str, Callable[[], list[tuple[str, str]]]] = {
        kind: lambda kind=kind: _presets(kind)  # type: ignore[misc]
        for kind in KINDS
    }
    kinds["units"] = _units
    kinds["multipliers"] = _multipliers
    kinds["importers"] = _importers
    kinds["formats"] = _formats
    if options.what != "all" and options.what not in kinds:
        hint = nearest(options.what, kinds)
        raise CyclelabError(
            f"nothing called {options.what!r} to list; known: {', '.join(sorted(kinds))}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
    for kind, rows in kinds.items():
        if options.what in ("all", kind):
            found = rows()
            width = max((len(name) for name, _ in found), default=0)
            print(f"{kind}:")
            for name, description in found:
                print(f"  {name:<{width}}  {description}".rstrip())


def schema(options: argparse.Namespace) -> None:
    """`cyclelab schema`: the JSON schema of an experiment, a machine or a DRAM device."""
    from simulator.config import json_schema
    from simulator.experiment import PRESETS, ExperimentSpec
    from simulator.hardware.dram.spec import DramDeviceSpec
    from simulator.hardware.machine import MachineSpec

    models: dict[str, tuple[type[Spec], Mapping[str, str]]] = {
        "experiment": (ExperimentSpec, PRESETS),
        "machine": (MachineSpec, {}),
        "dram": (DramDeviceSpec, {}),
    }
    if options.what not in models:
        raise CyclelabError(f"no schema for {options.what!r}; known: {', '.join(models)}")
    model, presets = models[options.what]
    text = json.dumps(json_schema(model, presets), indent=2)
    if options.output:
        write_text(Path(options.output), text + "\n")
        print(f"wrote {options.output}")
    else:
        print(text)


def pim(options: argparse.Namespace) -> None:
    """`cyclelab pim`: a GEMV on the units of a DRAM channel."""
    from simulator.pim_command import pim as simulate

    simulate(options)


def sram(options: argparse.Namespace) -> None:
    """`cyclelab sram`: a LUT-GEMV on one SRAM array."""
    from simulator.sram_command import sram as simulate

    simulate(options)


def dram(options: argparse.Namespace) -> None:
    """`cyclelab dram`: a trace of requests on a DRAM device."""
    from simulator.dram_command import dram as simulate

    simulate(options)


def cost(options: argparse.Namespace) -> None:
    """`cyclelab cost`: the bill of a machine or a unit."""
    from simulator.cost_command import cost as price

    price(options)


def compare(options: argparse.Namespace) -> None:
    """`cyclelab compare`: cases of an experiment side by side."""
    from simulator.compare_command import compare as run_comparison

    run_comparison(options)


def sweep(options: argparse.Namespace) -> None:
    """`cyclelab sweep`: many points of an experiment, kept in a store."""
    from simulator.sweep_command import sweep as run_sweep

    run_sweep(options)


def reproduce(options: argparse.Namespace) -> None:
    """`cyclelab reproduce`: a study of published numbers, or the list of all."""
    from simulator.published.studies import studies, study_named
    from simulator.published.table import document, markdown, text

    if options.study is None:
        if options.markdown or options.json:
            option = "--markdown" if options.markdown else "--json"
            raise CyclelabError(f"{option} shows a study: give its name, as `reproduce` lists it")
        names = studies()
        width = max(map(len, names), default=0)
        print("\n".join(f"{name:<{width}}  {study_named(name).title}" for name in names))
        return
    study = study_named(options.study)
    found = study.run()
    if options.json:
        data = json.dumps(document(study, found), indent=2) + "\n"
        if options.json == STANDARD_OUTPUT:
            sys.stdout.write(data)
        else:
            write_text(Path(options.json), data)
            print(f"wrote {options.json}")
    else:
        sys.stdout.write(markdown(found) if options.markdown else text(study, found))


COMMANDS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    "run": run,
    "serve": serve,
    "gemm": gemm,
    "explain": explain,
    "dram": dram,
    "pim": pim,
    "sram": sram,
    "cost": cost,
    "compare": compare,
    "sweep": sweep,
    "reproduce": reproduce,
    "list": show,
    "schema": schema,
}


# -- pieces ----------------------------------------------------------------------


def _overrides(options: argparse.Namespace) -> list[str]:
    extra = ["simulation.every_event=true"] if options.every_event else []
    return [*options.set, *extra]


def _simulate(experiment: object) -> Result:
    """Run with a progress bar if it takes long and a person is watching."""
    from simulator.experiment import Experiment
    from simulator.runner import run_experiment

    assert isinstance(experiment, Experiment)
    if not sys.stderr.isatty():
        return run_experiment(experiment)
    bar = Progress()
    try:
        return run_experiment(experiment, bar.update)
    finally:
        bar.close()


def _print_summary(result: Result) -> None:
    from simulator.report.console import summary, wants_colour

    print(summary(result, colour=wants_colour(sys.stdout)))


def _write(options: argparse.Namespace, result: Result, plots: bool) -> None:
    if options.json:
        from simulator.report.serialise import to_json

        if options.json == STANDARD_OUTPUT:
            sys.stdout.write(to_json(result))
        else:
            write_text(Path(options.json), to_json(result))
            print(f"wrote {options.json}")
    if options.output:
        _say_written(options, write_outputs(result, options.output, plots=plots))


def _say_written(options: argparse.Namespace, written: list[Path]) -> None:
    """Say which files there are, unless the result is what is printed."""
    if options.json != STANDARD_OUTPUT:
        say_written(written)


def _write_picture(result: Result, path: Path) -> Path:
    from simulator.report.plots import plot_overview
    from simulator.report.plots.style import image

    kind = path.suffix.lstrip(".")
    if kind not in ("png", "svg"):
        raise CyclelabError(f"output.picture: {path.name!r} is neither .png nor .svg")
    try:
        path.write_bytes(image(plot_overview(result), kind))  # type: ignore[arg-type]
    except OSError as error:
        raise CyclelabError(f"cannot write {path}: {error.strerror or error}") from None
    return path


def _size(options: argparse.Namespace, name: str) -> int:
    from simulator.workload.model import LARGEST_SIZE

    text = getattr(options, name)
    value = _scalar(text, f"{name}={text}")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST_SIZE:
        expected = f"a whole number from 1 to {LARGEST_SIZE}"
        raise CyclelabError(f"{name}: found {text!r}, expected {expected}")
    return value


def _scalar(text: str, where: str) -> object:
    from simulator.config import parse_document

    document = parse_document(f"setting: {text}\n", where)
    return document.data["setting"]


def _presets(kind: str) -> list[tuple[str, str]]:
    rows = []
    for name in list_presets(kind):
        origin = preset_origin(kind, name)
        try:
            words = _describe(kind, name)
        except CyclelabError as error:
            if origin is None:
                raise
            words = str(error).splitlines()[0]
        rows.append((name, words if origin is None else f"{words} ({origin})"))
    return [*rows, *(("-", words) for words in refused_presets(kind))]


def _describe(kind: str, name: str) -> str:
    """One line about a preset, from its own description."""
    if kind == "models":
        from simulator.workload import find_model, parameters

        return f"{parameters(find_model(name)) / 1e9:.2f} G parameters"
    if kind in (
        "machines",
        "technologies",
        "experiments",
        "dram",
        "sram_latencies",
        "comparisons",
        "sweeps",
        "published",
        "lengths",
    ):
        from simulator.config import load_document

        data = load_document(find(kind, name)).data
        return str(data.get("description") or data.get("title") or data.get("name", ""))
    if kind == "sram_arrays":
        from simulator.hardware.sram_pim import SramPim
        from simulator.hardware.sram_pim.load import load_array

        spec = load_array(name).spec
        return f"{SramPim(spec).title}, {spec.input_format} × {spec.weight_format}"
    if kind == "dram_traces":
        from simulator.hardware.dram.trace_file import trace_title

        return trace_title(find(kind, name))
    return ""


def _formats() -> list[tuple[str, str]]:
    from simulator.numerics import format_rows

    return format_rows()


def _units() -> list[tuple[str, str]]:
    from simulator.hardware.matrix_unit import MATRIX_UNITS

    return _registered(MATRIX_UNITS)


def _multipliers() -> list[tuple[str, str]]:
    from simulator.hardware.systolic_array.multipliers import MULTIPLIERS

    return _registered(MULTIPLIERS)


def _importers() -> list[tuple[str, str]]:
    from simulator.workload.importers import IMPORTERS

    return _registered(IMPORTERS)


def _registered(registry: Registry[Any]) -> list[tuple[str, str]]:
    """A line for each: its docstring's first, and where it is from, or why it cannot be used."""
    rows = []
    for name in sorted(registry):
        try:
            words = (registry[name].__doc__ or "").strip().partition("\n")[0]
            plugin = registry.plugin(name)
            rows.append((name, words if plugin is None else f"{words} ({plugin.origin})"))
        except PluginError as error:
            rows.append((name, str(error)))
    return [*rows, *(("-", words) for words in registry.refused())]
