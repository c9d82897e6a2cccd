"""Two sub-batches in turns: the same work, in an order that every dependency allows."""

from __future__ import annotations

from collections import Counter

import pytest

from simulator.report.result import OperatorResult, Result
from simulator.workload.batch import Batch, Sequence
from tests.mapping.turns import LAYERS, in_turns, run, whole


def of(result: Result, name: str) -> dict[int, OperatorResult]:
    """An operator's records by layer."""
    return {op.instance: op for op in result.operators if op.name == name}


def test_both_halves_run_every_layer_once() -> None:
    counts = Counter((op.name, op.instance) for op in in_turns().operators)
    assert set(counts.values()) == {1}
    for name in ("qkv_proj", "attention", "fc2"):
        for half in (1, 2):
            assert sorted(of(in_turns(), f"{name}[{half}]")) == list(range(LAYERS))


def test_turns_do_the_same_work_and_read_weights_twice() -> None:
    assert sum(op.macs for op in in_turns().operators) == sum(op.macs for op in whole().operators)
    for layer in range(LAYERS):
        once = of(whole(), "fc2")[layer].bytes["dram_read"]
        halves = [of(in_turns(), f"fc2[{half}]")[layer].bytes["dram_read"] for half in (1, 2)]
        assert halves == [once, once]


@pytest.mark.parametrize("half", [1, 2])
def test_layers_and_their_parts_follow_each_other(half: int) -> None:
    """Attention begins when QKV is done, what follows ends behind it, the next layer likewise."""
    chain = [
        of(in_turns(), f"{name}[{half}]")[layer]
        for layer in range(LAYERS)
        for name in ("qkv_proj", "attention", "out_proj", "fc1", "fc2")
    ]
    ends = [op.start_cycle + op.cycles for op in chain]
    assert ends == sorted(ends)


@pytest.mark.parametrize(("inside", "layer", "outside"), [(2, 0, 1), (1, 1, 2), (2, 1, 1)])
def test_one_half_computes_while_the_other_is_in_the_memory(
    inside: int, layer: int, outside: int
) -> None:
    attention = of(in_turns(), f"attention[{inside}]")[layer]
    meanwhile = [
        op.name
        for op in in_turns().operators
        if op.name.endswith(f"[{outside}]")
        and op.unit == "systolic_array"
        and op.start_cycle < attention.start_cycle + attention.cycles
        and attention.start_cycle < op.start_cycle + op.cycles
    ]
    assert meanwhile


def test_a_few_requests_take_no_turns_unless_told_to() -> None:
    chosen = run("workload.sub_batches=2", "mapping.pim.interleave=auto")
    assert chosen.cycles == whole().cycles < in_turns().cycles


def test_halves_of_settled_channels_differ_by_one_in_turn() -> None:
    batch = Batch(tuple(Sequence(1, past, channel) for past, channel in PLACED))
    first, second = batch.halves()
    assert [(s.past, s.channel) for s in first.sequences] == [(9, 0), (8, 0), (4, 2)]
    assert [(s.past, s.channel) for s in second.sequences] == [(7, 0), (6, 1), (3, 2)]


PLACED = [(9, 0), (6, 1), (8, 0), (4, 2), (7, 0), (3, 2)]
"""Three requests on channel 0, one on channel 1, two on channel 2."""


def test_halves_by_length() -> None:
    first, second = Batch(tuple(Sequence(1, past) for past in (1, 5, 3, 4, 2))).halves()
    assert [s.past for s in first.sequences] == [5, 3, 1]
    assert [s.past for s in second.sequences] == [4, 2]
