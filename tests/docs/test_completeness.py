"""The reference pages name every key, command and option."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from simulator.cli import build_parser
from simulator.config import list_presets
from simulator.experiment import ExperimentSpec
from simulator.explore.spec import ComparisonSpec
from simulator.hardware.cpu import CpuSpec
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.energy_spec import DramEnergySpec
from simulator.hardware.dram.load import load_device
from simulator.hardware.dram.spec import DramDeviceSpec
from simulator.hardware.fusible_array import FusibleArraySpec
from simulator.hardware.gpu import GpuSpec
from simulator.hardware.lut_tensor_core import LutTensorCoreSpec
from simulator.hardware.npu import NpuSpec
from simulator.hardware.sram_pim import SramPimSpec
from simulator.hardware.systolic_array import SystolicArraySpec
from simulator.hardware.tensor_core import TensorCoreSpec
from simulator.mapping import MappingSpec
from simulator.workload import WorkloadSpec
from simulator.workload.serving.spec import ServingSpec
from tests.docs.pages import ROOT, blocks, prose


def keys(model: type[BaseModel]) -> Iterator[str]:
    """Keys of a spec and of the specs in it."""
    for name, field in model.model_fields.items():
        yield name
        for inner in specs(field.annotation):
            yield from keys(inner)


def specs(annotation: Any) -> Iterator[type[BaseModel]]:
    """The specs that a type is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from specs(argument)


def words(*pages: str) -> set[str]:
    """Words inside of code on some pages."""
    files = [ROOT / "docs" / page for page in pages]
    code = [block.text for file in files for block in blocks(file, "yaml", "bash", "console")]
    code += [inline for file in files for inline in re.findall(r"`[^`]+`", prose(file))]
    return set(re.findall(r"[\w-]+", " ".join(code)))


@pytest.mark.parametrize(
    ("model", "pages"),
    [
        (NpuSpec, ("machines.md", "dram.md", "pim.md", "cost.md")),
        (GpuSpec, ("machines.md", "gpu.md", "dram.md", "pim.md", "cost.md")),
        (CpuSpec, ("machines.md", "cpu.md", "sram_pim.md", "dram.md", "pim.md", "cost.md")),
        (SystolicArraySpec, ("systolic_arrays.md",)),
        (LutTensorCoreSpec, ("lut_tensor_cores.md",)),
        (TensorCoreSpec, ("tensor_cores.md",)),
        (FusibleArraySpec, ("fusible_arrays.md", "systolic_arrays.md")),
        (SramPimSpec, ("sram_pim.md",)),
        (MappingSpec, ("mapping.md",)),
        (WorkloadSpec, ("workloads.md", "experiments.md")),
        (ServingSpec, ("serving.md",)),
        (ComparisonSpec, ("compare.md",)),
        (ControllerSpec, ("dram.md",)),
    ],
)
def test_every_key_is_described(model: type[BaseModel], pages: tuple[str, ...]) -> None:
    assert set(keys(model)) <= words(*pages)


def test_every_key_of_a_dram_device_is_described() -> None:
    found = set(keys(DramDeviceSpec)) - set(keys(DramEnergySpec))
    assert found | {"energy"} <= words("dram.md", "pim.md")


def test_every_dram_device_is_listed_with_its_peak() -> None:
    page = (ROOT / "docs" / "dram.md").read_text("utf-8")
    for name in list_presets("dram"):
        peak = load_device(name).peak_bytes_per_s / 1e9
        assert f"| `{name}` | {peak:.1f} |" in page


def test_every_key_of_an_experiment_is_described() -> None:
    assert set(ExperimentSpec.model_fields) <= words("experiments.md")


def test_every_command_and_option_is_described() -> None:
    described = words("experiments.md", "dram.md", "pim.md", "sram_pim.md", "serving.md")
    (commands,) = (
        action
        for action in build_parser()._actions
        if isinstance(action, argparse._SubParsersAction)
    )
    assert set(commands.choices) <= described
    options = {
        option
        for parser in commands.choices.values()
        for action in parser._actions
        for option in action.option_strings
    }
    assert options - {"-h", "--help"} <= described
