"""Mixture of experts: how many tokens each expert gets, layer by layer."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.config import CyclelabError, Spec
from simulator.workload.model import TransformerSpec
from simulator.workload.moe import Loads

CHUNK_ELEMENTS = 1 << 22
"""Random numbers drawn at a time, which bounds memory for long prefills."""


class RoutingSpec(Spec):
    """Which experts the tokens go to.

    routing: `random` draws `experts_per_token` distinct experts per token and
        layer, all equally likely; `balanced` gives all experts the same load up
        to one token; `given` follows `load` in every layer.
    seed: of `random`; equal seeds give equal loads.
    load: relative load of each expert (`given` only), scaled to the tokens.
    """

    routing: Literal["random", "balanced", "given"] = "random"
    seed: Annotated[int, Field(ge=0)] = 0
    load: tuple[Annotated[float, Field(ge=0)], ...] = ()

    @model_validator(mode="after")
    def _load_is_for_given(self) -> RoutingSpec:
        if (self.routing == "given") != bool(self.load):
            raise ValueError("'load' goes with 'routing: given', and only with it")
        if self.load and sum(self.load) <= 0:
            raise ValueError("every entry of 'load' is zero")
        return self


class Router:
    """Draws the loads of all layers, pass after pass."""

    def __init__(self, spec: RoutingSpec, model: TransformerSpec) -> None:
        if spec.load and len(spec.load) != model.experts:
            raise CyclelabError(
                f"moe.load has {len(spec.load)} entries, expected one for each of the "
                f"{model.experts} experts of {model.name}"
            )
        self.spec = spec
        self.model = model
        self._pass = 0

    def loads(self, tokens: int) -> list[Loads]:
        """Sorted loads of each layer for a pass over `tokens` tokens."""
        model, index = self.model, self._pass
        self._pass += 1
        if self.spec.routing == "random":
            return _random_loads(model, tokens, (self.spec.seed, index))
        weights = self.spec.load or (1.0,) * model.experts
        loads = proportional_loads(tokens, model.experts_per_token, weights)
        return [tuple(sorted(loads))] * model.layers


def proportional_loads(tokens: int, experts_per_token: int, weights: tuple[float, ...]) -> Loads:
    """Split tokens · k into whole loads in proportion to `weights`, none above `tokens`.

    Largest remainders are rounded up. A token visits an expert once at most, so
    what an overloaded expert cannot take goes to the others in proportion. Raises
    CyclelabError when fewer than k experts have a weight. Shares are exact, so that large
    weights do not overflow and equal remainders are equal.
    """
    total = tokens * experts_per_token
    if sum(weight > 0 for weight in weights) < experts_per_token:
        raise CyclelabError(
            f"moe.load: fewer experts with a load than the {experts_per_token} per token"
        )
    exact = [Fraction(weight) for weight in weights]
    full: set[int] = set()
    while True:
        rest = total - tokens * len(full)
        scale = sum(weight for i, weight in enumerate(exact) if i not in full)
        shares = [
            Fraction(tokens) if i in full else (rest * weight / scale if scale else Fraction(0))
            for i, weight in enumerate(exact)
        ]
        over = {i for i, share in enumerate(shares) if i not in full and share > tokens}
        if not over:
            break
        full |= over
    loads = [int(share) for share in shares]
    by_remainder = sorted(range(len(loads)), key=lambda i: (loads[i] - shares[i], i))
    room = [i for i in by_remainder if loads[i] < tokens and weights[i] > 0]
    for i in room[: total - sum(loads)]:
        loads[i] += 1
    return tuple(loads)


def _random_loads(model: TransformerSpec, tokens: int, seed: tuple[int, int]) -> list[Loads]:
    import numpy as np

    rng = np.random.default_rng(seed)
    k, experts = model.experts_per_token, model.experts
    loads = np.zeros((model.layers, experts), dtype=np.int64)
    step = max(1, CHUNK_ELEMENTS // experts)
    for layer in range(model.layers):
        for start in range(0, tokens, step):
            draws = rng.random((min(step, tokens - start), experts))
            chosen = np.argpartition(draws, k - 1, axis=1)[:, :k]
            loads[layer] += np.bincount(chosen.ravel(), minlength=experts)
    return [tuple(sorted(row)) for row in loads.tolist()]
