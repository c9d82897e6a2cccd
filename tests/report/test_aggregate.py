import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.report.aggregate import operator_groups, phase_groups, split_exclusive
from simulator.report.result import Result
from tests.report.cases import one_operator

CAUSES = ("port", "drain", "memory_read", "buffer_space", "dependency", "issue", "a_new_cause")


@given(
    compute=st.integers(0, 1000),
    stalls=st.dictionaries(st.sampled_from(CAUSES), st.integers(1, 1000)),
    exclusive=st.integers(0, 10_000),
)
def test_split_adds_up_to_exclusive(compute: int, stalls: dict[str, int], exclusive: int) -> None:
    op = one_operator("memory", compute + 1, stalls).operators[0]
    op.exclusive_cycles = exclusive
    split = split_exclusive(op)
    assert sum(split.values()) == exclusive
    at_work = split.pop("compute", 0) + split.pop("overhead", 0)
    assert at_work == min(exclusive, compute + 1)
    assert split.pop("other", 0) == max(0, exclusive - op.cycles)
    assert all(cycles <= stalls[cause] for cause, cycles in split.items())


def test_what_peak_would_take_is_computing() -> None:
    op = one_operator("memory", 930, {"memory_read": 70}, compute_bound=10).operators[0]
    assert split_exclusive(op) == {"compute": 10, "overhead": 920, "memory_read": 70}


def test_waiting_for_others_is_what_overlaps() -> None:
    op = one_operator("vector", 50, {"dependency": 900, "drain": 40}).operators[0]
    op.exclusive_cycles = 95
    assert split_exclusive(op) == {"compute": 50, "drain": 40, "dependency": 5}


def test_decode_steps_are_one_group(result: Result) -> None:
    prefill, decode = phase_groups(result)
    assert (prefill.label, decode.label) == ("prefill", "decode ×2")
    assert decode.cycles == sum(p.cycles for p in result.phases[1:])
    assert decode.generated == 2
    assert decode.energy_j.high == pytest.approx(sum(p.energy_j.high for p in result.phases[1:]))


def test_groups_conserve_everything(result: Result) -> None:
    groups = operator_groups(result)
    ops = result.operators
    assert sum(g.count for g in groups) == len(ops)
    assert sum(g.cycles for g in groups) == sum(op.cycles for op in ops)
    assert sum(g.exclusive_cycles for g in groups) == result.cycles
    assert sum(g.dram_bytes for g in groups) == sum(
        op.bytes["dram_read"] + op.bytes["dram_write"] for op in ops
    )
    for group in groups:
        assert sum(group.time_cycles.values()) == group.exclusive_cycles
        assert group.cycles == group.compute_cycles + sum(group.stall_cycles.values())
    for label in ("prefill", "decode ×2"):
        assert sum(g.share for g in groups if g.phase == label) == pytest.approx(1)


def test_utilisation_is_macs_over_peak(result: Result) -> None:
    group = next(g for g in operator_groups(result) if g.name == "gate_up_proj")
    assert group.count == 4
    assert group.utilisation == pytest.approx(group.macs / (group.cycles * 32768))
