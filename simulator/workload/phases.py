"""From requests to phases: the prefill, and then one phase per decoded token."""

from __future__ import annotations

from collections.abc import Sequence as Items
from dataclasses import dataclass

from simulator.config import CyclelabError
from simulator.workload.batch import Batch, Sequence
from simulator.workload.bits import stored_bytes
from simulator.workload.counts import (
    lm_head_weights,
    matmul_weights,
    parameters,
    router_weights,
)
from simulator.workload.ends import embedding_segment, output_segment
from simulator.workload.layers import layer_segments
from simulator.workload.model import TransformerSpec
from simulator.workload.operators import Phase, Segment
from simulator.workload.pipeline import send_segment, stage_layers, staged
from simulator.workload.precision import Formats
from simulator.workload.routing import Router, RoutingSpec
from simulator.workload.storage import format_bits


@dataclass(frozen=True, slots=True)
class Request:
    """One request of a batch.

    prefill_tokens: tokens of its prompt still to be processed; context_tokens:
    tokens already in the KV cache; decode_steps: tokens decoded one by one.
    channel: of the memory that holds its KV cache, if that is settled.
    """

    prefill_tokens: int = 0
    context_tokens: int = 0
    decode_steps: int = 0
    channel: int | None = None

    @property
    def final_tokens(self) -> int:
        """Tokens in the KV cache at the end."""
        return self.context_tokens + self.prefill_tokens + self.decode_steps


def build_phases(
    model: TransformerSpec,
    requests: Items[Request],
    formats: Formats,
    routing: RoutingSpec | None = None,
    sub_batches: int = 1,
    stages: int = 1,
) -> tuple[Phase, ...]:
    """Phases of a batch whose requests start together.

    sub_batches: 2 gives decode steps of several requests `parts`, too. stages: of a
    pipeline; the batch is one of its micro-batches.

    Encoders: one `encode` phase. Decoders: if any request has a prompt, a first
    phase does all prompts (`prefill`), and one decode step of the requests
    without (`mixed`); then come `decode[0]`, `decode[1]`, … with the requests
    that have steps left. A phase's `kv_bytes_after` counts all requests, also
    those that have finished. Raises CyclelabError for requests that do nothing
    or exceed the model's context.
    """
    _check(model, requests)
    router = Router(routing or RoutingSpec(), model) if model.experts else None
    builder = PhaseBuilder(model, formats, router, sub_batches, stage_layers(model, stages))
    if model.family == "encoder":
        batch = Batch(tuple(Sequence(r.prefill_tokens) for r in requests))
        return (builder.phase("encode", "encode", batch, 0),)
    states = [_State(r.context_tokens, r.decode_steps, r.channel) for r in requests]
    phases = []
    if any(request.prefill_tokens for request in requests):
        kind = "prefill" if all(request.prefill_tokens for request in requests) else "mixed"
        sequences = []
        for request, state in zip(requests, states, strict=True):
            if request.prefill_tokens:
                sequences.append(state.take(request.prefill_tokens))
            else:
                sequences.append(state.decode())
        phases.append(builder.phase(kind, kind, Batch(tuple(sequences)), _cached(states)))
    step = 0
    while active := [state for state in states if state.steps]:
        batch = Batch(tuple(state.decode() for state in active))
        phases.append(builder.phase(f"decode[{step}]", "decode", batch, _cached(states)))
        step += 1
    return tuple(phases)


def weight_bytes(model: TransformerSpec, formats: Formats) -> int:
    """Bytes of all parameters in memory; a table tied to the LM head is stored once."""
    head = lm_head_weights(model)
    routers = model.layers * router_weights(model)
    matrices = matmul_weights(model) - head - routers
    other = parameters(model) - matmul_weights(model)
    bits = matrices * formats.weights.bits() + head * formats.lm_head.bits()
    bits += routers * formats.router.bits() if formats.router else 0
    return -(-(bits + other * format_bits(formats.residual)) // 8)


def kv_bytes(model: TransformerSpec, formats: Formats, tokens: int) -> int:
    """Bytes of the KV cache with `tokens` tokens of context in all."""
    return stored_bytes(tokens * model.kv_elements_per_token, format_bits(formats.kv_cache))


@dataclass(slots=True)
class _State:
    """A request on its way: tokens in the cache, decode steps left."""

    cached: int
    steps: int
    channel: int | None

    def take(self, tokens: int) -> Sequence:
        sequence = Sequence(tokens, self.cached, self.channel)
        self.cached += tokens
        return sequence

    def decode(self) -> Sequence:
        self.steps -= 1
        return self.take(1)


def _cached(states: Items[_State]) -> int:
    return sum(state.cached for state in states)


class PhaseBuilder:
    """Makes phases of one model in given formats.

    layers: of each stage; `largest` is the model with as many as the first, the most.
    """

    def __init__(
        self,
        model: TransformerSpec,
        formats: Formats,
        router: Router | None,
        sub_batches: int,
        layers: Items[int],
    ) -> None:
        self.sub_batches = sub_batches
        self.model = model
        self.formats = formats
        self.router = router
        self.layers = layers
        self.largest = model.model_copy(update={"layers": layers[0]})

    def segments(self, batch: Batch) -> tuple[Segment, ...]:
        """The model's segments for a batch."""
        model, formats = self.model, self.formats
        loads = self.router.loads(batch.tokens) if self.router else None
        stages = len(self.layers)
        layers = layer_segments(model, batch, formats, loads)
        if stages > 1:
            layers = [*staged(layers, self.layers, send_segment(model, batch, formats))]
        found = [embedding_segment(model, batch, formats), *layers]
        if output := output_segment(model, batch, formats, stages):
            found.append(output)
        return tuple(found)

    def phase(self, name: str, kind: str, batch: Batch, cached: int) -> Phase:
        """A pass through the model; `cached` tokens are in the KV cache behind it."""
        model, formats, stages = self.model, self.formats, len(self.layers)
        parts: tuple[tuple[Segment, ...], ...] = ()
        if self.sub_batches == 2 and kind == "decode" and len(batch.sequences) > 1:
            halves = [half for half in batch.halves() if half.sequences]
            parts = tuple(map(self.segments, halves)) if len(halves) > 1 else ()
        return Phase(
            name=name,
            kind=kind,
            segments=self.segments(batch),
            parts=parts,
            tokens=batch.tokens,
            generated=len(batch.sequences) if model.family == "decoder" else 0,
            weight_bytes=weight_bytes(self.largest, formats),
            kv_bytes_after=kv_bytes(self.largest, formats, cached * stages),
        )


def _check(model: TransformerSpec, requests: Items[Request]) -> None:
    if not requests:
        raise CyclelabError("the batch has no requests, expected at least one")
    for index, request in enumerate(requests):
        name = f"request {index} of {len(requests)}"
        if not request.prefill_tokens and not request.decode_steps:
            raise CyclelabError(
                f"{name} has nothing to do: give prefill_tokens, decode_steps or both"
            )
        if request.final_tokens > model.max_context:
            raise CyclelabError(
                f"{name} grows to {request.final_tokens:,} tokens ({request.context_tokens:,} in "
                f"the cache, {request.prefill_tokens:,} prefilled, {request.decode_steps:,} "
                f"decoded), but {model.name} takes at most {model.max_context:,}"
            )
        if model.family == "encoder" and (request.context_tokens or request.decode_steps):
            raise CyclelabError(
                f"{model.name} is an encoder: it has no KV cache, so context_tokens and "
                "decode_steps do not apply"
            )
        if model.image and request.prefill_tokens != model.max_context:
            raise CyclelabError(
                f"{model.name} takes {model.max_context} tokens per image ({model.image.patches} "
                f"patches and 1), not {request.prefill_tokens}"
            )
