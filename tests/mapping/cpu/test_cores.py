"""Kernels on a small CPU's cores: cycles and bytes by hand, and laws of every program."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import Tile
from simulator.mapping.cpu.cost import core_share, near_bytes
from simulator.mapping.cpu.resources import CpuResources
from tests.mapping.cpu.small import BARRIER, CACHE_LATENCY, LATENCY, cpu, cpu_document
from tests.mapping.result_laws import check_result, findings
from tests.mapping.small import INT8, gemms, programs, run, transformer
from tests.mapping.token_game import check_tokens

WHOLE = {"operators": {"gemm": {"n": 32}}}


def test_gemv_by_hand() -> None:
    """[1, 64] x [64, 32] in one tile: each core has 16 columns, two at a time, k in fours."""
    load = 2 + LATENCY  # inputs, then weights behind them
    read = 1 + CACHE_LATENCY
    products = (16 // 2) * (64 // 4) + 2  # a tile's load and drain take a cycle each
    write = 1 + CACHE_LATENCY
    store = 1 + LATENCY
    result = run(gemms((1, 32, 64)), cpu_document(), WHOLE)
    assert result.cycles == BARRIER + load + read + products + write + store
    assert result.operators[0].compute_cycles == 8 * 16


def test_bytes_by_hand() -> None:
    """Weights come once; both cores read all inputs, and each its own weights."""
    (op,) = run(gemms((1, 32, 64)), cpu_document(), WHOLE).operators
    assert op.bytes["dram_read"] == 64 + 64 * 32
    assert op.bytes["dram_write"] == 32
    assert op.bytes["llc_read"] == 2 * 64 + 64 * 32 + 32  # also results, on their way out
    # Every weight for the one row, every input once per block of four columns.
    assert op.bytes["private_cache_read"] >= 64 * 32 + 64 * 32 // 4


def test_weights_meet_as_many_rows_as_registers_hold() -> None:
    resources = CpuResources(cpu())
    assert near_bytes(resources, Tile(1, 8, 16), 8, 8) == 8 * 16 + 2 * 16
    assert near_bytes(resources, Tile(4, 8, 16), 8, 4) == 8 * 16 // 2 + 2 * 4 * 16
    assert near_bytes(resources, Tile(5, 8, 16), 8, 8) == 2 * 8 * 16 + 2 * 5 * 16


def test_narrow_columns_are_shared_by_rows() -> None:
    """One block of two columns is for one core; so each core takes half of the rows."""
    unit = CpuResources(cpu()).matrix_units[0]
    share = core_share(unit, Tile(8, 2, 16), cores=2)
    assert (share.rows, share.columns, share.row_ways) == (4, 2, 2)
    share = core_share(unit, Tile(8, 16, 16), cores=2)
    assert (share.rows, share.columns, share.row_ways) == (8, 8, 1)


def test_narrow_weights_are_unpacked_by_the_same_pipes() -> None:
    """16 columns of 64 codes on four lanes: 256 cycles before the products start."""
    workload = gemms((1, 32, 64)) | {"precision": {**INT8, "weights": "int4"}}
    wide = run(gemms((1, 32, 64)), cpu_document(), WHOLE).cycles
    assert run(workload, cpu_document(), WHOLE).cycles == wide + 16 * 64 // 4


def test_scales_of_groups_take_a_slot_per_sum() -> None:
    workload = gemms((1, 32, 64)) | {"precision": {**INT8, "weight_group_size": 16}}
    plain = run(gemms((1, 32, 64)), cpu_document(), WHOLE).cycles
    found = run(workload, cpu_document(), WHOLE).cycles
    # Four groups of 16 columns on four lanes. (Scales are two more bytes per group: one cycle
    # of memory holds them, too.)
    assert found == plain + 4 * 16 // 4


def test_kernels_follow_each_other() -> None:
    one = run(gemms((1, 32, 64)), cpu_document()).cycles
    two = run(gemms((1, 32, 64), (1, 32, 64)), cpu_document()).cycles
    assert two == 2 * one - (1 + LATENCY)


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"memory": {"bandwidth_bytes_per_s": 1e9}}, "memory_read"),
        ({"llc": {"core_bytes_per_cycle": 1}}, "cache"),
    ],
)
def test_stalls_are_named_after_the_slowest(changes: dict[str, Any], cause: str) -> None:
    (op,) = run(gemms((1, 64, 2048)), cpu_document(**changes)).operators
    assert max(op.stall_cycles, key=lambda name: op.stall_cycles[name]) == cause


def test_more_rows_than_the_cache_has_room_for() -> None:
    """Blocks of rows: weights stay in the cache, or come again for every block."""
    (op,) = run(gemms((4096, 64, 512)), cpu_document()).operators
    # Half of the cache is for what streams, half of that for inputs: 256 KiB are 512 rows.
    assert op.mapping["rows"] == 512
    assert op.bytes["dram_read"] == 4096 * 512 + 64 * 512
    (op,) = run(gemms((4096, 1024, 512)), cpu_document()).operators
    assert op.bytes["dram_read"] == 4096 * 512 + 8 * 1024 * 512


@pytest.mark.parametrize("fixed", [{"k": 4}, {"order": "mn"}])
def test_what_cannot_be_fixed(fixed: dict[str, Any]) -> None:
    with pytest.raises(CyclelabError, match=r"m, n, stages and unit\s+can be fixed"):
        run(gemms((1, 32, 64)), cpu_document(), {"operators": {"gemm": fixed}})


def test_a_cache_that_holds_no_tile() -> None:
    tiny = cpu_document(llc={"slice_bytes": 1024})
    with pytest.raises(CyclelabError, match="llc"):
        run(gemms((1, 32, 65536)), tiny)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(*(st.integers(1, most) for most in (70, 200, 300, 9))),
        min_size=1,
        max_size=3,
    ),
    st.sampled_from(("int8", "int4", "int3")),
    st.sampled_from((0, 16, 32)),
)
def test_laws_of_gemms(shapes: list[tuple[int, int, int, int]], weights: str, group: int) -> None:
    workload = gemms(*shapes) | {
        "precision": {**INT8, "weights": weights, "weight_group_size": group}
    }
    result = run(workload, cpu_document())
    check_result(result)
    assert findings(result) == findings(run(workload, cpu_document(), every_event=True))


@pytest.mark.parametrize("prefill", [0, 70])
@pytest.mark.parametrize("fuse", ["auto", "never"])
def test_transformers(tmp_path: Path, prefill: int, fuse: str) -> None:
    """Layers repeat exactly, tokens of all programs come back, and the laws hold."""
    work = {
        "model": transformer(tmp_path),
        "prefill_tokens": prefill,
        "context_tokens": 0 if prefill else 33,
        "decode_steps": 2,
        "precision": INT8,
    }
    result = run(work, cpu_document(), {"fuse_attention": fuse})
    check_result(result)
    again = run(work, cpu_document(), {"fuse_attention": fuse}, every_event=True)
    assert findings(result) == findings(again)
    for program in programs(work, cpu(), fuse_attention=fuse):
        check_tokens(program)
