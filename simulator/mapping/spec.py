"""The `mapping:` section of an experiment: what the mapper may do, and fixed choices."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.config import Spec


class TileChoice(Spec):
    """A tiling fixed by the user for the operators that a pattern matches.

    For GEMMs, m, n, k: tile sizes, the whole dimension when left out.
    order: loop order outside the k loop: `mn` keeps a block of inputs and walks
        the weights, `nm` keeps a block of weights and walks the inputs.
    On a GPU, m, n, k are those of a thread block, which has no order, and
    stages: slabs of k that a block's shared memory holds.
    For fused attention, query_tokens, keys: block sizes, chosen when left out.
    For both, unit: kind of matrix unit to use, numbered if several are of one kind
        (`systolic_array1` is the second unit).
    """

    m: int | None = Field(default=None, ge=1)
    n: int | None = Field(default=None, ge=1)
    k: int | None = Field(default=None, ge=1)
    order: Literal["mn", "nm"] | None = None
    stages: int | None = Field(default=None, ge=1, le=16)
    query_tokens: int | None = Field(default=None, ge=1)
    keys: int | None = Field(default=None, ge=1)
    unit: str | None = None

    def concerns(self, settings: tuple[str, ...]) -> bool:
        """Whether any of these settings, or the unit, is fixed."""
        return any(getattr(self, name) is not None for name in (*settings, "unit"))


GEMM_SETTINGS = ("m", "n", "k", "order", "stages")
ATTENTION_SETTINGS = ("query_tokens", "keys")


class PimMappingSpec(Spec):
    """How attention runs in a memory whose banks compute.

    attention: `memory` does that of decoded tokens there, `units` on the machine's own; `auto`
        has each operator where it is expected to be done first (served requests: in the memory).
    requests: which channel holds a request's keys and values: `greedy` gives the longest
        ones first to the least loaded channel, `round_robin` takes turns. Those that the
        workload puts somewhere stay there.
    spread: what is on one channel as a whole: `requests`, as in NeuPIMs, or `heads` of them,
        as in AttAcc; `auto` is heads where units take one at a time (vectors in registers).
    barrier: all scores and softmaxes come before the first context, as in the published
        simulator; otherwise each request's context follows its own softmax.
    commands_per_cycle: that the machine hands to all channels together, channel by channel;
        0 is as many as there are. NeuPIMs' published runs with one row buffer have 1.
    interleave: whether a workload's two sub-batches take turns, one on the matrix units
        while the other is in the memory: `always`, `never`, or `auto` where estimates say
        that it pays.
    writes: `corrected` also writes what the memory needs and NeuPIMs' published simulator
        leaves out: queries, where the units take them from a row, and the new values, of
        which each has a burst of its own since a bank's row holds one of their elements for
        many tokens.
    """

    attention: Literal["memory", "units", "auto"] = "memory"
    requests: Literal["greedy", "round_robin"] = "greedy"
    spread: Literal["auto", "requests", "heads"] = "auto"
    barrier: bool = False
    commands_per_cycle: int = Field(default=0, ge=0, le=1024)
    interleave: Literal["auto", "always", "never"] = "auto"
    writes: Literal["corrected", "as_published"] = "corrected"


class MappingSpec(Spec):
    """Options of the mapper.

    fuse_elementwise: run element-wise operators on the tiles of the GEMM before.
    tables: of LUT tensor cores: `fused` are made behind the operator before, where
        element-wise operators are; `separate` by a kernel of their own.
    fuse_attention: `auto` fuses scores, softmax and context where a block fits
        on chip; `always` makes it an error when it does not; `never` spills.
    keep_activations: leave an activation on chip between producer and consumers
        when it fits in `resident_fraction` of the scratchpad.
    operators: name pattern (`qkv_proj`, `*_proj`) to fixed tiling.
    collectives: what devices that share the work send each other takes the time of their
        links, or none (`free`), as where it is left out of the count.
    pim: of machines whose memory computes.
    """

    fuse_elementwise: bool = True
    tables: Literal["fused", "separate"] = "fused"
    fuse_attention: Literal["auto", "always", "never"] = "auto"
    keep_activations: bool = True
    resident_fraction: float = Field(default=0.5, ge=0, le=0.9)
    operators: dict[str, TileChoice] = Field(default_factory=dict)
    collectives: Literal["counted", "free"] = "counted"
    pim: PimMappingSpec = PimMappingSpec()
