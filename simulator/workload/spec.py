"""The `workload:` mapping of an experiment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.config import Spec
from simulator.workload.gemms import GemmSpec
from simulator.workload.importers import ImportedSpec
from simulator.workload.model import Count
from simulator.workload.precision import PrecisionSpec
from simulator.workload.routing import RoutingSpec
from simulator.workload.running import RunningSpec
from simulator.workload.traces import MAX_REQUESTS, TraceSpec

Requests = Annotated[int, Field(ge=1, le=MAX_REQUESTS)]

KINDS = ("model", "gemms", "topology", "imported")
BATCH_KEYS = ("batch", "prefill_tokens", "context_tokens")
MODEL_KEYS = (
    *BATCH_KEYS, "layers", "decode_steps", "requests", "trace", "running", "tensor_parallel",
    "pipeline_parallel", "sub_batches", "moe",
)  # fmt: skip


class RequestSpec(Spec):
    """`count` requests of one length; keys as in `WorkloadSpec`."""

    prefill_tokens: Count = 0
    context_tokens: Count = 0
    decode_steps: Count | None = None
    count: Requests = 1

    @model_validator(mode="after")
    def _has_tokens(self) -> RequestSpec:
        if not self.prefill_tokens and not self.context_tokens:
            raise ValueError("a request needs prefill_tokens, context_tokens or both")
        return self


class WorkloadSpec(Spec):
    """What is run: exactly one of `model`, `gemms`, `topology` and `imported`.

    model: a shipped model, or the path of a Hugging Face `config.json`.
    gemms: GEMMs in place, the name of a shipped list, or the path of one (YAML, CSV).
    topology: path of a SCALE-Sim topology CSV, or the name of a shipped list.
    imported: a file of another program, that an importer reads as GEMMs.

    For models:
    layers: only so many of the model's layers.
    batch: requests, all alike. prefill_tokens: length of each prompt (of each
        sequence for an encoder; images have a length of their own).
    context_tokens: tokens already in the KV cache before the first phase.
    decode_steps: tokens decoded after the prefill, one phase each.
    requests: instead of `batch`, requests with a length each; those without
        prompt decode while the others prefill (a mixed batch). `decode_steps`
        holds for requests that don't say their own.
    trace: instead of `batch`, requests of a trace; `decode_steps` limits theirs.
    running: instead of `batch`, requests that have been decoding for a while, with the
        length of each in a file; one more token each if `decode_steps` says nothing else.
    tensor_parallel: devices that share every layer; the workload is that of one of them.
    pipeline_parallel: stages that the layers are divided among, each of `tensor_parallel`
        devices; requests are those of all of them, in as many micro-batches.
    sub_batches: 2 makes two of every decode step's batch, for machines that work on one
        while their memory works on the other (`mapping.pim.interleave`).
    precision: number formats. moe: where a mixture of experts sends tokens.
    """

    name: str | None = None
    model: str | None = None
    gemms: str | tuple[GemmSpec, ...] | None = None
    topology: str | None = None
    imported: ImportedSpec | None = None
    layers: int | None = Field(default=None, ge=1)
    batch: Requests = 1
    prefill_tokens: Count = 0
    context_tokens: Count = 0
    decode_steps: Count | None = None
    requests: tuple[RequestSpec, ...] = ()
    trace: TraceSpec | None = None
    running: RunningSpec | None = None
    tensor_parallel: int = Field(default=1, ge=1, le=1024)
    pipeline_parallel: int = Field(default=1, ge=1, le=1024)
    sub_batches: Literal[1, 2] = 1
    precision: PrecisionSpec = PrecisionSpec()
    moe: RoutingSpec = RoutingSpec()

    @model_validator(mode="after")
    def _one_kind(self) -> WorkloadSpec:
        given = [key for key in KINDS if getattr(self, key) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of them"
            raise ValueError(f"expected exactly one of {', '.join(KINDS)}, found {found}")
        if self.gemms == ():
            raise ValueError("gemms is empty, expected at least one GEMM")
        if given != ["model"]:
            self._refuse(MODEL_KEYS, f"a workload of {given[0]}")
        return self

    @model_validator(mode="after")
    def _one_batch(self) -> WorkloadSpec:
        if self.requests:
            self._refuse((*BATCH_KEYS, "trace"), "a workload with 'requests'")
        if self.trace:
            self._refuse((*BATCH_KEYS, "running"), "a workload with 'trace'")
        if self.running:
            self._refuse((*BATCH_KEYS, "requests"), "a workload with 'running'")
        total = sum(request.count for request in self.requests)
        if total > MAX_REQUESTS:
            raise ValueError(f"{total:,} requests in the batch, at most {MAX_REQUESTS:,} are run")
        return self

    def check_served(self) -> None:
        """Raise ValueError unless it only names what serves requests that are named elsewhere."""
        if self.model is None:
            raise ValueError("serving needs a workload of a model")
        keys = (*BATCH_KEYS, "decode_steps", "requests", "trace", "running")
        self._refuse(keys, "an experiment with 'serving', which says what requests there are")

    def _refuse(self, keys: tuple[str, ...], where: str) -> None:
        fields = type(self).model_fields
        unused = [key for key in keys if getattr(self, key) != fields[key].default]
        if unused:
            raise ValueError(f"{', '.join(unused)} has no meaning in {where}")
