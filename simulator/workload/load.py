"""From a `workload:` mapping to the workload that is run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from simulator.config import CyclelabError, find
from simulator.config.resources import find_file
from simulator.workload.counts import matmul_weights, parameters
from simulator.workload.gemms import GemmSpec, gemm_phase, load_gemms
from simulator.workload.huggingface import load_model
from simulator.workload.importers import import_gemms
from simulator.workload.model import TransformerSpec
from simulator.workload.operators import Devices, Workload
from simulator.workload.phases import Request, build_phases
from simulator.workload.pipeline import micro_batch
from simulator.workload.precision import Formats
from simulator.workload.routing import RoutingSpec
from simulator.workload.running import running_requests
from simulator.workload.spec import WorkloadSpec
from simulator.workload.topology import load_topology
from simulator.workload.traces import trace_requests

REMEMBERED_PHASES = 4


def load_workload(spec: WorkloadSpec, relative_to: Path | None = None) -> Workload:
    """Build the phases that `spec` asks for.

    relative_to: file (or folder) that paths in `spec` are relative to. Raises
    CyclelabError for files that are missing or wrong, and for requests that the
    model cannot take.
    """
    if spec.model is None:
        return _gemm_workload(spec, relative_to)
    model = model_of_device(spec, spec.model, relative_to)
    formats = spec.precision.resolve(model)
    stages = spec.pipeline_parallel
    requests = _requests(spec, model, relative_to)
    chosen = tuple(requests if stages == 1 else micro_batch(requests, stages))
    phases = _phases(model, chosen, formats, spec.moe, spec.sub_batches, stages)
    devices = Devices(spec.tensor_parallel, stages, len(requests), len(chosen))
    description = _describe(model, requests, formats, devices)
    if model.experts:
        description["moe"] = spec.moe.model_dump(mode="json")
    return Workload(spec.name or model.name, phases, description, devices)


_phases = lru_cache(maxsize=REMEMBERED_PHASES)(build_phases)
"""The same workload is run on many machines, one after the other."""


def model_of_device(
    spec: WorkloadSpec, name: str, relative_to: Path | None = None
) -> TransformerSpec:
    """The model `name` as `spec` cuts it and shares it among devices. Raises CyclelabError."""
    whole = _with_layers(find_model(name, relative_to), spec.layers)
    model = shard(whole, spec.tensor_parallel)
    if spec.moe != RoutingSpec() and not model.experts:
        raise CyclelabError(f"'moe' has no meaning for {model.name}: it has no experts")
    return model


def find_model(name: str, relative_to: Path | None = None) -> TransformerSpec:
    """Shape of a shipped model, or of one in a `config.json`. Raises CyclelabError."""
    return load_model(find("models", name, relative_to))


def _with_layers(model: TransformerSpec, layers: int | None) -> TransformerSpec:
    """The model cut to so many layers."""
    if layers is None:
        return model
    if layers > model.layers:
        raise CyclelabError(f"layers: {model.name} has {model.layers} layers, found {layers}")
    return model.model_copy(update={"layers": layers})


def shard(model: TransformerSpec, devices: int) -> TransformerSpec:
    """What one of `devices` does of every layer: a share of the heads and of the MLP.

    Columns of QKV and up projections and rows of the output and down projections are
    divided (Megatron-LM, arXiv:1909.08053); embeddings and the LM head by vocabulary.
    Raises CyclelabError if something cannot be divided.
    """
    if devices == 1:
        return model
    shares = {"shares": devices}
    for name in ("heads", "kv_heads", "intermediate_size", "shared_expert_size"):
        size = getattr(model, name)
        if size % devices:
            raise CyclelabError(
                f"tensor_parallel: {devices} devices do not divide the {size} {name} of "
                f"{model.name}"
            )
        shares[name] = size // devices
    shares["vocab_size"] = -(-model.vocab_size // devices)
    return model.model_copy(update=shares)


def _gemm_workload(spec: WorkloadSpec, relative_to: Path | None) -> Workload:
    name, gemms = _gemms(spec, relative_to)
    formats = spec.precision.resolve()
    name = spec.name or name
    description: dict[str, object] = {
        "gemms": len(gemms),
        "macs": sum(gemm.shape.macs for gemm in gemms),
        "precision": formats.describe(),
    }
    return Workload(name, (gemm_phase(name, gemms, formats),), description)


def _gemms(spec: WorkloadSpec, relative_to: Path | None) -> tuple[str, Sequence[GemmSpec]]:
    if isinstance(spec.gemms, tuple):
        return "gemms", spec.gemms
    if spec.imported is not None:
        path = find_file(spec.imported.file, relative_to)
        return path.stem, import_gemms(spec.imported.importer, path)
    path = find("gemms", spec.gemms or spec.topology or "", relative_to)
    return path.stem, load_topology(path) if spec.topology else load_gemms(path)


def _requests(
    spec: WorkloadSpec, model: TransformerSpec, relative_to: Path | None
) -> list[Request]:
    if spec.trace:
        path = find("traces", spec.trace.file, relative_to)
        chosen = trace_requests(spec.trace, path, model.max_context, spec.decode_steps)
        return [Request(item.prompt_tokens, 0, item.decode_steps) for item in chosen]
    if spec.running:
        path = find("traces", spec.running.file, relative_to)
        steps = 1 if spec.decode_steps is None else spec.decode_steps
        return running_requests(spec.running, path, model.max_context, steps)
    steps = spec.decode_steps or 0
    if spec.requests:
        return [
            Request(
                item.prefill_tokens,
                item.context_tokens,
                steps if item.decode_steps is None else item.decode_steps,
            )
            for item in spec.requests
            for _ in range(item.count)
        ]
    prefill = spec.prefill_tokens
    if model.image and not prefill:
        prefill = model.max_context
    return [Request(prefill, spec.context_tokens, steps)] * spec.batch


def _describe(
    model: TransformerSpec, requests: Sequence[Request], formats: Formats, devices: Devices
) -> dict[str, object]:
    """Facts for reports; token counts are of all requests together."""
    return {
        "model": model.name,
        "source": model.source,
        "parameters": parameters(model),
        "matmul_weights": matmul_weights(model),
        "layers": model.layers,
        **({"tensor_parallel": devices.tensor} if devices.tensor > 1 else {}),
        **({"pipeline_parallel": devices.pipeline} if devices.pipeline > 1 else {}),
        "batch": len(requests),
        **({"micro_batch": devices.micro_batch} if devices.pipeline > 1 else {}),
        "prefill_tokens": sum(request.prefill_tokens for request in requests),
        "context_tokens": sum(request.context_tokens for request in requests),
        "decode_steps": max(request.decode_steps for request in requests),
        "precision": formats.describe(),
    }
