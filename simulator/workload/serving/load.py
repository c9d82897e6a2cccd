"""From a `workload:` mapping to a model that is served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulator.config import CyclelabError
from simulator.workload.load import model_of_device
from simulator.workload.model import TransformerSpec
from simulator.workload.phases import PhaseBuilder, kv_bytes, weight_bytes
from simulator.workload.pipeline import stage_layers
from simulator.workload.precision import Formats
from simulator.workload.routing import Router
from simulator.workload.spec import WorkloadSpec


@dataclass(frozen=True)
class ServedModel:
    """A model, or a device's share of every layer, with the formats it is kept in.

    stages: that its layers are divided among.
    """

    model: TransformerSpec
    formats: Formats
    builder: PhaseBuilder
    tensor_parallel: int
    stages: int

    @property
    def of_stage(self) -> TransformerSpec:
        """What the first stage has, which no other has more layers than."""
        return self.builder.largest

    @property
    def weight_bytes(self) -> int:
        """Of all parameters of a device."""
        return weight_bytes(self.of_stage, self.formats)

    def kv_bytes(self, tokens: int) -> int:
        """Of the keys and values of so many tokens, in a device."""
        return kv_bytes(self.of_stage, self.formats, tokens)


def load_served(workload: WorkloadSpec, relative_to: Path | None = None) -> ServedModel:
    """The model that `workload` serves.

    relative_to: as for `load_workload`. Raises CyclelabError for files that are missing or
    wrong, and for models that generate nothing.
    """
    assert workload.model is not None, "checked by the experiment"
    model = model_of_device(workload, workload.model, relative_to)
    if model.family == "encoder":
        raise CyclelabError(f"model: {model.name} is an encoder, which generates no tokens")
    formats = workload.precision.resolve(model)
    router = Router(workload.moe, model) if model.experts else None
    stages = workload.pipeline_parallel
    layers = stage_layers(model, stages)
    builder = PhaseBuilder(model, formats, router, workload.sub_batches, layers)
    return ServedModel(model, formats, builder, workload.tensor_parallel, stages)
