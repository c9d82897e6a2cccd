"""Latencies inside SRAM: what the sources say, and messages where they say nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.config import CyclelabError
from simulator.hardware.sram_pim.latencies import latency_names, latency_table

WIDTHS = (8, 16, 32, 64)


def test_every_shipped_table_adds_multiplies_and_says_where_from() -> None:
    assert latency_names() == ["infinity_stream", "mve", "neural_cache"]
    for name in latency_names():
        table = latency_table(name)
        assert table.name == name
        assert 0 < table.add(8) < table.multiply(8) < table.multiply(16)
        assert table.multiply_float("fp32") > 0 < table.add_float("fp32")
        assert all(table.sources().values())


@pytest.mark.parametrize(
    ("name", "adds", "products"),
    [
        ("neural_cache", [n + 1 for n in WIDTHS], [102, 334, 1182, 4414]),
        ("infinity_stream", list(WIDTHS), [n * n // 2 for n in WIDTHS]),
        ("mve", list(WIDTHS), [42, 152, 560, 2144]),
    ],
)
def test_integers_take_the_published_cycles(
    name: str, adds: list[int], products: list[int]
) -> None:
    table = latency_table(name)
    assert [table.add(n) for n in WIDTHS] == adds
    assert [table.multiply(n) for n in WIDTHS] == products


def test_mve_has_floats_conversions_and_moves() -> None:
    table = latency_table("mve")
    assert (table.add_float("fp16"), table.add_float("fp32")) == (135, 351)
    assert (table.multiply_float("fp16"), table.multiply_float("fp32")) == (90, 346)
    assert [table.widen(*pair) for pair in ((8, 16), (8, 32), (16, 32), (32, 64))] == [
        8,
        24,
        16,
        32,
    ]
    assert table.widen(32, 8) == 0
    assert [table.subtract(n) for n in WIDTHS] == [16, 32, 64, 128]
    assert [table.copy(n) for n in WIDTHS] == [8, 16, 32, 64]
    assert [table.compare(n) for n in WIDTHS] == [16, 32, 64, 128]
    assert [table.minimum(n) for n in WIDTHS] == [32, 64, 128, 256]
    assert [table.shift(n) for n in WIDTHS] == [32, 80, 192, 448]


def test_a_width_between_two_takes_as_long_as_the_wider() -> None:
    table = latency_table("mve")
    assert [table.multiply(n) for n in (1, 9, 17, 33)] == [42, 152, 560, 2144]
    assert latency_table("infinity_stream").multiply(5) == 13  # 12.5, whole cycles


def test_borrowed_operations_name_the_table_they_are_of() -> None:
    table = latency_table("neural_cache")
    assert table.origins["multiply"] == "neural_cache"
    assert table.origins["add_float"] == "mve"
    assert table.add_float("fp32") == latency_table("mve").add_float("fp32")
    assert "MVE" in table.sources()["add_float"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: latency_table("neural_cash"), "did you mean 'neural_cache'"),
        (lambda: latency_table("neural_cache").subtract(8), "no 'subtract'; they have add"),
        (lambda: latency_table("neural_cache").add_float("bf16"), "'mve' have 'add_float' of fp16"),
        (lambda: latency_table("mve").multiply(65), "of 1 to 64 bits, not of 65"),
        (lambda: latency_table("mve").add(0), "of 1 to 64 bits, not of 0"),
    ],
)
def test_what_a_table_lacks_is_a_message(call: object, message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        call()  # type: ignore[operator]


SOURCED = "source: test, quality: assumed"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (f"operations:\n  ad: {{coefficients: [1], {SOURCED}}}", 3, "did you mean 'add'"),
        (f"operations:\n  add: {{{SOURCED}}}", 3, "either `coefficients` or `cycles`"),
        (f"operations:\n  add: {{coefficients: [1, -1], {SOURCED}}}", 3, "2 bits take -1"),
        (f"operations:\n  add: {{cycles: {{int9x: 3}}, {SOURCED}}}", 3, "int9"),
        (f"operations:\n  add: {{cycles: {{fp32: 3}}, {SOURCED}}}", 3, "expected int and a width"),
        ("operations:\n  add: {coefficients: [1], quality: assumed}", 3, "missing key 'source'"),
        ("operations: {}\nborrowed: {table: mev, operations: [add]}", 3, "did you mean 'mve'"),
        ("operations: {}\nborrowed: {table: own.yaml, operations: [add]}", 3, "in a circle"),
        (
            "operations: {}\nborrowed: {table: neural_cache, operations: [copy]}",
            3,
            "have no 'copy'",
        ),
    ],
)
def test_a_table_of_ones_own_is_checked(tmp_path: Path, text: str, line: int, message: str) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(f"name: own\n{text}\n")
    with pytest.raises(CyclelabError, match=message) as raised:
        latency_table(file)
    assert f"own.yaml:{line}" in str(raised.value)
