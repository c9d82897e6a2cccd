"""An experiment: the YAML file that a person writes, read, completed and checked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from simulator.config import (
    CyclelabError,
    Document,
    Spec,
    apply_overrides,
    find,
    list_presets,
    load_document,
    resolve_preset,
    validate,
)
from simulator.config.errors import KeyPath
from simulator.config.overrides import Setting, as_setting
from simulator.config.plugins import Plugin
from simulator.config.written import as_written
from simulator.cost import Technology, technology_from
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.machines import AnyMachine
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.hardware.primitives import Primitive
from simulator.mapping import MappingSpec
from simulator.workload import WorkloadSpec
from simulator.workload.importers import IMPORTERS
from simulator.workload.serving.spec import ServingSpec

PRESETS = {"machine": "machines"}
"""Keys of an experiment whose value may be the name of a preset, and the preset's kind."""


TECHNOLOGY, MACHINE_TECHNOLOGY = ("technology",), ("machine", "technology")
MEMORY = ("machine", "memory")
DEVICE = (*MEMORY, "device")
DEVICE_KEYS = {".".join((*MEMORY, key)) for key in ("kind", "device")} | {".".join(MEMORY)}


class SimulationSpec(Spec):
    """every_event: simulate repeats one by one instead of skipping them; same results.

    timeline_commands: how many commands are recorded for the timeline, shared
        equally by the phases; these are simulated one by one.
    """

    every_event: bool = False
    timeline_commands: int = Field(default=16_000, ge=0, le=10_000_000)


class OutputSpec(Spec):
    """directory: where results go, relative to the working directory.

    picture: file name of the one picture drawn in every run; all others are
        drawn when the command line asks for an output directory.
    """

    directory: str
    picture: str | None = None


class ExperimentSpec(Spec):
    """One machine, one workload, and how to bring them together.

    serving: requests that the workload's model serves (`cyclelab serve`), in place of those
        that `workload` would name.
    technology: replaces the machine's own choice: a preset, or a mapping with `extends`.
    """

    name: str
    description: str = ""
    machine: AnyMachine
    workload: WorkloadSpec
    mapping: MappingSpec = Field(default_factory=MappingSpec)
    serving: ServingSpec | None = None
    technology: str | dict[str, Any] | None = None
    simulation: SimulationSpec = Field(default_factory=SimulationSpec)
    output: OutputSpec | None = None

    @model_validator(mode="after")
    def _served(self) -> ExperimentSpec:
        if self.serving is not None:
            self.workload.check_served()
        return self


@dataclass(frozen=True)
class Experiment:
    """A checked experiment with the document it came from and its technology."""

    spec: ExperimentSpec
    document: Document
    technology: Technology
    path: Path | None

    def resolved(self) -> dict[str, Any]:
        """The whole configuration with every default filled in, as plain data.

        Its technology stands where it can be found from any folder: a preset's name, or
        absolute paths of files.
        """
        found = self.spec.model_dump(mode="json", exclude={"output"})
        chosen = MACHINE_TECHNOLOGY if self.spec.technology is None else TECHNOLOGY
        found["technology"] = as_written(self.document.locate(chosen))
        return found

    def configuration_hash(self) -> str:
        """Hash of the resolved configuration, with what its technology holds."""
        found = {**self.resolved(), "technology": self.technology.facts}
        text = json.dumps(found, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def sources(self) -> dict[str, str]:
        """Where the machine's and the technology's numbers come from, by key path."""
        lines = {
            ".".join(str(part) for part in path): sourced.source
            for path, sourced in self.document.sources.items()
        }
        memory = self.spec.machine.memory
        if isinstance(memory, DramMemorySpec):
            lines |= memory.device.sources("machine.memory.device")
        lines |= {key: f"package {plugin.origin}" for key, plugin in self.plugins().items()}
        technology = self.technology.source_lines()
        return lines | {f"technology.{key}": line for key, line in technology.items()}

    def plugins(self) -> dict[str, Plugin]:
        """What of it comes from code of other packages, by key path."""
        units = enumerate(self.spec.machine.core.matrix_units)
        found = {
            f"machine.core.matrix_units.{index}.{field}": plugin
            for index, unit in units
            for field, plugin in unit.plugins().items()
        }
        imported = self.spec.workload.imported
        if imported is not None:
            found["workload.imported.importer"] = IMPORTERS.plugin(imported.importer)
        return {key: plugin for key, plugin in found.items() if plugin is not None}


def load_experiment(name_or_path: str | Path, overrides: Iterable[str] = ()) -> Experiment:
    """Read an experiment by preset name or path; `overrides` are `key.path=value`.

    Raises ConfigError with file, line and key for anything that is wrong.
    """
    path = find("experiments", name_or_path)
    return build_experiment(load_document(path), overrides, path)


def gemm_experiment(
    sizes: tuple[int, int, int],
    machine: str | Mapping[str, Any],
    overrides: Iterable[str] = (),
) -> Experiment:
    """One GEMM of sizes (m, n, k) on a machine, in the formats of its first matrix unit.

    overrides: as for `load_experiment`; those of the workload may choose other formats.
    """
    gemm = dict(zip(("name", "m", "n", "k"), ("gemm", *sizes), strict=True))
    document: dict[str, Any] = {
        "name": "GEMM {} x {} x {}".format(*sizes),
        "machine": machine,
        "workload": {"gemms": [gemm]},
    }
    overrides = list(overrides)
    plain = [text for text in overrides if not text.startswith("workload")]
    spec = build_experiment(Document.from_data(document, "experiment"), plain).spec
    inputs, weights = spec.machine.core.build_matrix_units()[0].format_pairs[0]
    document["workload"]["precision"] = {"activations": inputs, "weights": weights}
    return build_experiment(Document.from_data(document, "experiment"), overrides)


def build_experiment(
    document: Document,
    overrides: Iterable[str | Setting] = (),
    path: Path | None = None,
    technology: Callable[[Document, KeyPath], Technology] = technology_from,
) -> Experiment:
    """Complete a document (what it extends, presets, overrides) and check it.

    technology: what reads that of a document, given where it stands in it.
    """
    settings = [as_setting(each) for each in overrides]
    document = completed(document, [s for s in settings if s.key in PRESETS])
    rest = [s for s in settings if s.key not in PRESETS]
    document = _with_device(_with_technology(document, rest), rest)
    spec = validate(ExperimentSpec, document)
    chosen = MACHINE_TECHNOLOGY if spec.technology is None else TECHNOLOGY
    prices = technology(document, chosen)
    _check_priced(spec.machine.memory, prices, document)
    return Experiment(spec, document, prices, path)


def _check_priced(
    memory: IdealMemorySpec | DramMemorySpec, technology: Technology, document: Document
) -> None:
    """Raise ConfigError for an ideal memory that the technology has no prices for."""
    if not isinstance(memory, IdealMemorySpec):
        return
    try:
        technology.action_energy_pj(Primitive("dram", device=memory.device), "read")
    except CyclelabError as error:
        simulated = memory.device in list_presets("dram")
        hint = "; `kind: dram` simulates a device by that name" if simulated else ""
        raise document.error((*MEMORY, "device"), f"{error}{hint}") from None


def completed(document: Document, whole: Iterable[str | Setting] = ()) -> Document:
    """A document with what it extends, and with the presets that it names.

    whole: overrides of keys in PRESETS. To complete it once more changes nothing.
    """
    document = apply_overrides(resolve_preset(document, (), "experiments"), whole)
    for key, kind in PRESETS.items():
        document = resolve_preset(document, (key,), kind)
    return document


def _with_technology(document: Document, overrides: list[Setting]) -> Document:
    """Put the machine's technology into the experiment if an override changes a part of it."""
    chosen = document.node(MACHINE_TECHNOLOGY)
    named = any(s.keys[0] == "technology" and len(s.keys) > 1 for s in overrides)
    own = document.node(TECHNOLOGY)
    if not named or chosen is None or (own is not None and own.value is not None):
        return document
    return document.replaced(TECHNOLOGY, chosen)


def _with_device(document: Document, overrides: list[Setting]) -> Document:
    """Apply overrides, with the preset of a command-level memory's device put in first.

    Overrides of the memory's kind or of its whole device decide which preset that is.
    """
    deciding = [s for s in overrides if s.key in DEVICE_KEYS]
    document = apply_overrides(document, deciding)
    kind = document.node((*MEMORY, "kind"))
    if kind is not None and kind.value == "dram":
        if document.node(DEVICE) is None:
            raise document.error(
                MEMORY,
                "missing key 'device', the name of a DRAM device (cyclelab list dram) or a mapping",
            )
        document = resolve_preset(document, DEVICE, "dram")
    return apply_overrides(document, [s for s in overrides if s.key not in DEVICE_KEYS])
