"""Pipeline parallelism: stages of devices, each with some of the layers, and micro-batches.

Every stage has a group of devices of its own. The batch is divided into as many
micro-batches as there are stages, so that each stage can work on one (GPipe,
arXiv:1811.06965; Narayanan et al., arXiv:2104.04473). A phase is one micro-batch on its way
through all of them; what it leaves at the end of a stage is sent to the next.
"""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import replace
from typing import TYPE_CHECKING

from simulator.config import CyclelabError
from simulator.workload.batch import Batch
from simulator.workload.graph import RESIDUAL_IN, RESIDUAL_OUT, GraphBuilder
from simulator.workload.model import TransformerSpec
from simulator.workload.operators import Collective, Segment
from simulator.workload.precision import Formats

if TYPE_CHECKING:
    from simulator.workload.phases import Request


def stage_layers(model: TransformerSpec, stages: int) -> tuple[int, ...]:
    """Layers of each stage; where they do not divide, the first ones have one more.

    Raises CyclelabError if there are fewer layers than stages.
    """
    if stages > model.layers:
        raise CyclelabError(
            f"pipeline_parallel: {stages} stages are more than the {model.layers} layers of "
            f"{model.name}"
        )
    each, left = divmod(model.layers, stages)
    return tuple(each + (stage < left) for stage in range(stages))


def micro_batch(requests: Items[Request], count: int) -> list[Request]:
    """The largest of `count` micro-batches of about the same work.

    Requests are dealt out in turns, those whose channels are settled channel by channel,
    others by their length, longest first. Raises CyclelabError if there are too few.
    """
    if len(requests) < count:
        raise CyclelabError(
            f"pipeline_parallel: {len(requests)} requests are too few for {count} micro-batches, "
            "one per stage"
        )
    places: dict[bool, list[int]] = {True: [], False: []}
    for index, request in enumerate(requests):
        places[request.channel is None].append(index)
    settled = sorted(places[False], key=lambda index: requests[index].channel or 0)
    others = sorted(places[True], key=lambda index: -requests[index].final_tokens)
    return [requests[index] for index in sorted((*settled, *others)[::count])]


def staged(layers: Items[Segment], counts: Items[int], send: Segment) -> Iterator[Segment]:
    """The layers' segments divided among stages of so many layers, with sends in between."""
    pieces = [(segment, 0) for segment in reversed(layers)]
    for stage, count in enumerate(counts):
        if stage:
            yield send
        left = count
        while left:
            segment, done = pieces.pop()
            taken = min(left, segment.repeat - done)
            yield replace(segment, repeat=taken, stage=stage, first=done, micro_batches=len(counts))
            if done + taken < segment.repeat:
                pieces.append((segment, done + taken))
            left -= taken


def send_segment(model: TransformerSpec, batch: Batch, formats: Formats) -> Segment:
    """Every device sends the whole residual stream to the same device of the next stage."""
    builder = GraphBuilder(model, batch, formats)
    elements = batch.tokens * model.hidden_size
    x, y = (builder.activation(name, elements) for name in (RESIDUAL_IN, RESIDUAL_OUT))
    builder.add(Collective("stage_send", (x,), (y,), function="send"))
    return Segment("stages", builder.graph)
