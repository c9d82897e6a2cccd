"""Attention in the memory from end to end: times between bounds, and who does it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from simulator.config import CyclelabError
from simulator.engine.record import Execution
from simulator.hardware.npu import NpuSpec
from simulator.mapping import Mapper, MappingSpec
from simulator.mapping.pim.layout import CachedRequest, chunks_of, estimated_cycles
from simulator.mapping.program import Program, QueueKind
from simulator.mapping.spec import PimMappingSpec, TileChoice
from simulator.workload.phases import Request
from tests.mapping.pim.machines import (
    PUBLISHED,
    decoding,
    device_of,
    executed,
    labelled_runs,
    machine,
    mapped,
    model,
    phases,
    run_commands,
)

NO_REFRESH = "controller.refresh=none"
AS_PUBLISHED = "device.pim.timing=as_published"
REFRESH_APART, REFRESH_CYCLES = 1950, 260 + 14
"""One rank after the other; a refresh and the precharge before it."""


def attention_of(program: Program, execution: Execution) -> int:
    """Cycles by which attention puts off the end, all layers."""
    names = [info.name for info in program.operators]
    index = names.index("attention")
    return sum(
        record.exclusive_fs // 1_000_000 for record in execution.records if record.operator == index
    )


def decoded(
    npu: NpuSpec, *contexts: int, heads: int = 4, **pim: Any
) -> tuple[Program, Execution, int]:
    """One token of requests of a model with heads of 64, and the cycles of its attention."""
    (phase,) = phases(model(heads=heads), decoding(*contexts))
    program = mapped(phase, npu, interleave="never", **pim)
    execution = executed(program, npu)
    return program, execution, attention_of(program, execution)


# -- bounds --------------------------------------------------------------------------
def least_cycles(npu: NpuSpec, context: int) -> int:
    """Closed form of a request's runs, each with all that the next one can hide.

    From a run's last COMPs on, its vector's successor is loaded (2 behind their command,
    then 96), while the COMPs end (12 at least), nRTP goes by and the 32 banks are closed.
    """
    device = device_of(npu)
    request = CachedRequest(context, 4, 1, 64, None)
    hidden = 0
    for chunk in chunks_of(device, request, 1):
        for run in (*chunk.scores, *chunk.contexts):
            hidden += min(32 + 5 + max(12, 2 * run.comps), 98) - 2
    return estimated_cycles(device, request) - hidden


@pytest.mark.parametrize("context", [1, 31, 100, 512, 700, 1500])
def test_a_request_takes_the_closed_form_of_its_runs(context: int) -> None:
    """Without refresh and writes: twice a row for vectors is opened, and a few cycles a run."""
    npu = machine(1, NO_REFRESH)
    program, execution, attention = decoded(npu, context, **PUBLISHED)
    assert execution.dram is not None
    least, found = least_cycles(npu, context), execution.dram.unit_cycles
    runs = len(labelled_runs(run_commands(program)))
    assert least <= found <= least + 30 + 5 * runs
    # Then come softmax, the writing of its results, and the results' way out of the banks.
    softmax = sum(c.latency_cycles for c in program.commands() if c.label == "softmax")
    moved = sum(c.transfer_bytes for c in program.commands() if c.channel == 0)
    assert found < attention <= found + softmax + moved // 32 + 250


@pytest.mark.parametrize("device", ["hbm2-neupims-dual", "hbm2-newton-single"])
def test_how_many_runs_make_a_command_changes_nothing(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only how often the engine is told that runs are done."""
    npu = machine(2, f"device={device}")
    *_, found, _ = decoded(npu, 700, 30, 300, 1100, 60)
    monkeypatch.setattr("simulator.mapping.pim.runs.PIM_RUNS_TOGETHER", 1)
    *_, one_by_one, _ = decoded(npu, 700, 30, 300, 1100, 60)
    assert found.events < one_by_one.events
    assert found.dram == one_by_one.dram
    for record, alone in zip(found.records, one_by_one.records, strict=True):
        assert (record.start_fs, record.end_fs) == (alone.start_fs, alone.end_fs)
        assert record.compute_cycles == alone.compute_cycles
        assert record.stall_cycles == alone.stall_cycles


@pytest.mark.parametrize("context", [100, 700, 1500])
@pytest.mark.parametrize("barrier", [False, True])
def test_refresh_takes_no_more_than_its_time_and_a_tile(context: int, barrier: bool) -> None:
    """Between refreshes lie 1,950 cycles, of which a tile that does not fit loses its own."""
    npu, quiet = machine(1), machine(1, NO_REFRESH)
    *_, with_refresh = decoded(npu, context, barrier=barrier)
    *_, without = decoded(quiet, context, barrier=barrier)
    tile = 32 * 5 + 3 * 30 + 14 + 2 * 32 + 2  # as expected before it is begun, the longest one
    lost = Fraction(REFRESH_APART, REFRESH_APART - REFRESH_CYCLES - tile)
    assert without <= with_refresh <= lost * without + REFRESH_CYCLES + tile


def test_published_timing_cuts_the_last_composite_of_a_tile() -> None:
    """512 tokens: S·V has 4 heads of 2 tiles of 32 COMPs, 64 cycles that are not waited for.

    Not quite: PIM_PRECHARGE waits for no COMPs any more, but the next vector takes 96.
    """
    corrected, published = machine(1, NO_REFRESH), machine(1, NO_REFRESH, AS_PUBLISHED)
    *_, slow = decoded(corrected, 512, **PUBLISHED)
    *_, fast = decoded(published, 512, **PUBLISHED)
    tiles = 512 // 32 + 4 * 2
    assert 4 * 64 <= slow - fast <= 4 * 2 * 64 + tiles * 12
    estimates = [
        estimated_cycles(device_of(npu), CachedRequest(512, 4, 1, 64, None))
        for npu in (corrected, published)
    ]
    assert estimates[0] - estimates[1] == 16 * 12 + 4 * 2 * 64


# -- order -----------------------------------------------------------------------------
def test_a_barrier_is_never_faster() -> None:
    """Without one, scores of the next request hide the softmax of this one."""
    for contexts in ((300,), (300, 300), (700, 100, 400, 250, 90, 33)):
        *_, free = decoded(machine(2, NO_REFRESH), *contexts)
        *_, waiting = decoded(machine(2, NO_REFRESH), *contexts, barrier=True)
        assert free <= waiting


def test_a_barrier_puts_all_scores_before_the_first_context() -> None:
    (phase,) = phases(model(), decoding(100, 200, 300, 50, 60))
    for barrier in (False, True):
        program = mapped(phase, machine(2), interleave="never", barrier=barrier)
        labels = [label for label, _ in labelled_runs(run_commands(program))]
        first, last = labels.index("context"), len(labels) - labels[::-1].index("scores") - 1
        assert (last < first) == barrier
        assert labels.count("scores") == 5 and labels.count("context") == 5 * 4


def test_writing_what_the_memory_needs_takes_time() -> None:
    """Queries, and a burst for each of a request's new values, 4 heads of 64 of them."""
    npu = machine(1, NO_REFRESH)
    _, corrected, slow = decoded(npu, 100)
    _, published, fast = decoded(npu, 100, writes="as_published")
    assert slow > fast
    queries, values = 256 * 2, 256 * 64 - 256 * 2
    assert corrected.write_bytes - published.write_bytes == queries + values
    assert corrected.read_bytes == published.read_bytes


# -- many channels ---------------------------------------------------------------------
def test_equal_requests_are_no_slower_on_more_channels() -> None:
    """Eight requests on 1, 2, 4 and 8 channels; on 8 they are all side by side."""
    found = [decoded(machine(n, NO_REFRESH), *[300] * 8)[2] for n in (1, 2, 4, 8)]
    assert found == sorted(found, reverse=True)
    assert 4 < found[0] / found[-1] <= 8
    *_, alone = decoded(machine(8, NO_REFRESH), 300)
    assert found[-1] < 1.5 * alone


def test_greedy_is_no_slower_than_taking_turns_where_that_is_uneven() -> None:
    """Long and short in turns: on two channels, one has all the long ones."""
    contexts = (900, 20, 901, 21, 902, 22)
    *_, greedy = decoded(machine(2, NO_REFRESH), *contexts)
    *_, turns = decoded(machine(2, NO_REFRESH), *contexts, requests="round_robin")
    assert greedy < 0.8 * turns


def test_more_in_the_memory_takes_longer() -> None:
    """Context, heads and requests: each adds work to the one channel that there is."""
    npu = machine(1, NO_REFRESH)
    base = decoded(npu, 300)[2]
    assert decoded(npu, 600)[2] > base
    assert decoded(npu, 300, heads=8)[2] > base
    assert decoded(npu, 300, 300)[2] > base


# -- who does it -----------------------------------------------------------------------
def kinds_of_attention(program: Program) -> set[QueueKind]:
    """Queues on which attention multiplies."""
    names = [info.name for info in program.operators]
    inside = {i for i, name in enumerate(names) if name.startswith("attention")}
    return {
        program.queues[c.queue].kind for c in program.commands() if c.macs and c.operator in inside
    }


def kinds(requests: list[Request], npu: NpuSpec, **pim: Any) -> set[QueueKind]:
    """Of the first phase, which is also simulated."""
    phase = phases(model(), requests)[0]
    program = mapped(phase, npu, interleave="never", **pim)
    execution = executed(program, npu)
    assert execution.dram is not None
    assert bool(execution.dram.unit_tiles) == bool(run_commands(program))
    return kinds_of_attention(program)


def test_decoded_tokens_are_multiplied_in_the_memory() -> None:
    assert kinds(decoding(100, 30), machine()) == {QueueKind.PIM}


def test_the_mapping_may_leave_it_to_the_matrix_units() -> None:
    (phase,) = phases(model(), decoding(100, 30))
    program = mapped(phase, attention="units")
    assert run_commands(program) == []
    execution = executed(program)
    assert execution.dram is not None
    unit_commands = ("GWRITE", "PIM_HEADER", "G_ACT", "COMP", "COMPS_READRES", "PIM_PRECHARGE")
    assert not any(execution.dram.commands[name] for name in unit_commands)
    assert execution.read_bytes >= 2 * (100 + 30) * 256 * 2, "keys and values come in"
    assert kinds_of_attention(program) == {QueueKind.MATRIX}


def test_nothing_of_it_is_fixed_in_the_memory() -> None:
    (phase,) = phases(model(), decoding(100))
    fixed = {"attention": TileChoice(unit="systolic_array")}
    for attention, said in (("units", False), ("memory", True)):
        spec = MappingSpec(pim=PimMappingSpec(attention=attention), operators=fixed)
        mapper = Mapper(machine(), spec)
        mapper.map(phase)
        if said:
            with pytest.raises(CyclelabError, match="attention in the memory has none"):
                mapper.check_patterns()
        else:
            mapper.check_patterns()


@pytest.mark.parametrize(("kv_heads", "faster"), [(8, QueueKind.PIM), (1, QueueKind.MATRIX)])
def test_the_faster_of_both_may_have_it(kv_heads: int, faster: QueueKind) -> None:
    """Eight heads that share their keys read them once on the matrix units, eight times here."""
    spec = model(heads=8, kv_heads=kv_heads, head_dim=128, hidden_size=1024)
    (phase,) = phases(spec, decoding(*[500] * 4))
    cycles = {}
    for attention in ("memory", "units", "auto"):
        program = mapped(phase, attention=attention)
        cycles[attention] = attention_of(program, executed(program))
        if attention == "auto":
            assert kinds_of_attention(program) == {faster}
    assert cycles["auto"] == min(cycles.values())


@pytest.mark.parametrize(
    "requests",
    [[Request(40, 0, 0), Request(40, 0, 0)], [Request(40, 0, 0), Request(0, 60, 1)]],
    ids=["prefill", "mixed"],
)
def test_prompts_use_the_matrix_units(requests: list[Request]) -> None:
    """Also those that decode beside them, in the same pass."""
    assert kinds(requests, machine()) == {QueueKind.MATRIX}


def test_a_memory_that_does_not_compute_leaves_all_to_the_matrix_units() -> None:
    plain = machine(
        4,
        "device=hbm2-2000",
        "device.organisation.counts.pseudo_channels=1",
        "device.organisation.counts.ranks=2",
        "controller.refresh=all_bank",
    )
    assert kinds(decoding(100), plain) == {QueueKind.MATRIX}


def test_a_single_row_buffer_is_no_faster() -> None:
    *_, dual = decoded(machine(2), 300, 700, 90)
    *_, single = decoded(machine(2, "device=hbm2-newton-single"), 300, 700, 90)
    assert dual < single
