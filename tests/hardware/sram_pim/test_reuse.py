"""Reuse of patterns: who finds what again, how often, and what it saves."""

from __future__ import annotations

import csv
import time
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import Tile
from simulator.hardware.sram_pim.lut_gemv import LutGemv
from simulator.hardware.sram_pim.reuse import (
    ActivationSpec,
    ReuseSpec,
    expected_rate,
    hits,
    patterns,
    saved_cycles,
)
from simulator.hardware.sram_pim.spec import SramPimSpec

RATES = Path(__file__).parent / "prt_hit_rates.csv"
UNIFORM, GAUSSIAN = ActivationSpec(distribution="uniform"), ActivationSpec(sigma=32)


def rate(spec: ReuseSpec, drawn: ActivationSpec, k: int, batch: int, depth: int) -> float:
    found = patterns(drawn.draw((batch, depth), 8), 8, k)
    return float(hits(found, 8, spec).mean())


def test_patterns_by_hand() -> None:
    # Two rows, three inputs of 2 bits, groups of 2; -2 is 10, 1 is 01, -1 is 11.
    found = patterns(np.array([[1, -2, -1], [0, 1, -2]]), 2, 2)
    # Group 0, row 0: low bits 1, 0 -> 01; high bits 0, 1 -> 10. Row 1: 0, 1 -> 10; 0.
    # Group 1 is filled up with a zero.
    assert found.tolist() == [[1, 2, 2, 0], [1, 1, 0, 1]]


def test_hits_by_hand() -> None:
    found = np.array([[1, 2, 1, 3, 2, 1], [1, 1, 2, 3, 3, 2]])
    assert hits(found, 2, ReuseSpec()).astype(int).tolist() == [
        [0, 0, 1, 0, 1, 1],
        [0, 1, 0, 0, 1, 1],
    ]
    # Two entries: 1 is used, so 3 takes the place of 2, which takes that of 1.
    assert hits(found, 2, ReuseSpec(entries=2)).astype(int).tolist() == [
        [0, 0, 1, 0, 0, 0],
        [0, 1, 0, 0, 1, 1],
    ]
    # Rows of two planes for themselves.
    for spec in (ReuseSpec(scope="batch"), ReuseSpec(flush="row")):
        assert hits(found, 2, spec).astype(int).tolist() == [
            [0, 0, 0, 0, 0, 0],
            [0, 1, 0, 0, 0, 0],
        ]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 7), min_size=12, max_size=12), min_size=1, max_size=5),
    st.integers(1, 10),
)
def test_it_is_a_table_that_drops_what_was_used_longest_ago(
    streams: list[list[int]], entries: int
) -> None:
    expected = []
    for stream in streams:
        table: OrderedDict[int, None] = OrderedDict()
        row = []
        for pattern in stream:
            row.append(pattern in table)
            table[pattern] = None
            table.move_to_end(pattern)
            if len(table) > entries:
                table.popitem(last=False)
        expected.append(row)
    assert hits(np.array(streams), 4, ReuseSpec(entries=entries)).tolist() == expected


def test_entries_found_again_are_the_same_entries() -> None:
    # With values put in place of patterns, what is at hand on a hit is what the table holds.
    rng = np.random.default_rng(3)
    found = patterns(ActivationSpec(seed=4).draw((3, 40), 8), 8, 4)
    tables = rng.integers(-100, 100, (len(found), 16))
    hit = hits(found, 8, ReuseSpec())
    for group, stream in enumerate(found):
        at_hand: dict[int, int] = {}
        for pattern, spared in zip(stream, hit[group], strict=True):
            assert spared == (pattern in at_hand)
            entry = at_hand[pattern] if spared else tables[group, pattern]
            assert entry == tables[group, pattern]
            at_hand[pattern] = entry


@pytest.mark.parametrize(("batch", "expected"), [(1, 0.193), (8, 0.754)])
def test_the_closed_form_for_uniform_patterns(batch: int, expected: float) -> None:
    assert expected_rate(4, batch, 8) == pytest.approx(expected, abs=5e-4)
    for k in (2, 3, 4, 5):
        drawn = rate(ReuseSpec(), UNIFORM, k, batch, 4096 * k)
        assert drawn == pytest.approx(expected_rate(k, batch, 8), abs=0.006)


@pytest.mark.parametrize("bits", [4, 8, 16])
def test_any_width_of_activations(bits: int) -> None:
    found = patterns(UNIFORM.draw((2, 8192), bits), bits, 4)
    drawn = float(hits(found, bits, ReuseSpec()).mean())
    assert drawn == pytest.approx(expected_rate(4, 2, bits), abs=0.01)


def rows() -> list[dict[str, str]]:
    with RATES.open() as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


@pytest.mark.parametrize("row", rows(), ids=lambda row: f"k{row['nbw']}-b{row['batch']}")
def test_rates_of_gaussian_activations(row: dict[str, str]) -> None:
    k, batch = int(row["nbw"]), int(row["batch"])
    # The figures are of one draw of K = 512: as many tables give their spread.
    ours = [
        rate(ReuseSpec(), GAUSSIAN.model_copy(update={"seed": seed}), k, batch, 512)
        for seed in range(12)
    ]
    spread = float(np.std(ours))
    assert abs(float(row["prt_hit_rate"]) - np.mean(ours)) <= 4 * spread + 5e-4


def phases_of(k: int, depth: int) -> tuple[int, int, list[int]]:
    """Cycles of layout A at batch 1: all, look-ups, and those of each plane of a group."""
    gemv = LutGemv(SramPimSpec(basis_weights=k).array_layout, k)
    phases = gemv.phases(Tile(1, gemv.outputs, depth))
    sum_bits = gemv.layout.accumulator_bits(depth)
    return phases.total - phases.read_out, phases.lookup, [sum_bits - i for i in range(8)]


def test_phases_are_those_of_the_formulas() -> None:
    # K = 1024, k = w = 4: 256 groups; load 256·16, build 256·11·7, look-ups 256·148.
    assert phases_of(4, 1024)[:2] == (4096 + 19712 + 37888, 37888)


@pytest.mark.parametrize(
    ("drawn", "by_rate", "by_plane"), [(UNIFORM, 0.119, 0.110), (GAUSSIAN, 0.176, 0.157)]
)
def test_what_reuse_saves(drawn: ActivationSpec, by_rate: float, by_plane: float) -> None:
    total, look_ups, planes = phases_of(4, 1024)
    samples = 256
    found = patterns(drawn.draw((1, samples * 1024), 8), 8, 4)
    hit = hits(found, 8, ReuseSpec())
    # With every look-up as long as the mean one.
    assert hit.mean() * look_ups / total == pytest.approx(by_rate, abs=0.002)
    # Plane by plane: the lowest one, which takes longest, never hits at batch 1.
    saved = saved_cycles(hit, planes, ReuseSpec()).sum() / samples / total
    assert saved == pytest.approx(by_plane, abs=0.002)
    assert 0.09 <= saved <= 0.20  # 13.8 % is published, of activations that are not known


def test_the_mean_saving_of_a_single_draw_varies() -> None:
    # 18.7 % is of one draw of K = 512, whose rate was 0.3037: near the end of what draws give.
    total, look_ups, _ = phases_of(4, 1024)
    ours = [
        rate(ReuseSpec(), GAUSSIAN.model_copy(update={"seed": seed}), 4, 1, 512) * look_ups / total
        for seed in range(100)
    ]
    assert 0.3037 * look_ups / total == pytest.approx(0.187, abs=5e-4)
    assert min(ours) < 0.187 < max(ours)


def test_a_hit_may_take_cycles() -> None:
    hit = np.array([[False, True], [True, True]])
    assert saved_cycles(hit, [10, 4], ReuseSpec()).sum() == 10 + 2 * 4
    assert saved_cycles(hit, [10, 4], ReuseSpec(hit_cycles=1)).sum() == 9 + 2 * 3
    assert saved_cycles(hit, [10, 4], ReuseSpec(hit_cycles=5)).sum() == 5 - 2


def test_more_entries_and_larger_batches_hit_more() -> None:
    by_entries = [rate(ReuseSpec(entries=n), UNIFORM, 6, 4, 4096) for n in (1, 4, 16, 32, 64)]
    assert by_entries == sorted(by_entries) and by_entries[0] < by_entries[-1]
    by_batch = [rate(ReuseSpec(), GAUSSIAN, 4, batch, 1024) for batch in (1, 2, 8, 32)]
    assert by_batch == sorted(by_batch)
    alone = [rate(ReuseSpec(scope="batch"), GAUSSIAN, 4, batch, 4096) for batch in (1, 8)]
    assert alone[0] == pytest.approx(alone[1], abs=0.02)


def test_a_wide_layer_takes_a_moment() -> None:
    drawn = GAUSSIAN.draw((32, 13_824), 8)
    start = time.process_time()
    assert hits(patterns(drawn, 8, 4), 8, ReuseSpec()).mean() > 0.9
    assert time.process_time() - start < 1
    assert hits(patterns(drawn, 8, 8), 8, ReuseSpec()).shape == (1728, 256)
    assert time.process_time() - start < 5


def test_draws_are_what_they_say() -> None:
    assert np.array_equal(GAUSSIAN.draw((3, 5), 8), GAUSSIAN.draw((3, 5), 8))
    assert not np.array_equal(GAUSSIAN.draw((3, 5), 8), ActivationSpec(seed=1).draw((3, 5), 8))
    values = ActivationSpec().draw((100_000,), 4)  # sigma 2
    assert (values.min(), values.max()) == (-8, 7)
    assert values.std() == pytest.approx(2, rel=0.02)
    assert set(UNIFORM.draw((10_000,), 4)) == set(range(-8, 8))


def test_messages() -> None:
    with pytest.raises(CyclelabError, match="do not fit int4"):
        patterns(np.array([[8]]), 4, 4)
    with pytest.raises(CyclelabError, match="found shape"):
        patterns(np.array([8]), 4, 4)
    with pytest.raises(CyclelabError, match="activations of 17 bits: expected 1 to 16"):
        UNIFORM.draw((1,), 17)
    with pytest.raises(CyclelabError, match="patterns of 0 bits"):
        patterns(np.array([[8]]), 8, 0)
    with pytest.raises(CyclelabError, match="expected patterns"):
        hits(np.zeros((2, 3), dtype=np.intp), 2, ReuseSpec())
    with pytest.raises(ValidationError, match="sigma: has no meaning with a uniform"):
        ActivationSpec(distribution="uniform", sigma=3)
