"""Loads of experts: conservation, determinism, bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.config import CyclelabError
from simulator.workload import find_model
from simulator.workload.routing import Router, RoutingSpec, proportional_loads

MIXTRAL = find_model("mixtral-8x7b")


def loads(tokens: int, **keys: object) -> list[tuple[int, ...]]:
    return Router(RoutingSpec.model_validate(keys), MIXTRAL).loads(tokens)


@pytest.mark.parametrize("tokens", [1, 3, 64, 2048])
@pytest.mark.parametrize("routing", ["random", "balanced"])
def test_every_token_visits_two_experts_in_every_layer(tokens: int, routing: str) -> None:
    found = loads(tokens, routing=routing)
    assert len(found) == 32
    for layer in found:
        assert len(layer) == 8
        assert sum(layer) == 2 * tokens
        assert max(layer) <= tokens


def test_equal_seeds_give_equal_loads() -> None:
    assert loads(64, seed=7) == loads(64, seed=7)
    assert loads(64, seed=7) != loads(64, seed=8)


def test_passes_are_routed_afresh() -> None:
    router = Router(RoutingSpec(), MIXTRAL)
    assert router.loads(64) != router.loads(64)


def test_random_loads_are_uniform_on_average() -> None:
    # 32 layers of 8 sorted loads with mean 512; a binomial's deviation is below 20.
    for layer in loads(2048):
        assert all(abs(load - 512) < 6 * 20 for load in layer)


def test_balanced_loads_differ_by_one_at_most() -> None:
    assert loads(5, routing="balanced")[0] == (1, 1, 1, 1, 1, 1, 2, 2)


def test_given_loads_are_scaled_to_the_tokens() -> None:
    load = [4, 4, 2, 2, 1, 1, 1, 1]
    assert loads(80, routing="given", load=load) == [(10, 10, 10, 10, 20, 20, 40, 40)] * 32


def test_no_expert_gets_a_token_twice() -> None:
    # All want expert 0: it takes each token once, the rest is shared by the others.
    assert proportional_loads(10, 2, (98.0, 1.0, 1.0)) == (10, 5, 5)


@pytest.mark.parametrize("load", [5e-324, 1.0, 1e308, 1.7e308])
def test_loads_are_relative_however_large(load: float) -> None:
    assert loads(9, routing="given", load=[load, load, *[0.0] * 6]) == [(0,) * 6 + (9, 9)] * 32
    assert proportional_loads(10, 1, (load, load, load)) == (4, 3, 3)


@given(
    st.integers(1, 500),
    st.lists(st.floats(0, allow_infinity=False), min_size=1, max_size=16),
    st.integers(1, 16),
)
def test_proportional_loads_are_conserved(tokens: int, weights: list[float], k: int) -> None:
    if sum(weight > 0 for weight in weights) < k:
        with pytest.raises(CyclelabError, match="fewer experts"):
            proportional_loads(tokens, k, tuple(weights))
        return
    found = proportional_loads(tokens, k, tuple(weights))
    assert sum(found) == tokens * k
    assert all(0 <= load <= tokens for load in found)
    assert all(load == 0 for load, weight in zip(found, weights, strict=True) if weight == 0)


def test_a_load_for_every_expert() -> None:
    with pytest.raises(CyclelabError, match=r"2 entries.*8 experts"):
        Router(RoutingSpec(routing="given", load=(1.0, 2.0)), MIXTRAL)


@pytest.mark.parametrize(
    "keys",
    [
        {"routing": "given"},
        {"load": [1.0]},
        {"routing": "given", "load": [0.0, 0.0]},
        {"routing": "given", "load": [-1.0, 2.0]},
        {"routing": "rnadom"},
        {"seed": -1},
    ],
)
def test_contradictions_are_refused(keys: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RoutingSpec.model_validate(keys)
