"""Lists of parts in YAML: what they say, cost, and refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.cli import main
from simulator.config import Document
from simulator.cost.unit import unit_cost
from simulator.hardware.parts_list import PRIMITIVES
from simulator.hardware.primitives import CELLS
from simulator.hardware.units import unit_from, unit_title
from tests.cost.helpers import technology

DOT_PRODUCT = """
kind: parts
name: DP4
macs: 4
parts:
  products: {multiplier: int8*int8, count: 4}
  tree: {adder: int16, count: 3}
  sum: {adder: int32}
  accumulator: {flip_flop: 32}
  spare: {flip_flop: 8, count: 2, acts: 0}
"""


def written(folder: Path, text: str = DOT_PRODUCT) -> str:
    path = folder / "pe.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def test_by_hand(tmp_path: Path) -> None:
    from simulator.config import load_document

    unit = unit_from(load_document(written(tmp_path)))
    assert unit_title(unit) == "DP4"
    cost = unit_cost(unit, technology("45nm"))
    area = 4 * 341.28 + 3 * 86.45 + 183.27 + (32 + 2 * 8) * 4.52
    assert cost.area_um2.value == pytest.approx(area)
    clock = 0.0058 * 1.4
    energy = 4 * 0.2 + 3 * (0.03 * 0.1) ** 0.5 + 0.1 + 32 * (0.0039 + clock)
    assert cost.energy_pj_per_mac.value == pytest.approx(energy / 4)
    assert cost.macs_per_cycle == 4
    # 4 MACs of two operations at 1 GHz: 8 · 10⁹ operations per second.
    assert cost.peak_tops(1e9) == pytest.approx(0.008)
    busy = cost.busy_power_w(1e9).value
    assert busy == pytest.approx(energy * 1e-3 + area * 1e-6 * 0.0222 * 0.9 / 1.1)


def test_every_primitive_has_a_price() -> None:
    values = {
        **dict.fromkeys(CELLS, 8),
        "multiplier": "int4*fp16",
        "adder": "bf16",
        "register_file": {"words": 16, "bits": 12},
        "sram": {"bytes": 32768, "bits": 64},
        "wire": {"bits": 64, "length_um": 1000},
    }
    assert set(values) == set(PRIMITIVES)
    parts = {name: {name: value} for name, value in values.items()}
    cost = unit_cost(
        unit_from(Document.from_data({"kind": "parts", "parts": parts})), technology("28nm")
    )
    for part in cost.parts:
        assert part.energy_pj_per_mac.value > 0, part.path
        assert part.area_um2.value > 0 or part.path in ("wire", "clock.active")


def test_the_command_prices_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", written(tmp_path), "--technology", "28nm"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("DP4 · technology 28nm")
    assert "int8 × int8 multiplier" in shown and "clock pins and tree" in shown
    assert max(map(len, shown.splitlines())) <= 100


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{adder: int32}", "{adder: int32, mux2: 3}", "pe.yaml:8: .*found adder and mux2"),
        ("{adder: int32}", "{count: 3}", "pe.yaml:8: .*found none, expected one of multiplier"),
        ("{adder: int32}", "{ader: int32}", "unknown key 'ader'.*did you mean 'adder'"),
        ("{adder: int32}", "{adder: int3x}", "pe.yaml:.*sum: unknown number format 'int3x'"),
        ("{adder: int32}", "{multiplier: int8}", "found 1 operand formats, expected 2"),
        ("flip_flop: 32", "flip_flop: 0", "found 0"),
        ("{adder: int32}", "{sram: {bytes: 100, bits: 64}}", "no sram bank of 100 bytes"),
        ("{adder: int32}", "{register_file: {words: 3, bits: 3}}", "no whole number of bytes"),
        ("{adder: int32}", "{sram: {bytes: 32768, bits: 64, ports: 2}}", "with 2 ports"),
        ("macs: 4", "macs: 0", "macs: found 0"),
        ("acts: 0", "acts: 3", "acts is 3, expected at most the count of 2"),
        ("count: 2, acts", "count: 0, acts", "count: found 0"),
        ("spare:", "clock.spare:", "the clock is counted by itself"),
        ("kind: parts", "kind: [parts]", "as kind: this is no machine"),
        ("kind: parts\n", "", "as kind: this is no machine"),
        ("kind: parts", "kind: part", "did you mean 'parts'"),
    ],
)
def test_mistakes(
    tmp_path: Path, old: str, new: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    import re

    assert old in DOT_PRODUCT
    assert main(["cost", written(tmp_path, DOT_PRODUCT.replace(old, new))]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert re.search(message, said, re.DOTALL), said
