"""GEMMs on the arrays beside a small CPU's cache: cycles by hand, bounds, and laws."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from simulator.config import ConfigError, CyclelabError
from simulator.report.explain import explain
from simulator.report.result import Result
from tests.mapping.cpu.small import (
    BARRIER,
    CACHE_LATENCY,
    LATENCY,
    SLICE_LATENCY,
    arrays_document,
    cpu,
    cpu_document,
)
from tests.mapping.result_laws import check_result, findings
from tests.mapping.small import INT8, gemms, programs, run
from tests.mapping.token_game import check_tokens

ON_ARRAYS = {"operators": {"gemm*": {"unit": "sram_pim"}}}
W4 = {**INT8, "weights": "int4"}


def product(m: int, n: int, k: int, **precision: Any) -> dict[str, Any]:
    return gemms((m, n, k)) | {"precision": {**W4, **precision}}


def on_arrays(workload: dict[str, Any], document: dict[str, Any], **options: Any) -> Result:
    return run(workload, document, ON_ARRAYS, **options)


def table_cycles(k: int, w: int, a: int, depth: int, batch: int) -> int:
    """One array, layout bit_serial: writes, additions of n + 1 cycles, look-ups, reads."""
    groups, wide = -(-depth // k), w + (k - 1).bit_length()
    acc = a + w + (depth - 1).bit_length()
    build = groups * (2**k - k - 1) * (wide + 1)
    lookup = groups * batch * sum(acc - plane for plane in range(a))
    return groups * k * w + build + lookup + batch * acc


def test_gemv_by_hand() -> None:
    """[1, 16] x [16, 256] of INT4: one block of columns, tables of four, one array.

    With a single slice, there is no network to cross.
    """
    one = arrays_document({"basis_weights": 4}, arrays_per_slice=1)
    document = cpu_document(llc={"slices": 1}, arrays=one)
    result = on_arrays(product(1, 256, 16), document)
    (op,) = result.operators
    assert op.mapping["k_shares"] == 1
    inputs_and_weights = 2 + LATENCY
    feed = 1 + SLICE_LATENCY
    # 4 tables: 4·4 writes, 11 additions of 7 cycles; 8 planes of 16 - i bits; 16 reads.
    look_up = 4 * (16 + 11 * 7 + (16 * 8 - 28)) + 16
    assert look_up == table_cycles(4, 4, 8, 16, 1)
    drain, store = 1, 1 + LATENCY
    expected = BARRIER + inputs_and_weights + feed + look_up + drain + store
    assert result.cycles == expected
    assert op.compute_cycles == look_up - 16 - 4 * 16


def test_shares_of_k_are_added_by_cores() -> None:
    """[1, 64] x [64, 256] on four arrays: 16 of k each, then three additions per output."""
    document = cpu_document(arrays=arrays_document({"basis_weights": 4}))
    result = on_arrays(product(1, 256, 64), document)
    (op,) = result.operators
    assert op.mapping["k_shares"] == 4
    look_up = table_cycles(4, 4, 8, 16, 1)
    gather = 1 + CACHE_LATENCY
    add = 3 * 128 // 4  # of 256 outputs on two cores, four lanes each
    write = 1 + CACHE_LATENCY
    way = BARRIER + 4 + LATENCY + 1 + CACHE_LATENCY  # three beats of weights, one of inputs
    assert result.cycles == way + look_up + 1 + gather + add + write + 1 + LATENCY


def test_scales_of_groups() -> None:
    """Groups of 16 on one array: sums of each leave apart, to be scaled by cores or arrays."""
    workload = product(1, 256, 32, weight_group_size=16)
    changes = {"arrays_per_slice": 1, "array": {"kind": "sram_pim", "basis_weights": 4}}
    one = {"slices": 1}
    by_cores = on_arrays(workload, cpu_document(llc=one, arrays=arrays_document() | changes))
    (op,) = by_cores.operators
    assert op.mapping["conversion"] == "cores"
    # With cores that take long to scale, arrays that convert are worth it.
    changes["conversion_arrays_per_slice"] = 1
    slow = cpu_document(llc=one, arrays=arrays_document() | changes)
    slow["core"]["vector_unit"]["functions"]["scale_add"]["cycles_per_element"] = 100
    by_arrays = on_arrays(workload, slow)
    (op,) = by_arrays.operators
    assert op.mapping["conversion"] == "arrays"
    busy = by_cores.phases[0].busy_cycles, by_arrays.phases[0].busy_cycles
    assert busy[0]["cpu.sram_pim"] == busy[1]["cpu.sram_pim"] == 2 * table_cycles(4, 4, 8, 16, 1)
    assert busy[0]["cpu.sram_pim_drain"] < busy[1]["cpu.sram_pim_drain"]
    # Cores have two sums per output to scale, on four lanes each, or nothing.
    assert (busy[0]["cpu.simd"], busy[1].get("cpu.simd", 0)) == (2 * 128 // 4, 0)


def test_infinite_bandwidth_leaves_the_arrays() -> None:
    """Many steps, wide ways: as long as the arrays, beside what fills and empties."""
    document = cpu_document(arrays=arrays_document({"basis_weights": 4}))
    result = on_arrays(product(1, 65536, 64), document)
    busy = result.phases[0].busy_cycles["cpu.sram_pim"]
    fixed = BARRIER + 2 * LATENCY + 4 * CACHE_LATENCY
    assert busy <= result.cycles <= 1.02 * busy + fixed


def test_no_bandwidth_leaves_the_bytes() -> None:
    document = cpu_document(
        arrays=arrays_document({"basis_weights": 4}), memory={"bandwidth_bytes_per_s": 1e8}
    )
    result = on_arrays(product(1, 1024, 1024), document)
    moved = 1024 * 1024 // 2 + 1024 + 1024
    assert result.phases[0].cycles == pytest.approx(10 * moved, rel=0.01)


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 9), st.integers(1, 2000), st.integers(1, 600))
def test_more_of_anything_is_not_slower(m: int, n: int, k: int) -> None:
    def cycles(slices: int, bandwidth: float) -> int:
        llc = {"slices": slices, "slice_bytes": (1 << 20) // slices}
        memory = {"bandwidth_bytes_per_s": bandwidth}
        document = cpu_document(llc=llc, memory=memory, arrays=arrays_document())
        return on_arrays(product(m, n, k), document).cycles

    # The choice of shares is by estimate, and what it leaves out is in the fill.
    slack = 4 * (LATENCY + CACHE_LATENCY)
    assert cycles(2, 8e9) <= cycles(2, 4e9) + slack
    assert cycles(4, 8e9) <= cycles(2, 8e9) + slack


@settings(max_examples=20, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    st.integers(1, 20),
    st.integers(1, 700),
    st.integers(1, 300),
    st.sampled_from(("int2", "int4", "int3", "int8")),
    st.sampled_from((0, 16, 32)),
    st.sampled_from(("bit_serial", "bit_parallel")),
    st.sampled_from((None, {}, {"scope": "batch", "hit_cycles": 2})),
    st.sampled_from((0, 2)),
)
def test_laws(
    m: int,
    n: int,
    k: int,
    weights: str,
    group: int,
    layout: str,
    reuse: dict[str, Any] | None,
    conversion: int,
) -> None:
    workload = product(m, n, k, weights=weights, weight_group_size=group)
    array = {"layout": layout, "reuse": reuse}
    arrays = arrays_document(array, conversion_arrays_per_slice=conversion)
    result = on_arrays(workload, cpu_document(arrays=arrays))
    check_result(result)
    assert findings(result) == findings(
        on_arrays(workload, cpu_document(arrays=arrays), every_event=True)
    )
    spec = cpu(arrays=arrays)
    for program in programs(workload, spec, operators={"gemm*": {"unit": "sram_pim"}}):
        check_tokens(program)


def test_reuse_spares_look_ups_and_nothing_else() -> None:
    workload = product(1, 1024, 512)
    plain = arrays_document({"basis_weights": 4})
    without = on_arrays(workload, cpu_document(arrays=plain))
    remembering = arrays_document({"basis_weights": 4, "reuse": {}})
    with_it = on_arrays(workload, cpu_document(arrays=remembering))
    busy = [each.phases[0].busy_cycles["cpu.sram_pim"] for each in (without, with_it)]
    assert 0.8 * busy[0] < busy[1] < 0.95 * busy[0]
    assert without.operators[0].bytes == with_it.operators[0].bytes
    assert without.operators[0].macs == with_it.operators[0].macs


def test_who_works_is_chosen_by_time() -> None:
    """Cores with narrow caches leave products to arrays; arrays with a slow clock to cores."""
    slow_cores = {"private_cache": {"capacity_bytes": 65536, "bytes_per_cycle": 1}}
    arrays = arrays_document({"basis_weights": 4})
    workload = product(4, 2048, 1024)
    (op,) = run(workload, cpu_document(core=slow_cores, arrays=arrays)).operators
    assert op.unit == "sram_pim"
    arrays["clock"] = {"frequency_hz": 1e6}
    (op,) = run(workload, cpu_document(arrays=arrays)).operators
    assert op.unit == "simd_dot"


def test_floats_are_for_the_cores() -> None:
    unit = {"input_format": "fp32", "weight_format": "fp32", "accumulator_format": "fp32"}
    floats = dict.fromkeys(INT8, "fp32")
    document = cpu_document(unit=unit, arrays=arrays_document())
    (op,) = run(gemms((1, 32, 64)) | {"precision": floats}, document).operators
    assert op.unit == "simd_dot"
    with pytest.raises(CyclelabError, match="multiplies integers, not fp32"):
        on_arrays(gemms((1, 32, 64)) | {"precision": floats}, document)


FITS = r"need \d+ rows, the array has 256; what fits: basis_weights of at most 4 for that batch"


def test_tables_that_do_not_fit() -> None:
    """The message has rows needed and there, and what would fit, wherever products may go."""
    with pytest.raises(ConfigError, match=r"array.basis_weights: .* the array has 256; what fits"):
        cpu(arrays=arrays_document({"basis_weights": 6}))
    # Tables of five INT4 weights fit; of INT8, four would.
    document = cpu_document(arrays=arrays_document({"basis_weights": 5}))
    for mapping in (ON_ARRAYS, None):
        with pytest.raises(ConfigError, match=f"array.basis_weights: operator 'gemm': .*{FITS}"):
            run(product(1, 256, 64, weights="int8"), document, mapping)


def test_operands_that_fit_no_table_are_for_the_cores() -> None:
    """INT8 sums of 16,384 inputs have 30 bits: with an entry of 8, and 2 more, 40 rows."""
    spec = cpu(arrays=arrays_document({"rows": 39}))

    def unit(depth: int, **mapping: Any) -> str:
        (program,) = programs(product(1, 256, depth, weights="int8"), spec, **mapping)
        return program.operators[0].unit

    assert unit(64, **ON_ARRAYS) == "sram_pim"
    assert unit(16384) == "simd_dot"
    with pytest.raises(CyclelabError, match=r"gemm\*.unit: .*nothing, use more rows"):
        unit(16384, **ON_ARRAYS)


def test_arrays_in_a_cache_leave_room_for_data() -> None:
    """A slice of 512 KiB holds 64 arrays of 8 KiB."""
    assert cpu(arrays=arrays_document(in_cache=True)).on_chip_bytes == 2 * (62 << 13)
    with pytest.raises(ConfigError, match="expected fewer arrays_per_slice"):
        cpu(arrays=arrays_document(in_cache=True, arrays_per_slice=64))


def test_feed_is_as_slow_as_its_narrowest_way() -> None:
    """One byte per cycle into each slice: half of all weights, and its inputs."""
    arrays = arrays_document({"basis_weights": 4}, feed_bytes_per_cycle=1)
    result = on_arrays(product(1, 512, 1024), cpu_document(arrays=arrays))
    assert result.phases[0].busy_cycles["cpu.sram_pim_feed"] >= 512 * 1024 // 2 // 2


@pytest.mark.parametrize(
    ("stage", "changes", "memory"),
    [
        ("memory", {}, {"bandwidth_bytes_per_s": 1e9}),
        ("feed", {"feed_bytes_per_cycle": 1}, {}),
        ("arrays", {}, {}),
        ("drain", {"drain_bytes_per_cycle": 1}, {}),
    ],
)
def test_the_slowest_stage_is_named(
    stage: str, changes: dict[str, Any], memory: dict[str, Any]
) -> None:
    """[1, 16] x [16, 8192]: 64 KiB of weights, 32 KiB of sums, 32 blocks of columns.

    One byte per cycle is slower than all else wherever it is.
    """
    arrays = arrays_document({"basis_weights": 4}, **changes)
    (op,) = on_arrays(product(1, 8192, 16), cpu_document(arrays=arrays, memory=memory)).operators
    assert op.mapping["slowest_stage"] == stage


def test_few_arrays_that_convert_are_said_to_be_slowest() -> None:
    """Sums of eight arrays are converted by two, and by a single narrow core even later."""
    arrays = arrays_document(arrays_per_slice=8, conversion_arrays_per_slice=2)
    document = cpu_document(arrays=arrays, cores=1)
    document["core"]["vector_unit"]["lanes"] = 1
    result = on_arrays(product(32, 2048, 1024, weight_group_size=32), document)
    (op,) = result.operators
    assert op.mapping["conversion"] == "arrays"
    assert op.mapping["slowest_stage"] == "conversion"
    assert "as long as the conversion arrays take" in " ".join(explain(result, "gemm*").split())
