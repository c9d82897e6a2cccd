"""An experiment: what it is built from, and the file that runs it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.api import load
from simulator.config import ConfigError, list_presets
from simulator.experiment import Experiment, load_experiment
from simulator.workload import load_workload


def again(experiment: Experiment, folder: Path) -> Experiment:
    """The experiment that the resolved configuration of another one describes."""
    file = folder / "configuration.yaml"
    file.write_text(yaml.safe_dump(experiment.resolved()), "utf-8")
    return load_experiment(file)


def written_out(experiment: Experiment) -> list[object]:
    """Every operator of an experiment's workload, in order, and how often it runs."""
    phases = load_workload(experiment.spec.workload).phases
    return [(p.name, s.name, s.repeat, s.operators()) for p in phases for s in p.segments]


@pytest.mark.parametrize("name", list_presets("experiments"))
def test_a_resolved_configuration_is_the_same_experiment(name: str, tmp_path: Path) -> None:
    experiment = load_experiment(name)
    assert again(experiment, tmp_path).configuration_hash() == experiment.configuration_hash()


@pytest.mark.parametrize(
    "workload",
    [
        {"model": "vit-base"},
        {"model": "mixtral-8x7b", "prefill_tokens": 8, "moe": {"seed": 3}},
        {"model": "llama-2-7b", "requests": [{"prefill_tokens": 4, "count": 2}]},
        {"gemms": [{"name": "g", "m": 1, "n": 2, "k": 3}]},
        {"topology": "bert-base-layer"},
    ],
    ids=lambda workload: next(iter(workload.values())) if isinstance(workload, dict) else None,
)
def test_defaults_written_out_change_no_workload(workload: dict[str, Any], tmp_path: Path) -> None:
    experiment = load({"name": "w", "machine": "tpuv3_core", "workload": workload})
    repeated = again(experiment, tmp_path)
    assert repeated.configuration_hash() == experiment.configuration_hash()
    assert written_out(repeated) == written_out(experiment)


def test_fixed_tilings_written_out_concern_what_they_did(tmp_path: Path) -> None:
    tiles = {"mapping.operators": {"*": {"m": 32}, "attention": {"keys": 128}}}
    mapping = again(load("llama2_7b_on_tpu", tiles), tmp_path).spec.mapping
    assert mapping.operators["*"].concerns(("m",))
    assert not mapping.operators["*"].concerns(("query_tokens", "keys"))


def test_an_experiment_extends_another(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("extends: llama2_7b_on_tpu\nname: mine\nworkload: {batch: 4}\n", "utf-8")
    mine, base = load_experiment(file), load_experiment("llama2_7b_on_tpu")
    assert mine.spec.name == "mine"
    assert mine.spec.workload == base.spec.workload.model_copy(update={"batch": 4})
    assert mine.spec.machine == base.spec.machine


def test_what_an_experiment_extends_must_exist(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nextends: llama2_7b_on_tp\n", "utf-8")
    with pytest.raises(ConfigError, match=r"mine.yaml:2: extends: .*did you mean 'llama2_7b_on_t"):
        load_experiment(file)


def test_an_experiment_does_not_extend_itself(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nextends: mine.yaml\n", "utf-8")
    with pytest.raises(ConfigError, match="circle"):
        load_experiment(file)


@pytest.mark.parametrize(
    ("device", "said"),
    [
        ("ddr5-4800", "'ddr5-4800'; known: .*; `kind: dram` simulates a device by that name"),
        ("hbm9", "knows no dram called 'hbm9'; known: .*; did you mean 'hbm3'?"),
    ],
)
def test_an_ideal_memory_is_one_that_has_prices(device: str, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"--set machine\.memory\.device=.*{said}"):
        load("llama2_7b_on_tpu", {"machine.memory.device": device})
