"""The Python interface behind `import simulator`: load, run, serve, gemm, pim, sram.

import simulator as sim

result = sim.run("llama2_7b_on_tpu", set={"workload.batch": 2})
result                       # a table in a notebook
sim.plot(result, "roofline")
result.to_dataframe()
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.config import CyclelabError, Document, checked_size
from simulator.experiment import (
    Experiment,
    build_experiment,
    gemm_experiment,
    load_experiment,
)
from simulator.gemv import load_units, run_gemv
from simulator.hardware.sram_pim.load import load_array
from simulator.lut_gemv import SEED, run_lut_gemv
from simulator.report.pim.result import PimRun
from simulator.report.result import Result
from simulator.report.serving.result import ServingResult
from simulator.report.sram.result import SramRun
from simulator.runner import Progress, run_experiment
from simulator.serving.serve import serve_experiment


def load(
    experiment: str | Path | Mapping[str, Any], set: Mapping[str, Any] | None = None
) -> Experiment:
    """Read and check an experiment.

    experiment: a preset name, a path, or the mapping that the YAML would hold.
    set: settings to change, `{"machine.memory.latency_s": 1e-6}`.
    Raises CyclelabError with a message for a person if anything is wrong.
    """
    overrides = overrides_from(set)
    if isinstance(experiment, Mapping):
        return build_experiment(Document.from_data(experiment, "experiment"), overrides)
    return load_experiment(experiment, overrides)


def _text(key: str, value: Any) -> str:
    """A setting as it would stand on the command line; numbers of numpy are numbers."""
    try:
        return json.dumps(value, default=lambda number: number.item())
    except (AttributeError, TypeError, ValueError):
        raise CyclelabError(f"set[{key!r}]: {value!r} cannot be a setting") from None


def overrides_from(chosen: Any) -> list[str]:
    """Settings as the command line would have them; raises CyclelabError for other things."""
    if chosen is None:
        return []
    if not isinstance(chosen, Mapping):
        raise CyclelabError(f"set: found {chosen!r}, expected a mapping of key paths to values")
    return [f"{key}={_text(key, value)}" for key, value in chosen.items()]


def run(
    experiment: Experiment | str | Path | Mapping[str, Any],
    set: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Result:
    """Simulate an experiment; arguments as `load` takes them, or its outcome."""
    return run_experiment(_loaded(experiment, set), progress)


def _loaded(
    experiment: Experiment | str | Path | Mapping[str, Any], set: Mapping[str, Any] | None
) -> Experiment:
    if not isinstance(experiment, Experiment):
        return load(experiment, set)
    if set:
        raise CyclelabError("`set` changes an experiment when it is loaded: give it to load()")
    return experiment


def serve(
    experiment: Experiment | str | Path | Mapping[str, Any],
    set: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> ServingResult:
    """Serve the requests of an experiment with `serving`; arguments as `run` takes them."""
    return serve_experiment(_loaded(experiment, set), progress)


def gemm(
    m: int,
    n: int,
    k: int,
    machine: str | Mapping[str, Any] = "tpuv3_core",
    set: Mapping[str, Any] | None = None,
) -> Result:
    """Simulate one GEMM `[m, k] · [k, n]` on a machine, in the formats of its first unit.

    Formats can be chosen with `set={"workload.precision.weights": "int8"}`.
    """
    return run_experiment(gemm_experiment((m, n, k), machine, overrides_from(set)))


def pim(
    outputs: int,
    inputs: int,
    device: str,
    segment: int | None = None,
    *,
    reads: bool = False,
    values: bool = False,
    set: Mapping[str, Any] | None = None,
) -> PimRun:
    """Simulate a GEMV on the units of one channel of a memory that computes.

    outputs, inputs: rows and columns of the matrix. segment: inputs of one sum. reads: a
    stream of reads goes on beside it. values: also computes it, with random operands.
    """
    setup = load_units(device, overrides_from(set))
    return run_gemv(setup, outputs, inputs, segment, reads, values)


def sram(
    array: str | Path,
    k: int,
    n: int,
    batch: int = 1,
    *,
    values: bool = False,
    seed: int | None = None,
    set: Mapping[str, Any] | None = None,
) -> SramRun:
    """Count what a LUT-GEMV takes on one SRAM array: `batch` rows of k inputs, n outputs.

    array: a preset name or a path. values: also executes it. seed: of operands and
    activations that are drawn.
    set: settings of the array, `{"basis_weights": 4, "layout": "bit_parallel"}`.
    """
    seed = None if seed is None else checked_size(seed, "seed", least=0)
    setup = load_array(array, overrides_from(set), seed=seed)
    return run_lut_gemv(setup, k, n, batch, values, SEED if seed is None else seed)
