"""Nothing of attention is left out or done twice: what is mapped, and what the memory does."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.mapping.pim.layout import CachedRequest, channels_for
from simulator.mapping.program import Command, Program, QueueKind
from simulator.workload.model import TransformerSpec
from simulator.workload.phases import Request
from tests.mapping.pim.machines import (
    attention_macs,
    counts,
    decoding,
    executed,
    labelled_runs,
    machine,
    mapped,
    model,
    phases,
    run_commands,
)

CHANNELS = 4
CONTEXTS = st.integers(1, 40) | st.integers(1, 700)


@st.composite
def models(draw: st.DrawFn) -> TransformerSpec:
    """Up to two layers, heads of sizes that fill rows and that don't, grouped or not."""
    kv_heads = draw(st.sampled_from([1, 2, 3]))
    return model(
        hidden_size=64,
        intermediate_size=64,
        layers=draw(st.integers(1, 2)),
        kv_heads=kv_heads,
        heads=kv_heads * draw(st.sampled_from([1, 1, 2, 4])),
        head_dim=draw(st.sampled_from([32, 64, 96, 200, 256])),
    )


@st.composite
def batches(draw: st.DrawFn) -> list[Request]:
    """Requests that decode a token or two; some are on a channel that is listed."""
    requests: list[Request] = []
    for _ in range(draw(st.integers(1, 6))):
        channel = draw(st.sampled_from([None, None, *range(CHANNELS)]))
        steps = draw(st.sampled_from([1, 1, 2]))
        requests += decoding(draw(CONTEXTS), channel=channel, steps=steps)
    return requests


def of_kind(program: Program, kind: QueueKind) -> list[Command]:
    return [each for each in program.commands() if program.queues[each.queue].kind is kind]


@settings(max_examples=15)
@given(
    models(),
    batches(),
    st.booleans(),
    st.sampled_from(["greedy", "round_robin"]),
    st.sampled_from(["corrected", "as_published"]),
)
def test_every_product_is_mapped_to_a_run(
    spec: TransformerSpec, requests: list[Request], barrier: bool, policy: str, writes: str
) -> None:
    """MACs of runs are those of scores and context, whatever the order of the commands."""
    for phase in phases(spec, requests):
        program = mapped(phase, interleave="never", barrier=barrier, requests=policy, writes=writes)
        done = run_commands(program)
        assert sum(command.macs for command in done) == attention_macs(phase)
        assert {program.queues[c.queue].kind for c in done} == {QueueKind.PIM}
        # Each query head's keys are met once by a request, and its values.
        by_label = Counter(label for label, _ in labelled_runs(done))
        assert by_label["scores"] >= spec.layers * spec.heads // spec.kv_heads * phase.tokens
        assert by_label["context"] >= spec.layers * spec.heads * phase.tokens
        lanes = 32 * 16  # of a COMP in all banks
        assert counts(done)["COMP"] * lanes >= attention_macs(phase)


@settings(max_examples=12)
@given(models(), batches(), st.sampled_from(["staggered", "none"]), st.booleans())
def test_the_memory_does_what_is_mapped(
    spec: TransformerSpec, requests: list[Request], refresh: str, barrier: bool
) -> None:
    """Tiles, vectors, products and results are those of the runs, no more and no fewer."""
    npu = machine(CHANNELS, f"controller.refresh={refresh}")
    for phase in phases(spec, requests):
        program = mapped(phase, npu, interleave="never", barrier=barrier)
        execution = executed(program, npu)
        expected = counts(run_commands(program))
        found = execution.dram
        assert found is not None
        assert found.unit_tiles == expected.pop("tiles")
        assert {name: found.commands[name] for name in expected} == expected
        assert found.commands["G_ACT"] <= 8 * found.unit_tiles, "four banks of 32 each"
        assert found.unit_cycles <= CHANNELS * found.cycles


@settings(max_examples=20)
@given(models(), batches(), st.sampled_from(["greedy", "round_robin"]))
def test_a_request_is_on_one_channel(
    spec: TransformerSpec, requests: list[Request], policy: str
) -> None:
    """Each channel's queue has the MACs of the requests that are put there."""
    phase = phases(spec, requests)[0]
    program = mapped(phase, interleave="never", requests=policy)
    found: Counter[int] = Counter()
    for command in run_commands(program):
        found[program.queues[command.queue].channel] += command.macs
    group = spec.heads // spec.kv_heads
    # Requests of equal length and channel are taken together, in the order of the first one.
    grouped = Counter((r.context_tokens + 1, r.channel) for r in requests)
    cached = [
        CachedRequest(context, spec.kv_heads, group, spec.head_dim, channel)
        for (context, channel), number in grouped.items()
        for _ in range(number)
    ]
    channels = channels_for(machine().memory, cached, policy)  # type: ignore[arg-type]
    expected: Counter[int] = Counter()
    for request, channel in zip(cached, channels, strict=True):
        expected[channel] += 2 * spec.layers * request.pairs * spec.head_dim
    assert found == expected


def test_rows_of_runs_are_those_of_their_request() -> None:
    """Two requests on one channel never open a row of each other."""
    phase = phases(model(), decoding(100, 200, channel=1))[0]
    rows: dict[str, set[int]] = {"scores": set(), "context": set()}
    tiles = Counter[str]()
    for label, run in labelled_runs(run_commands(mapped(phase, interleave="never"))):
        assert (run.input_bank, run.input_row) == (0, 0)
        rows[label] |= set(range(run.first_row, run.first_row + run.tiles))
        tiles[label] += run.tiles
    # 4 heads of 64: 512 operands hold all of a token, 100 and 200 tokens are 4 and 7 tiles.
    # A head's values are 2 tiles.
    assert tiles == {"scores": 4 + 7, "context": 2 * 4 * 2}
    assert {label: len(found) for label, found in rows.items()} == tiles
    assert not rows["scores"] & rows["context"]


def test_soft_caps_come_with_the_softmax() -> None:
    """Of 3 heads of 256, two are in a chunk of 512 operands, and one in the next."""
    plain = model(heads=3, head_dim=256)
    work = {}
    for spec in (plain, plain.model_copy(update={"capped_scores": True})):
        label = "capped_softmax" if spec.capped_scores else "softmax"
        program = mapped(phases(spec, decoding(700))[0], interleave="never")
        work[label] = [c.compute_cycles for c in program.commands() if c.label == label]
    assert len(work["softmax"]) == len(work["capped_softmax"]) == 2
    assert sum(work["capped_softmax"]) > sum(work["softmax"])


def test_softmaxes_see_every_score_once() -> None:
    """Of 3 heads of 256, two are in a chunk of 512 operands, and one in the next."""
    spec = model(heads=3, head_dim=256)
    phase = phases(spec, decoding(10, 30))[0]
    softmaxes = [c for c in mapped(phase, interleave="never").commands() if c.label == "softmax"]
    assert len(softmaxes) == 2 * 2
    for command in softmaxes:
        assert command.cycles >= command.compute_cycles > 0
