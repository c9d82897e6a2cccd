"""Late commands behind the next round's early ones: order, and no deadlock in any timing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import load_preset, validate
from simulator.hardware.gpu import GpuSpec
from simulator.hardware.machine import MachineSpec
from simulator.mapping.delay import Delay
from simulator.mapping.program import Command, Item, Loop
from tests.mapping.gpu.small import gpu, gpu_document
from tests.mapping.result_laws import check_result, findings
from tests.mapping.small import INT8, machine_document, programs, run, transformer
from tests.mapping.token_game import check_tokens, executed


def command(label: str, core: int = 0) -> Command:
    return Command(queue=core, operator=0, label=label)


def delay(ahead: int = 1) -> Delay:
    """Capital letters are late, `l` passes, `p` prepares."""
    return Delay(
        core_of=lambda c: c.queue,
        passes=lambda c: c.label == "l",
        ahead=ahead,
        prepares=lambda c: c.label == "p",
        is_late=lambda c: c.label.isupper(),
    )


def order(items: list[Item], ahead: int = 1) -> str:
    delayed = delay(ahead)
    out = [*delayed.items(items), *delayed.rest()]
    return "".join(c.label for c in executed(tuple(out)))


def round_of(letters: str, core: int = 0) -> list[Item]:
    return [command(letter, core) for letter in letters]


def test_late_ones_go_behind_loads_and_the_next_preparation() -> None:
    assert order(round_of("lpmABlpmCDlpm")) == "lpmlpABmlpCDm"


def test_and_no_further() -> None:
    assert order(round_of("lpmAlpmlpmBlpm")) == "lpmlpAmlpmlpBm"


def test_without_preparation_they_stay_in_front_of_what_needs_operands() -> None:
    assert order(round_of("lpmAlmBmC")) == "lpmlAmBmC"


def test_a_loop_keeps_its_length() -> None:
    loop = Loop(5, tuple(round_of("pmAB")))
    assert order([loop]) == "pm" + "pABm" * 4 + "AB"
    assert [type(item) for item in delay().items([loop])] == [Command, Command, Loop]


def test_several_preparations_ahead() -> None:
    assert order(round_of("plplAplplBplp"), ahead=2) == "plplplpAlplpB"
    assert order(round_of("plAplBpl"), ahead=2) == "plplAplB"


def test_loops_in_loops() -> None:
    outer = Loop(4, (Loop(3, tuple(round_of("pmA"))), *round_of("mpB")))
    assert order([outer]) == order(list(executed((outer,))))


def test_what_is_held_behind_a_loop_is_prepared_for_in_it() -> None:
    """Rounds count up to three, and only then are all of them equal."""
    loop = Loop(1000, tuple(round_of("pl")))
    out = delay(ahead=3).items([*round_of("pmA"), loop])
    assert [type(item) for item in out] == [Command] * (2 + 7) + [Loop]
    assert "".join(c.label for c in executed(tuple(out[:-1]))) == "pm" + "plplpAl"
    assert out[-1].count == 1000 - 3 and out[-1].body == loop.body  # type: ignore[union-attr]


LETTERS = st.builds(command, st.sampled_from("lpmAB"), st.integers(0, 1))
NESTS = st.recursive(
    LETTERS,
    lambda inner: st.builds(
        lambda count, body: Loop(count, tuple(body)),
        st.integers(1, 7),
        st.lists(inner, min_size=1, max_size=5),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.lists(NESTS, max_size=4), st.integers(1, 9))
def test_any_nest_of_loops_is_in_the_order_of_its_rounds_written_out(
    nest: list[Item], ahead: int
) -> None:
    """Command for command, and what is held at the end."""
    loops, written_out = delay(ahead), delay(ahead)
    order = list(executed(tuple(loops.items(nest))))
    assert order == written_out.items(executed(tuple(nest)))
    assert loops.rest() == written_out.rest()


@settings(max_examples=100, deadline=None)
@given(st.lists(NESTS, min_size=1, max_size=4), st.integers(1, 9))
def test_no_command_is_lost_and_cores_keep_their_order(nest: list[Item], ahead: int) -> None:
    """Late ones stay in order, and so do all others."""
    before = list(executed(tuple(nest)))
    delayed = delay(ahead)
    after = list(executed((*delayed.items(nest), *delayed.rest())))
    for core in (0, 1):
        for late in (True, False):
            kept = [c for c in before if c.queue == core and c.label.isupper() == late]
            assert kept == [c for c in after if c.queue == core and c.label.isupper() == late]


def test_cores_are_apart() -> None:
    items = [*round_of("pmA", 0), *round_of("pmX", 1), *round_of("pnB", 0), *round_of("poY", 1)]
    assert order(items) == "pmpmpAnpXoBY"


GROUPED = {**INT8, "weights": "int4", "weight_group_size": 16}
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(17, 90))


def workload(sizes: tuple[int, int, int], zero_points: bool) -> dict[str, Any]:
    precision = GROUPED | (
        {"weight_zero_point": "uint4", "weights": "uint4"} if zero_points else {}
    )
    gemm = dict(zip(("name", "m", "n", "k"), ("gemm", *sizes), strict=True))
    return {"gemms": [gemm], "precision": precision}


@st.composite
def npus(draw: st.DrawFn) -> dict[str, Any]:
    buffers = draw(st.integers(1, 3))
    document = machine_document(
        accumulator_bytes=draw(st.sampled_from([None, 4000])),
        scratchpad={"capacity_bytes": draw(st.sampled_from([6000, 100_000])), "buffers": buffers},
        cores=draw(st.integers(1, 2)),
        core={"queue_depth": draw(st.sampled_from([1, 16]))},
    )
    if "accumulator" in document["core"]:
        document["core"]["accumulator"]["buffers"] = draw(st.integers(1, 2))
    return document


def check(work: dict[str, Any], document: dict[str, Any], spec: MachineSpec) -> None:
    for program in programs(work, spec):  # type: ignore[arg-type]
        check_tokens(program)
    result = run(work, document)
    check_result(result)
    assert findings(result) == findings(run(work, document, every_event=True))


@settings(max_examples=25, deadline=None)
@given(npus(), SIZES, st.booleans())
def test_converted_groups_on_any_npu(
    document: dict[str, Any], sizes: tuple[int, int, int], zero_points: bool
) -> None:
    check(workload(sizes, zero_points), document, _npu(document))


def _npu(document: dict[str, Any]) -> MachineSpec:
    from simulator.config import Document
    from simulator.hardware.npu import NpuSpec

    return validate(NpuSpec, Document.from_data(document, "machine"))


@settings(max_examples=15, deadline=None)
@given(SIZES, st.booleans(), st.integers(1, 3), st.integers(1, 4))
def test_converted_groups_on_any_gpu(
    sizes: tuple[int, int, int], zero_points: bool, sms: int, blocks: int
) -> None:
    changes: dict[str, Any] = {"cores": sms, "core": {"max_blocks": blocks}}
    check(workload(sizes, zero_points), gpu_document(**changes), gpu(**changes))


@pytest.mark.parametrize("machine", ["a100", "a100_lut_4x"])
@pytest.mark.parametrize(
    ("weights", "sizes", "group"),
    [
        ("int4", (1, 4096, 11008), 4096),
        ("int4", (16, 4096, 4096), 1024),
        ("int2", (300, 512, 14336), 10000),
        ("uint4", (300, 4096, 11008), 2048),
        ("uint4", (1, 512, 14336), 5504),
    ],
)
def test_groups_of_many_slabs(
    machine: str, weights: str, sizes: tuple[int, int, int], group: int
) -> None:
    """Of a GPU: what is scaled waits behind more conversions than the first round makes."""
    precision = {**INT8, "weights": weights, "weight_group_size": group}
    if weights.startswith("u"):
        precision["weight_zero_point"] = "uint4"
    gemm = dict(zip(("name", "m", "n", "k"), ("gemm", *sizes), strict=True))
    work: dict[str, Any] = {"gemms": [gemm], "precision": precision}
    document = load_preset("machines", machine)
    for program in programs(work, validate(GpuSpec, document)):  # type: ignore[arg-type]
        check_tokens(program)
    result = run(work, document.data)
    check_result(result)
    assert findings(result) == findings(run(work, document.data, every_event=True))


def test_conversion_and_scaling_overlap_with_products() -> None:
    """The vector unit has as much to do as the array; together they take little more."""
    document = machine_document()
    document["core"]["vector_unit"]["lanes"] = 1
    result = run(workload((64, 64, 1024), zero_points=False), document)
    busy = result.phases[0].busy_cycles
    vector, matrix = busy["core0.vector_unit"], busy["core0.systolic_array"]
    assert vector == 64 * 1024 + 64 * 64 * 1024 // 16 * 1
    assert result.cycles < 1.1 * max(vector, matrix)


@pytest.mark.parametrize("buffers", [1, 2])
@pytest.mark.parametrize("accumulators", [None, 1, 2])
@pytest.mark.parametrize("group", [0, 8])
def test_converted_weights_of_a_model(
    tmp_path: Path, buffers: int, accumulators: int | None, group: int
) -> None:
    """Several tiles of k per output, epilogues with further inputs, one buffer of each."""
    precision = {**INT8, "weights": "int4", "lm_head": "int8"}
    if group:
        precision["weight_group_size"] = group  # type: ignore[assignment]
    work = {"model": transformer(tmp_path), "prefill_tokens": 20, "decode_steps": 1}
    document = machine_document(
        accumulator_bytes=None if accumulators is None else 2000,
        scratchpad={"capacity_bytes": 3000, "buffers": buffers},
        core={"queue_depth": 1},
    )
    if accumulators is not None:
        document["core"]["accumulator"]["buffers"] = accumulators
    fixed = {"operators": {"*_proj": {"m": 8, "n": 8, "k": 8}}}
    full = {**work, "precision": precision}
    for program in programs(full, _npu(document), **fixed):  # type: ignore[arg-type]
        check_tokens(program)
    check_result(run(full, document, fixed))
