"""Experiments from YAML to result: the shipped ones, and any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from simulator.config import CyclelabError, Document, list_presets
from simulator.config.presets import load_preset
from simulator.engine.errors import DeadlockError, InvariantError
from simulator.experiment import build_experiment, load_experiment
from simulator.report.result import Result
from simulator.report.serialise import to_json
from simulator.runner import run_experiment
from simulator.serving.serve import serve_experiment
from tests.mapping.random_experiments import experiments
from tests.mapping.result_laws import check_result, findings

SERVED = [n for n in list_presets("experiments") if load_experiment(n).spec.serving is not None]
SHIPPED = [n for n in list_presets("experiments") if n not in SERVED]
IDEAL = [n for n in SHIPPED if load_experiment(n).spec.machine.memory.kind == "ideal"]
"""A command-level memory never repeats, so that nothing is skipped."""
EVERY_EVENT = ("simulation.every_event=true",)
SMALLER = {
    name: ("workload.layers=2", "workload.running.repeat=1")
    for name in SHIPPED
    if name.startswith("neupims") and name not in IDEAL
}
SMALLER["neupims_gpt3_175b_b256"] = ("workload.layers=4", "workload.running.repeat=1")
"""Channels whose banks compute are simulated one by one; two layers are enough of them."""

BUFFERS = {
    "npu": "core.scratchpad.capacity_bytes",
    "gpu": "l2.capacity_bytes",
    "cpu": "llc.slice_bytes",
}
"""What holds activations, by kind of machine."""


@pytest.fixture(scope="module", params=SHIPPED)
def name(request: pytest.FixtureRequest) -> str:
    """An experiment; tests of one follow each other, and share its result."""
    return str(request.param)


@pytest.fixture(scope="module")
def result(name: str) -> Result:
    return run_experiment(load_experiment(name, SMALLER.get(name, ())))


ideal_memory = pytest.mark.parametrize("name", IDEAL, indirect=True)


def test_shipped_experiment_obeys_the_laws(result: Result) -> None:
    check_result(result)


@pytest.mark.parametrize("server", SERVED)
def test_shipped_servers_serve(server: str) -> None:
    three = ("serving.iterations=3", "workload.layers=2")
    result = serve_experiment(load_experiment(server, three))
    assert len(result.iterations) == 3 and result.generated
    assert all(0 < share <= 1 for share in result.utilisations.values())


@ideal_memory
def test_skipping_changes_nothing(name: str, result: Result) -> None:
    complete = run_experiment(load_experiment(name, EVERY_EVENT))
    assert complete.simulation["skipped_commands"] == 0
    assert result.simulation["skipped_commands"] > 0
    assert findings(result) == findings(complete)


@ideal_memory
def test_same_inputs_same_bytes(name: str, result: Result) -> None:
    assert to_json(result) == to_json(run_experiment(load_experiment(name)))


def test_every_layer_takes_as_many_bytes(result: Result) -> None:
    """Layers are alike: each instance of an operator moves and computes the same."""
    seen: dict[tuple[str, str, str], tuple[int, dict[str, int]]] = {}
    for op in result.operators:
        found = (op.macs, op.bytes)
        assert seen.setdefault((op.phase, op.block, op.name), found) == found


# -- every number says where it comes from --------------------------------------------
def numbers(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all numbers and flags below `data`."""
    if isinstance(data, dict):
        return [p for key, value in data.items() for p in numbers(value, (*path, key))]
    if isinstance(data, list):
        return [p for index, value in enumerate(data) for p in numbers(value, (*path, index))]
    return [path] if isinstance(data, int | float) else []


@pytest.mark.parametrize("machine", list_presets("machines"))
def test_every_number_of_a_machine_has_a_source(machine: str) -> None:
    document = load_preset("machines", machine)
    unsourced = set(numbers(document.data)) - set(document.sources) - {("cores",)}
    assert not unsourced
    assert all(sourced.source.strip() for sourced in document.sources.values())


def test_results_carry_the_sources(name: str, result: Result) -> None:
    sources = result.sources
    rate = "bandwidth_bytes_per_s" if name in IDEAL else "device.timing"
    assert f"machine.memory.{rate}" in sources
    assert f"machine.{BUFFERS[result.machine['kind']]}" in sources
    assert any(key.startswith("technology.") for key in sources)


# -- any experiment --------------------------------------------------------------------
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(experiments())
def test_any_experiment(
    tmp_path: Path, drawn: tuple[dict[str, Any], dict[str, Any] | None]
) -> None:
    """A message, or a result that obeys the laws and is the same with every event."""
    document, model = drawn
    if model is not None:
        path = tmp_path / "config.json"
        path.write_text(json.dumps(model))
        document["workload"]["model"] = str(path)
    try:
        experiment = build_experiment(Document.from_data(document, "experiment"))
        result = run_experiment(experiment)
    except (DeadlockError, InvariantError):
        raise
    except CyclelabError as error:
        assert str(error).strip()
        return
    check_result(result)
    again = build_experiment(Document.from_data(document, "experiment"), EVERY_EVENT)
    assert findings(run_experiment(again)) == findings(result)
