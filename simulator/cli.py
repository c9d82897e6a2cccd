"""The command `cyclelab`. Only argparse is imported until a command is known."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence

from simulator import __version__

COLLECT_AFTER = 20_000
"""Objects made between two searches for garbage. With Python's 700, a tenth of the time
goes into searching mappings and results, which are none."""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(
        prog="cyclelab",
        description="Cycle-level simulation of accelerators for large language models.",
    )
    parser.add_argument("--version", action="version", version=f"cyclelab {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="simulate an experiment and report it")
    _experiment_arguments(run)
    _path_argument(run, "--output", "DIR", "write JSON, CSV, timeline, plots and HTML here")
    _path_argument(run, "--json", "FILE", "write the result as JSON; - prints it")
    run.add_argument("--no-plots", action="store_true", help="draw nothing")
    run.add_argument("--quiet", action="store_true", help="print only where results went")

    serve = commands.add_parser("serve", help="serve requests, many iterations, and report it")
    _experiment_arguments(serve)
    _findings_arguments(
        serve, "write JSON, CSV and pictures here", "draw the run over time, .png or .svg"
    )

    gemm = commands.add_parser("gemm", help="simulate one GEMM [M,K]x[K,N]")
    for size in ("M", "N", "K"):
        gemm.add_argument(size, help=f"size {size}, a whole number of at least 1")
    gemm.add_argument("--machine", default="tpuv3_core", metavar="NAME", help="preset or path")
    _set_argument(gemm)
    gemm.add_argument("--every-event", action="store_true", help="simulate every repeat")
    _path_argument(gemm, "--json", "FILE", "write the result as JSON; - prints it")
    _path_argument(gemm, "--output", "DIR", "write everything here")
    gemm.add_argument("--no-plots", action="store_true", help="draw nothing")

    explain = commands.add_parser("explain", help="say in words why operators take their time")
    _experiment_arguments(explain)
    explain.add_argument(
        "--result", action="store_true", help="EXPERIMENT is a result.json to explain as it is"
    )
    explain.add_argument("operator", nargs="?", help="name or pattern, such as '*_proj'")
    explain.add_argument("--phase", metavar="NAME", help="prefill, decode, …")

    _dram_arguments(commands.add_parser("dram", help="simulate a trace of requests on a DRAM"))
    _pim_arguments(commands.add_parser("pim", help="multiply by a matrix in a DRAM that computes"))

    _sram_arguments(commands.add_parser("sram", help="multiply by look-up in an SRAM array"))

    listing = commands.add_parser("list", help="show what is there")
    listing.add_argument(
        "what",
        nargs="?",
        default="all",
        help="machines, models, units, importers, formats, technologies, experiments, dram, "
        "sram_arrays, sram_latencies, comparisons, sweeps, published, gemms, traces, lengths, "
        "dram_traces or all",
    )

    cost = commands.add_parser("cost", help="price a machine, a unit, a list of parts or a DRAM")
    kinds = "machine, unit or DRAM device: preset, kind or YAML file"
    cost.add_argument("what", metavar="WHAT", help=kinds)
    _set_argument(cost, "machine.core.matrix_units.0.rows=64, or rows=64 of a unit")
    cost.add_argument("--technology", metavar="NAME", help="preset or path")
    cost.add_argument("--sources", action="store_true", help="also print where prices come from")
    _path_argument(cost, "--json", "FILE", "write it as JSON; - prints it")
    _compare_arguments(commands.add_parser("compare", help="run machines side by side"))

    _sweep_arguments(commands.add_parser("sweep", help="run many points of an experiment"))

    reproduce = commands.add_parser("reproduce", help="put published numbers beside ours")
    reproduce.add_argument("study", nargs="?", metavar="STUDY", help="all are listed without one")
    shape = reproduce.add_mutually_exclusive_group()
    shape.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    _path_argument(shape, "--json", "FILE", "write the findings as JSON; - prints them")

    schema = commands.add_parser("schema", help="write the JSON schema of a file, for editors")
    _path_argument(schema, "--output", "FILE", "a file instead of the terminal")
    schema.add_argument("what", nargs="?", default="experiment", help="experiment, machine or dram")
    return parser


def _experiment_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", metavar="EXPERIMENT", help="YAML file or preset name")
    _set_argument(parser)
    parser.add_argument(
        "--every-event",
        action="store_true",
        help="simulate every repeat instead of skipping it; the result is the same",
    )


def _dram_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "trace", metavar="TRACE", help="file (gzip-compressed or not), name of a shipped one, or -"
    )
    parser.add_argument("--device", required=True, metavar="NAME", help="preset or path")
    parser.add_argument(
        "--format",
        default="coordinates",
        help="coordinates (arrive op pc rank bg ba row col) or addresses (arrive op address)",
    )
    parser.add_argument("--channels", metavar="N", help="channels that addresses are spread over")
    parser.add_argument(
        "--interleave", metavar="BYTES", help="addresses in a row on one channel, 256 by default"
    )
    parser.add_argument("--page", metavar="POLICY", help="open or closed")
    parser.add_argument("--refresh", metavar="POLICY", help="all_bank, per_bank or none")
    parser.add_argument("--queue", metavar="N", help="depth of the read and of the write queue")
    _set_argument(parser, "controller.write_queue=64")
    _findings_arguments(
        parser, "write JSON and pictures here", "draw the banks over time, .png or .svg"
    )


def _pim_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("outputs", metavar="OUTPUTS", help="rows of the matrix")
    parser.add_argument("inputs", metavar="INPUTS", help="its columns, operands of the vector")
    parser.add_argument("--device", required=True, metavar="NAME", help="preset or path")
    parser.add_argument(
        "--segment", metavar="N", help="inputs of one sum, such as those of a head; all by default"
    )
    parser.add_argument("--reads", action="store_true", help="a stream of reads goes on beside it")
    parser.add_argument("--refresh", metavar="POLICY", help="staggered, all_bank or none")
    parser.add_argument(
        "--values", action="store_true", help="also compute it, with random operands"
    )
    _set_argument(parser, "device.pim.timing=as_published")
    _findings_arguments(
        parser, "write JSON, timeline and pictures here", "draw the first commands, .png or .svg"
    )


def _sram_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("array", metavar="ARRAY", help="preset or path")
    parser.add_argument("--k", required=True, metavar="K", help="inputs of an output")
    parser.add_argument("--n", required=True, metavar="N", help="outputs")
    parser.add_argument("--batch", default="1", metavar="B", help="rows of inputs, 1 by default")
    parser.add_argument(
        "--basis-weights", metavar="N", help="weights per table; by default the best there are"
    )
    parser.add_argument("--weights", metavar="FORMAT", help="such as int4")
    parser.add_argument("--activations", metavar="FORMAT", help="such as int8")
    parser.add_argument("--layout", metavar="NAME", help="bit_serial or bit_parallel")
    parser.add_argument("--latencies", metavar="NAME", help="table of in-SRAM latencies")
    parser.add_argument(
        "--values", action="store_true", help="also execute it, with random operands"
    )
    parser.add_argument(
        "--reuse", action="store_true", help="count what remembering patterns would save"
    )
    parser.add_argument("--seed", metavar="N", help="of operands and activations that are drawn")
    _set_argument(parser, "rows=512")
    _findings_arguments(
        parser, "write JSON, CSV and pictures here", "draw the array's rows, .png or .svg"
    )


def _findings_arguments(parser: argparse.ArgumentParser, output: str, picture: str) -> None:
    _path_argument(parser, "--json", "FILE", "write the result as JSON; - prints it")
    _path_argument(parser, "--output", "DIR", output)
    drawing = parser.add_mutually_exclusive_group()
    _path_argument(drawing, "--picture", "FILE", picture)
    drawing.add_argument("--no-plots", action="store_true", help="draw nothing")
    parser.add_argument("--quiet", action="store_true", help="print only where results went")


def _compare_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a comparison, or two machines or more, of which an experiment may stand first; "
        "presets or YAML files. All comparisons are listed without one",
    )
    parser.add_argument(
        "--experiment",
        metavar="NAME",
        help="what the machines run; without one, a Llama-2-7B that all of them can",
    )
    parser.add_argument(
        "--equal",
        metavar="WHAT",
        help="size the main units to the area, peak or power of the first machine's, or none",
    )
    _set_argument(parser)
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    _path_argument(parser, "--json", "FILE", "write everything as JSON; - prints it")
    _path_argument(parser, "--output", "DIR", "write JSON, CSV and pictures here")


def _sweep_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "sweep",
        nargs="?",
        metavar="SWEEP",
        help="YAML file or preset, or a store, which is shown; all are listed without one",
    )
    _path_argument(parser, "--store", "FILE", "results; results/sweeps/NAME.sqlite by default")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--scheduler", metavar="ADDRESS", help="run on this Dask cluster")
    _path_argument(where, "--slurm", "FILE", "run in jobs of SLURM, as the YAML file describes")
    parser.add_argument("--workers", metavar="N", help="processes; one for each core by default")
    parser.add_argument("--limit", metavar="N", help="the most points; 100,000 by default")
    parser.add_argument("--time-limit", metavar="SECONDS", help="of a point; none by default")
    parser.add_argument("--dry-run", action="store_true", help="check all points and run none")
    _set_argument(parser)
    _path_argument(parser, "--output", "DIR", "write tables, pictures and report.html here")
    parser.add_argument("--no-plots", action="store_true", help="write tables and the page alone")
    parser.add_argument("--name", help="of a store: which of its sweeps; the last by default")
    parser.add_argument("--version", help="of a store: whose results; this version's by default")


def _path_argument(
    parser: argparse.ArgumentParser | argparse._MutuallyExclusiveGroup,
    option: str,
    metavar: str,
    text: str,
) -> None:
    parser.add_argument(option, metavar=metavar, type=_path, help=text)


def _path(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("found nothing, expected a name")
    return text


def _set_argument(
    parser: argparse.ArgumentParser, example: str = "machine.memory.latency_s=1e-6"
) -> None:
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help=f"change a setting, such as {example}; may be repeated",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status: 0, or 2 for a user's mistake."""
    options = build_parser().parse_args(arguments)
    gc.set_threshold(COLLECT_AFTER)
    from simulator.config.errors import CyclelabError

    try:
        from simulator import commands

        commands.COMMANDS[options.command](options)
        sys.stdout.flush()
    except CyclelabError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:  # a full disk below standard output; others say where they are
        if error.filename is not None:
            raise
        print(f"error: cannot write: {error.strerror or error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is left to print
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
