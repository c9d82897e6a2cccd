"""Late commands behind the next round's early ones: order, and no deadlock in any timing."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.machine import MachineSpec
from simulator.mapping.delay import Delay
from simulator.mapping.program import Command, Item, Loop
from tests.mapping.gpu.small import gpu, gpu_document
from tests.mapping.result_laws import check_result, findings
from tests.mapping.small import INT8, machine_document, programs, run
from tests.mapping.token_game import check_tokens, executed


def command(label: str, core: int = 0) -> Command:
    return Command(queue=core, operator=0, label=label)


def order(items: list[Item]) -> str:
    delay = Delay(lambda c: c.queue, lambda c: c.label.isupper())
    out = [*delay.items(items), *delay.rest()]
    return "".join(c.label for c in executed(tuple(out)))


def round_of(early: str, late: str, core: int = 0) -> list[Item]:
    return [command(letter, core) for letter in early + late]


def test_straight() -> None:
    items = [*round_of("a", "A"), *round_of("b", "B"), *round_of("c", "CD"), *round_of("d", "")]
    assert order(items) == "abAcBdCD"


def test_a_loop_keeps_its_length() -> None:
    loop = Loop(5, tuple(round_of("ab", "AB")))
    assert order([loop]) == "ab" + "abAB" * 4 + "AB"
    delay = Delay(lambda c: c.queue, lambda c: c.label.isupper())
    first, second, rest = delay.items([loop])
    assert isinstance(rest, Loop) and rest.count == 4
    assert [c.label for c in (first, second) if isinstance(c, Command)] == ["a", "b"]


def test_loops_in_loops() -> None:
    inner = Loop(3, tuple(round_of("a", "A")))
    outer = Loop(4, (inner, *round_of("b", "B")))
    plain = order([c for c in executed((outer,))])
    assert order([outer]) == plain
    assert sorted(plain) == sorted("aaaAAAbB" * 4)


def test_cores_are_apart() -> None:
    items = [*round_of("a", "A", 0), *round_of("x", "X", 1), *round_of("b", "B", 0)]
    items += round_of("y", "Y", 1)
    assert order(items) == "axbAyXBY"


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
    from simulator.config import Document, validate
    from simulator.hardware.npu import NpuSpec

    return validate(NpuSpec, Document.from_data(document, "machine"))


@settings(max_examples=15, deadline=None)
@given(SIZES, st.booleans(), st.integers(1, 3), st.integers(1, 4))
def test_converted_groups_on_any_gpu(
    sizes: tuple[int, int, int], zero_points: bool, sms: int, blocks: int
) -> None:
    changes: dict[str, Any] = {"cores": sms, "core": {"max_blocks": blocks}}
    check(workload(sizes, zero_points), gpu_document(**changes), gpu(**changes))


def test_conversion_and_scaling_overlap_with_products() -> None:
    """The vector unit has as much to do as the array; together they take little more."""
    document = machine_document()
    document["core"]["vector_unit"]["lanes"] = 1
    result = run(workload((64, 64, 1024), zero_points=False), document)
    busy = result.phases[0].busy_cycles
    vector, matrix = busy["core0.vector_unit"], busy["core0.systolic_array"]
    assert vector == 64 * 1024 + 64 * 64 * 1024 // 16 * 1
    assert result.cycles < 1.1 * max(vector, matrix)
