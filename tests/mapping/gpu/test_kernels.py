"""Kernels on a small GPU: cycles by hand, and laws that every program obeys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.cli import main
from simulator.config import CyclelabError
from simulator.mapping.errors import NoMappingError
from tests.mapping.gpu.small import L2_LATENCY, LATENCY, LAUNCH, gpu, gpu_document
from tests.mapping.result_laws import check_result, findings
from tests.mapping.small import INT8, gemms, programs, run, transformer
from tests.mapping.token_game import check_tokens, moved_bytes

BLOCK = {"operators": {"gemm": {"m": 16, "n": 16, "k": 32}}}
BEAT = 1
"""Cycles of a small transfer on the bus."""


def test_gemm_by_hand() -> None:
    """[32, 64] x [64, 32] in blocks of 16 x 16: two SMs with two blocks each, two slabs of 32.

    A block's slab is 16·16·32 products on one tensor core of 8 MACs: 1024 cycles, and each
    SM has two cores for its two blocks. A tile's load and drain take a cycle each.
    """
    loads = 2 * BEAT + LATENCY  # inputs, then weights behind them
    read = 1 + L2_LATENCY
    products = 2 * 1024 + 2
    write = 1 + L2_LATENCY
    store = BEAT + LATENCY
    result = run(gemms((32, 32, 64)), gpu_document(), BLOCK)
    assert result.cycles == LAUNCH + loads + read + products + write + store
    assert result.operators[0].compute_cycles == 2048


def test_bytes_by_hand() -> None:
    """All operands are read once, since a wave covers the result; blocks read them twice."""
    (op,) = run(gemms((32, 32, 64)), gpu_document(), BLOCK).operators
    assert op.bytes["dram_read"] == 2 * 32 * 64
    assert op.bytes["dram_write"] == 32 * 32
    assert op.bytes["shared_memory_write"] == 4 * 2 * 16 * 64
    # Blocks' reads, the read of the results by the store.
    assert op.bytes["l2_read"] == 4 * 2 * 16 * 64 + 32 * 32


def test_kernels_follow_each_other() -> None:
    """The second launch comes when the first kernel's results are in the cache."""
    one = run(gemms((32, 32, 64)), gpu_document()).cycles
    two = run(gemms((32, 32, 64), (32, 32, 64)), gpu_document()).cycles
    store = BEAT + LATENCY
    assert two == 2 * one - store


def test_one_block_at_a_time_is_not_overlapped() -> None:
    """With room for one block, a wave's loads wait for the results of the one before."""
    several = run(gemms((64, 64, 64)), gpu_document(), BLOCK).cycles
    single = run(gemms((64, 64, 64)), gpu_document(core={"max_blocks": 1}), BLOCK).cycles
    assert single > several + 2 * (LATENCY + 2 * L2_LATENCY)


def test_twice_the_weight_bits_are_twice_the_cycles() -> None:
    def cycles(bits: int) -> int:
        unit = {
            "kind": "lut_tensor_core",
            "columns": 8,
            "depth": 4,
            "weight_format": f"bipolar{bits}",
            "table_format": "int10",
        }
        precision = {**INT8, "weights": f"bipolar{bits}"}
        workload = {"gemms": [{"name": "gemm", "m": 64, "n": 64, "k": 512}], "precision": precision}
        machine = gpu_document(unit=unit, cores=1)
        machine["core"]["vector_unit"]["functions"]["half_table_4"] = {"cycles_per_element": 1}
        result = run(workload, machine, BLOCK)
        return next(op.compute_cycles for op in result.operators if op.kind == "matmul")

    assert cycles(4) == 2 * cycles(2) == 4 * cycles(1)


@pytest.mark.parametrize("wide", ["shared_memory", "register_file", "l2"])
def test_narrow_memories_slow_it_down(wide: str) -> None:
    document = gpu_document()
    fast = run(gemms((64, 64, 256)), document, BLOCK).cycles
    holder = document if wide == "l2" else document["core"]
    for key in holder[wide]:
        if "per_cycle" in key:
            holder[wide][key] = 2
    slow = run(gemms((64, 64, 256)), document, BLOCK)
    assert slow.cycles > 1.5 * fast
    (op,) = slow.operators
    assert op.stall_cycles.get("cache" if wide == "l2" else "port", 0) > op.compute_cycles / 2


def test_split_k_fills_the_sms() -> None:
    """A result of one block leaves the second SM idle unless blocks share k."""
    result = run(gemms((16, 16, 4096)), gpu_document())
    (op,) = result.operators
    assert op.mapping["k_split"] > 1
    assert op.bytes["dram_write"] == 16 * 16
    whole = run(gemms((16, 16, 4096)), gpu_document(cores=1), BLOCK).cycles
    assert result.cycles < 0.7 * whole


def test_k_is_shared_in_whole_groups() -> None:
    precision = {**INT8, "weight_group_size": 128}
    workload = {"gemms": [{"name": "gemm", "m": 16, "n": 16, "k": 4096}], "precision": precision}
    (op,) = run(workload, gpu_document()).operators
    assert op.mapping["k_split"] > 1
    assert 4096 // op.mapping["k_split"] % 128 == 0


def test_weights_are_converted_by_every_row_of_warps() -> None:
    """INT4 weights for an INT8 unit: blocks of two warps on top of each other do it twice."""
    workload = gemms((32, 32, 64)) | {"precision": {**INT8, "weights": "int4"}}
    result = run(workload, gpu_document(), BLOCK)
    # Two rows of blocks, one warp each, convert 32 x 64 weights: one slot of a lane each.
    assert result.phases[0].busy_cycles["gpu.vector_unit"] == 2 * 32 * 64 / 2 / 4


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"memory": {"bandwidth_bytes_per_s": 1e9}}, "memory_read"),
        ({"l2": {"bytes_per_cycle": 1, "latency_cycles": 300}}, "cache"),
    ],
)
def test_stalls_are_named_after_the_slowest(changes: dict[str, Any], cause: str) -> None:
    (op,) = run(gemms((16, 16, 2048)), gpu_document(**changes), BLOCK).operators
    assert max(op.stall_cycles, key=lambda name: op.stall_cycles[name]) == cause


def test_blocks_share_nothing_in_a_cache_that_holds_no_slab() -> None:
    document = gpu_document(l2={"capacity_bytes": 64})
    (op,) = run(gemms((32, 32, 64)), document, BLOCK).operators
    assert op.bytes["dram_read"] == 2 * 2 * 32 * 64  # two blocks per row and per column


SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90), st.integers(1, 300), st.integers(1, 3))


@st.composite
def machines(draw: st.DrawFn) -> dict[str, Any]:
    """Small GPUs of every proportion."""
    narrow = st.sampled_from([1, 8, 1 << 20])
    return gpu_document(
        cores=draw(st.integers(1, 3)),
        core={
            "max_blocks": draw(st.integers(1, 4)),
            "shared_memory": {
                "capacity_bytes": draw(st.sampled_from([4096, 65536])),
                "bytes_per_cycle": draw(narrow),
            },
        },
        l2={
            "capacity_bytes": draw(st.sampled_from([1024, 1 << 20])),
            "copies": draw(st.integers(1, 2)),
            "bytes_per_cycle": draw(narrow),
            "latency_cycles": draw(st.sampled_from([0, 20])),
        },
        memory={
            "bandwidth_bytes_per_s": draw(st.sampled_from([0.7e9, 31.3e9, 1e12])),
            "latency_s": draw(st.sampled_from([0.0, 1e-7])),
            "queue_depth": draw(st.sampled_from([1, 64])),
        },
        launch_overhead_s=draw(st.sampled_from([0.0, 5e-8])),
    )


@settings(max_examples=40, deadline=None)
@given(machines(), st.lists(SIZES, min_size=1, max_size=3))
def test_any_gemms_on_any_gpu(
    machine: dict[str, Any], sizes: list[tuple[int, int, int, int]]
) -> None:
    result = run(gemms(*sizes), machine)
    check_result(result)
    assert findings(result) == findings(run(gemms(*sizes), machine, every_event=True))


@settings(max_examples=40, deadline=None)
@given(st.lists(SIZES, min_size=1, max_size=3), st.integers(1, 3), st.sampled_from([1024, 1 << 20]))
def test_tokens_of_gemms(sizes: list[tuple[int, int, int, int]], sms: int, cache: int) -> None:
    """No timing can lead to a deadlock, and every byte of the operands is read."""
    machine = gpu(cores=sms, l2={"capacity_bytes": cache})
    for program in programs(gemms(*sizes), machine):
        check_tokens(program)
        for index, info in enumerate(program.operators):
            read, written = moved_bytes(program, index)
            assert read >= info.read_bytes
            assert written == info.write_bytes


MODELS: list[dict[str, Any]] = [
    {"prefill_tokens": 24, "decode_steps": 2},
    {"prefill_tokens": 1, "batch": 6, "decode_steps": 1},
    {"context_tokens": 300, "prefill_tokens": 0, "decode_steps": 2, "batch": 2},
]


@pytest.mark.parametrize("workload", MODELS)
@pytest.mark.parametrize("fuse", ["auto", "never"])
@pytest.mark.parametrize("cache", [2048, 1 << 20])
def test_transformers(tmp_path: Path, workload: dict[str, Any], fuse: str, cache: int) -> None:
    full = {"model": transformer(tmp_path), "precision": {**INT8, "lm_head": "int8"}, **workload}
    mapping = {"fuse_attention": fuse}
    document = gpu_document(l2={"capacity_bytes": cache})
    result = run(full, document, mapping)
    check_result(result)
    assert findings(result) == findings(run(full, document, mapping, every_event=True))
    for program in programs(full, gpu(l2={"capacity_bytes": cache}), fuse_attention=fuse):
        check_tokens(program)


def test_experts_of_different_loads(tmp_path: Path) -> None:
    """A grouped kernel: one grid per load, all of one launch."""
    model = transformer(tmp_path, model_type="mixtral", num_local_experts=4, num_experts_per_tok=2)
    workload = {"model": model, "prefill_tokens": 9, "decode_steps": 1, "precision": INT8}
    check_result(run(workload, gpu_document()))
    for program in programs(workload, gpu()):
        check_tokens(program)


# -- what cannot be ------------------------------------------------------------------


def test_a_loop_order_is_refused() -> None:
    with pytest.raises(CyclelabError, match=r"gemm.order: thread blocks of a GPU have no loop"):
        run(gemms((8, 8, 8)), gpu_document(), {"operators": {"gemm": {"order": "mn"}}})


def test_a_block_that_cuts_a_step_is_refused() -> None:
    with pytest.raises(CyclelabError, match=r"gemm.m: 3 is no multiple of 2, which tensor_core"):
        run(gemms((8, 8, 8)), gpu_document(), {"operators": {"gemm": {"m": 3}}})


def test_a_block_that_does_not_fit() -> None:
    blocks = {"operators": {"gemm": {"m": 512, "n": 512, "k": 512}}}
    with pytest.raises(NoMappingError, match=r"524,288 bytes of the shared_memory.*65,536 free"):
        run(gemms((512, 512, 512)), gpu_document(), blocks)


def test_too_many_sums_for_the_registers() -> None:
    blocks = {"operators": {"gemm": {"m": 512, "n": 512, "k": 2}}}
    with pytest.raises(NoMappingError) as error:
        run(gemms((512, 512, 512)), gpu_document(), blocks)
    # Sums of 4 bytes, fragments and 8 registers per thread.
    assert error.value.needed_bytes > 512 * 512 * 4
    assert str(error.value).endswith(
        "fix smaller ones, or raise machine.core.register_file.capacity_bytes by at least that"
    )


@pytest.mark.parametrize(
    ("key", "tight", "enough", "message"),
    [
        (
            "max_registers_per_thread",
            12,
            13,
            r"its smallest tiles need 13 registers per thread, but machine\.core\."
            r"max_registers_per_thread is 12 \(1 missing\); raise machine\.core\."
            r"max_registers_per_thread, or lower machine\.core\.spare_registers_per_thread$",
        ),
        (
            "spare_registers_per_thread",
            251,
            250,
            r"need 256 registers per thread.* is 255 \(1 missing\)",
        ),
    ],
)
def test_too_few_registers_per_thread(key: str, tight: int, enough: int, message: str) -> None:
    """A warp's 16 x 8 sums are 4 registers of a thread, two fragments of 2 x (16 + 8) bytes 1."""
    document = gpu_document()
    document["core"][key] = tight
    with pytest.raises(NoMappingError, match=message):
        run(gemms((64, 64, 64)), document)
    document["core"][key] = enough
    run(gemms((64, 64, 64)), document)


def attention(folder: Path) -> dict[str, Any]:
    """One layer over 96 tokens: two key/value heads of two query heads of 64."""
    model = transformer(folder, num_hidden_layers=1, head_dim=64)
    return {"model": model, "precision": {**INT8, "lm_head": "int8"}, "prefill_tokens": 96}


def test_the_smallest_attention_block(tmp_path: Path) -> None:
    """8 query tokens of 2 heads of 64, and 32 keys and values of 64, twice: 1024 + 2 · 4096."""
    document = gpu_document()
    document["core"]["shared_memory"]["capacity_bytes"] = 9215
    with pytest.raises(NoMappingError, match=r"9,216 bytes.*9,215 free \(1 bytes missing\)"):
        run(attention(tmp_path), document, {"fuse_attention": "always"})
    document["core"]["shared_memory"]["capacity_bytes"] = 9216
    run(attention(tmp_path), document, {"fuse_attention": "always"})


def test_attention_needs_a_warp_on_every_sub_core(tmp_path: Path) -> None:
    document = gpu_document()
    document["core"]["max_threads"] = 32
    message = r"'attention'.*need 64 threads, but machine.core.max_threads is 32 \(32 missing\)"
    with pytest.raises(NoMappingError, match=message):
        run(attention(tmp_path), document, {"fuse_attention": "always"})


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        # 192 rows: scores of 32 keys and sums of 64 in INT32, probabilities in INT8, over four
        # warps 156 registers per thread, and 8 to spare.
        ({"query_tokens": 4096}, r"need 83,968 bytes of the register_file.*\(18,432 bytes miss"),
        # All 96 keys and values twice, and queries of 16 rows.
        ({"keys": 4096}, r"need 25,600 bytes of the shared_memory.*\(13,600 bytes missing"),
    ],
)
def test_a_fixed_attention_block_that_does_not_fit(
    tmp_path: Path, choice: dict[str, int], message: str
) -> None:
    document = gpu_document()
    if "keys" in choice:
        document["core"]["shared_memory"]["capacity_bytes"] = 12000
    mapping = {"operators": {"attention": choice}}
    with pytest.raises(NoMappingError, match=message) as error:
        run(attention(tmp_path), document, mapping)
    assert "the tiles fixed by mapping.operators.attention" in str(error.value)
    assert str(error.value).count("smaller") == 1


def test_fixed_attention_blocks_are_no_larger_than_the_phase(tmp_path: Path) -> None:
    mapping = {"operators": {"attention": {"query_tokens": 32, "keys": 4096}}}
    workload = attention(tmp_path) | {"prefill_tokens": 48, "decode_steps": 1}
    result = run(workload, gpu_document(), mapping)
    blocks = [op.mapping for op in result.operators if op.name == "attention"]
    assert [(b["query_tokens"], b["keys"]) for b in blocks] == [(32, 48), (1, 49)]


def test_a_grid_of_too_many_blocks() -> None:
    """2049 x 1024 blocks of 16 x 16: 1024 more than 2²¹."""
    with pytest.raises(CyclelabError) as error:
        run(gemms((2049 * 16, 1024 * 16, 32)), gpu_document(), BLOCK)
    for part in ("'gemm'", "2,098,176 thread blocks of 16×16", "at most 2,097,152", "operators"):
        assert part in str(error.value)


def test_units_are_divided_among_sub_cores() -> None:
    with pytest.raises(CyclelabError, match=r"count: 3 tensor_core cannot be divided evenly"):
        gpu(unit={"count": 3})


def test_an_unknown_kind_of_machine() -> None:
    with pytest.raises(CyclelabError, match=r"unknown kind of machine 'gpo'.*did you mean 'gpu'"):
        run(gemms((8, 8, 8)), {**gpu_document(), "kind": "gpo"})


def test_an_npu_setting_on_a_gpu() -> None:
    document = gpu_document()
    document["core"]["scratchpad"] = {"capacity_bytes": 1}
    with pytest.raises(CyclelabError, match=r"core.scratchpad: unknown key 'scratchpad'"):
        run(gemms((8, 8, 8)), document)


def test_a_wrong_choice_is_said_where_it_stands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(
        "name: wrong\nmachine: a100\nworkload:\n  gemms: [{name: gemm, m: 8, n: 8, k: 8}]\n"
        "  precision: {weights: fp16, activations: fp16}\nmapping:\n  operators:\n"
        '    "gem*":\n      m: 64\n      order: mn\n',
        "utf-8",
    )
    assert main(["run", str(path)]) == 2
    assert "wrong.yaml:10: mapping.operators.gem*.order: thread blocks" in capsys.readouterr().err


def test_the_machine_of_the_docs_page_runs_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).parents[3] / "docs" / "gpu.md").read_text("utf-8")
    (example,) = [part for part in page.split("```yaml\n")[1:] if part.startswith("include:")]
    (tmp_path / "mine.yaml").write_text(example.split("```")[0], "utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["gemm", "64", "64", "64", "--machine", "mine.yaml"]) == 0
    assert "my_gpu" in capsys.readouterr().out
