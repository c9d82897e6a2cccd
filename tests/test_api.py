"""The Python interface: what a notebook calls."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator
from simulator.api import gemm, load, run
from simulator.config import CyclelabError
from simulator.pictures import ALBUMS, plot
from tests.mapping.small import gemms, machine_document

CHECKOUT = Path(__file__).parents[1]


def document(**changes: Any) -> dict[str, Any]:
    return {
        "name": "small GEMM",
        "machine": machine_document(),
        "workload": gemms((4, 4, 4)),
    } | changes


def test_everything_is_offered_by_the_package() -> None:
    for name in ("load", "run", "gemm", "compare", "sweep", "plot"):
        assert callable(getattr(simulator, name))
    with pytest.raises(AttributeError):
        simulator.no_such_thing  # noqa: B018


def test_run_takes_a_mapping_a_name_a_path_and_an_experiment(tmp_path: Path) -> None:
    assert run(document()).cycles == 46
    assert run(load(document())).cycles == 46
    name = {"workload.prefill_tokens": 16, "workload.decode_steps": 0}
    assert run("bert_base_on_gemmini", {"workload.prefill_tokens": 16}).cycles > 0
    file = tmp_path / "experiment.yaml"
    file.write_text(
        "name: file\nmachine: tpuv3_core\n"
        "workload: {model: llama-2-7b, prefill_tokens: 99, decode_steps: 2}\n"
    )
    assert [phase.tokens for phase in run(file, name).phases] == [16]


def test_set_changes_settings() -> None:
    # Twice the latency: 10 more cycles for the operands, 10 more for the outputs.
    assert run(document(), {"machine.memory.latency_s": 20e-9}).cycles == 46 + 20
    assert load(document(), {"workload.gemms.0.m": 8}).spec.workload.gemms[0].m == 8  # type: ignore[index, union-attr]


@pytest.mark.parametrize("value", [np.int64(8), np.float64(8.0), 8, 8.0])
def test_set_takes_numbers_of_numpy(value: Any) -> None:
    experiment = load(document(), {"machine.core.scratchpad.buffers": value})
    assert experiment.spec.machine.core.scratchpad.buffers == 8


def test_set_refuses_what_is_no_setting() -> None:
    with pytest.raises(CyclelabError, match=r"machine\.name"):
        load(document(), {"machine.name": object()})
    with pytest.raises(CyclelabError, match="give it to load"):
        run(load(document()), {"machine.cores": 2})
    with pytest.raises(CyclelabError, match="did you mean 'cores'"):
        load(document(), {"machine.core_s": 2})


def test_gemm_takes_the_formats_of_the_first_unit() -> None:
    result = gemm(4, 4, 4, machine_document(), {"workload.precision.residual": "int8"})
    assert result.cycles == 46
    assert result.operators[0].macs == 64
    precision = gemm(4, 4, 4, "gemmini_16x16").configuration["workload"]["precision"]
    assert (precision["activations"], precision["weights"]) == ("int8", "int8")


def test_sizes_may_be_numbers_of_numpy() -> None:
    formats = {"workload.precision.residual": "int8"}
    small = machine_document()
    assert gemm(np.int64(4), np.int8(4), np.float32(4), small, formats).cycles == 46  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [0, -1, 2.5, "four", None, True])
def test_gemm_of_impossible_sizes(size: Any) -> None:
    with pytest.raises(CyclelabError, match=r"gemms\.0\.n"):
        gemm(4, size, 4, machine_document())


def test_results_show_as_tables() -> None:
    result = run(document())
    frame = result.to_dataframe()
    assert len(frame) == 1 and frame["cycles"][0] == 46
    assert "46" in result._repr_html_()
    assert "46" in result.summary()


@pytest.mark.parametrize("kind", ALBUMS["simulator.report.result.Result"].pictures)
def test_plots(kind: str) -> None:
    from matplotlib.figure import Figure

    assert isinstance(plot(run(document()), kind), Figure)


def test_a_timeline_of_some_cycles() -> None:
    ax = plot(run(document()), "timeline", start_cycle=10, end_cycle=30).get_axes()[0]
    assert ax.get_xlim() == (0, 20) and "(ns)" in ax.get_xlabel()  # 20 cycles at 1 GHz


def test_unknown_plot_names_the_nearest() -> None:
    with pytest.raises(CyclelabError, match=r"'rooflin' of a run.*did you mean 'roofline'"):
        plot(run(document()), "rooflin")
    with pytest.raises(CyclelabError, match="found int, expected what came out of a run"):
        plot(3)
    with pytest.raises(CyclelabError, match="'strat_cycle' of 'timeline'; known: phase, start_cy"):
        plot(run(document()), "timeline", strat_cycle=3)
    with pytest.raises(CyclelabError, match="'phase' of 'roofline'; it has none"):
        plot(run(document()), "roofline", phase="gemms")


def test_every_picture_is_of_a_class_and_drawn_by_a_function() -> None:
    for owner, (_, pictures) in ALBUMS.items():
        for path in (owner, *pictures.values()):
            module, _, name = path.rpartition(".")
            assert callable(getattr(import_module(module), name)), path


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        (
            "simulator",
            "pydantic numpy matplotlib pandas networkx simpy yaml ml_dtypes",
        ),
        ("simulator.commands", "numpy matplotlib pandas networkx simpy simulator.hardware"),
    ],
)
def test_import_is_light(module: str, heavy: str) -> None:
    """`import simulator` loads nothing that takes time, commands only what they need."""
    code = f"import {module}, sys; print([m for m in {heavy.split()} if m in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    assert found.stdout.strip() == "[]"
