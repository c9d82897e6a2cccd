"""From a `workload:` mapping to a model that is served."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from simulator.config import CyclelabError
from simulator.workload.load import model_of_device
from simulator.workload.model import TransformerSpec
from simulator.workload.phases import PhaseBuilder, kv_bytes, weight_bytes
from simulator.workload.precision import Formats
from simulator.workload.routing import Router
from simulator.workload.spec import WorkloadSpec


@dataclass(frozen=True)
class ServedModel:
    """A model, or a device's share of it, with the formats it is kept in."""

    model: TransformerSpec
    formats: Formats
    builder: PhaseBuilder
    tensor_parallel: int

    @property
    def weight_bytes(self) -> int:
        """Of all parameters."""
        return weight_bytes(self.model, self.formats)

    def kv_bytes(self, tokens: int) -> int:
        """Of the keys and values of so many tokens."""
        return kv_bytes(self.model, self.formats, tokens)


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
    builder = PhaseBuilder(model, formats, router, workload.sub_batches, (model.layers,))
    return ServedModel(model, formats, builder, workload.tensor_parallel)
