"""The vector unit's closed forms, by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.experiment import load_experiment
from simulator.hardware.primitives import ActionCounts
from simulator.hardware.vector_unit.spec import VectorUnitSpec
from simulator.hardware.vector_unit.structure import vector_unit_parts
from simulator.hardware.vector_unit.work import VectorWork, vector_actions, vector_cycles

FUNCTIONS: dict[str, dict[str, Any]] = {
    "add": {"cycles_per_element": 1, "adds": 1},
    "norm": {"cycles_per_element": 2.5, "multiplies": 2, "adds": 1.5, "row_latency_cycles": 3},
    "tenth": {"cycles_per_element": 0.1},
}
UNIT = VectorUnitSpec.model_validate(
    {"lanes": 4, "format": "fp32", "latency_cycles": 7, "functions": FUNCTIONS}
)


def verbs(counts: ActionCounts) -> dict[str, int]:
    """Counts by the last part of the path."""
    return {action.path.rsplit(".", 1)[-1]: count for action, count in counts.counts.items()}


@pytest.mark.parametrize(
    "work, cycles",
    [
        (VectorWork("add", 8), 2),
        (VectorWork("add", 9), 3),  # the last one uses one lane of four
        (VectorWork("add", 1), 1),
        (VectorWork("add", 0), 0),
        # 10 x 2.5 = 25 slots on 4 lanes, 7 cycles; and 3 for each of two rows.
        (VectorWork("norm", 10, 2), 7 + 6),
        (VectorWork("norm", 10, 0), 7),
        # 0.1 x 120 is 12 slots: 3 cycles, not the 4 of binary fractions.
        (VectorWork("tenth", 120), 3),
    ],
)
def test_cycles(work: VectorWork, cycles: int) -> None:
    assert vector_cycles(UNIT, [work]) == cycles


def test_functions_follow_each_other() -> None:
    # Each rounds up on its own: 3 + 3 + (7 + 3).
    work = [VectorWork("add", 9), VectorWork("add", 9), VectorWork("norm", 10, 1)]
    assert vector_cycles(UNIT, work) == 16


def test_actions() -> None:
    # norm: 10 x 2 multiplies, 10 x 1.5 adds, 25 slots; add: 9 adds in 9 slots.
    counts = vector_actions(UNIT, [VectorWork("norm", 10, 2), VectorWork("add", 9)], "vector")
    assert verbs(counts) == {"multiplier": 20, "adder": 15 + 9, "registers": 25 + 9}
    assert all(action.path.startswith("vector.lane.") for action in counts.counts)
    formats = {action.primitive.formats for action in counts.counts}
    assert formats == {("fp32", "fp32"), ("fp32",), ()}
    (registers,) = (a for a in counts.counts if a.primitive.kind == "flip_flop")
    assert registers.verb == "write" and registers.primitive.bits == 4 * 32


@given(st.integers(0, 10**9), st.integers(1, 10**6))
def test_no_faster_than_its_lanes(elements: int, rows: int) -> None:
    cycles = vector_cycles(UNIT, [VectorWork("norm", elements, rows)])
    assert 0 <= cycles - 3 * rows - elements * 2.5 / 4 < 1


def test_parts_are_where_the_actions_happen() -> None:
    parts = vector_unit_parts(UNIT, "vector")
    assert {part.count for part in parts} == {4}
    counts = vector_actions(UNIT, [VectorWork("norm", 10)], "vector")
    assert {(p.path, p.primitive) for p in parts} == {(a.path, a.primitive) for a in counts.counts}


def test_unknown_function_names_the_nearest() -> None:
    with pytest.raises(CyclelabError, match=r"no function 'nrom'.*add, norm.*did you mean 'norm'"):
        vector_cycles(UNIT, [VectorWork("nrom", 1)])


COMPOSED = {
    "multiply": {"cycles_per_element": 1, "multiplies": 1},
    "silu": {"cycles_per_element": 0.1, "multiplies": 9, "adds": 9},
    "softmax": {"cycles_per_element": 0.2, "multiplies": 6, "adds": 8, "row_latency_cycles": 5},
}


def test_a_capped_softmax_is_a_scaling_a_sigmoid_and_a_softmax() -> None:
    keys = {"lanes": 4, "latency_cycles": 0, "functions": COMPOSED}
    unit = VectorUnitSpec.model_validate(keys)
    # 1 + 0.1 slots of 4 lanes; and 0.2 more, and 5 cycles for each of two rows.
    assert vector_cycles(unit, [VectorWork("softcap", 40)]) == 11
    assert vector_cycles(unit, [VectorWork("capped_softmax", 40, 2)]) == 13 + 2 * 5
    counts = vector_actions(unit, [VectorWork("capped_softmax", 40)], "vector")
    assert verbs(counts) == {"multiplier": 40 * 16, "adder": 40 * 17, "registers": 52}


def test_a_unit_may_have_a_soft_cap_of_its_own() -> None:
    own = COMPOSED | {"softcap": {"cycles_per_element": 2}}
    unit = VectorUnitSpec.model_validate({"lanes": 4, "latency_cycles": 0, "functions": own})
    assert vector_cycles(unit, [VectorWork("softcap", 40)]) == 20


def test_a_soft_cap_needs_what_it_is_made_of() -> None:
    with pytest.raises(CyclelabError, match="no function 'multiply'"):
        vector_cycles(UNIT, [VectorWork("softcap", 1)])


def test_at_least_one_function() -> None:
    with pytest.raises(ValueError, match="at least one function"):
        VectorUnitSpec.model_validate({"lanes": 4, "latency_cycles": 0, "functions": {}})


def test_softmax_on_tpuv3() -> None:
    # 2048 x 2048 scores at 9 slots each (counted in parts/vector_functions.yaml) on 2048
    # lanes: 2048 x 9 cycles.
    unit = load_experiment("llama2_7b_on_tpu").spec.machine.core.vector_unit
    assert unit.functions["softmax"].cycles_per_element == 9
    softmax = unit.functions["softmax"]
    cycles = vector_cycles(unit, [VectorWork("softmax", 2048 * 2048, 2048)])
    assert cycles == 2048 * 9 + 2048 * softmax.row_latency_cycles
