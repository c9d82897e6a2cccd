import io
import re
from dataclasses import replace

import pytest

from simulator.report.console import summary, wants_colour
from simulator.report.result import Estimate, Result
from simulator.report.units import SPACE, count, percent, seconds
from simulator.report.words import short_paths
from tests.report.cases import one_operator
from tests.report.factory import make_result


def plain(text: str) -> str:
    return text.replace(SPACE, " ")


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_fits_a_hundred_columns(steps: int) -> None:
    lines = make_result(layers=3, decode_steps=steps).summary().splitlines()
    assert max(len(line) for line in lines) <= 100
    assert not any(line != line.rstrip() for line in lines)


def test_fits_with_long_names_and_large_numbers(result: Result) -> None:
    long = "a_component_with_a_very_long_name." * 3
    operators = [
        replace(op, name=f"{op.name}_{long}", kind="a_very_long_kind", bound="dependency")
        for op in result.operators
    ]
    huge = Estimate(1.2345e5, 1.1e4, 9.9e6)
    stretched = replace(
        result,
        name=long * 3,
        operators=operators,
        area_by_component={f"{long}{i}": huge for i in range(12)},
        energy_by_component={f"{long}{i}": Estimate(999, 111, 999) for i in range(12)},
        workload={"name": long, "description": long * 4} | {f"key_{i}": 10**12 for i in range(30)},
    )
    assert max(len(line) for line in stretched.summary().splitlines()) <= 100


def test_key_numbers_are_there(result: Result) -> None:
    text = plain(result.summary())
    first = result.time_to_first_token_s
    for fact in (
        count(result.cycles),
        seconds(result.seconds),
        seconds(first),
        percent(result.utilisation),
        "90.3 mm² (65.5–131)",
        "decode ×2",
        "940 MHz",
        "450 GB/s",
        "gate_up_proj ×4",
        "prefill is compute-bound",
        "decode ×2 is memory-bound",
        result.configuration_hash[:12],
    ):
        assert plain(fact) in text


def test_shares_of_a_phase_are_printed(result: Result) -> None:
    lines = plain(result.summary()).splitlines()
    line = next(line for line in lines if line.startswith("gate_up_proj ×8"))
    group = next(
        g for g in result.by_operator() if g.name == "gate_up_proj" and g.phase == "decode ×2"
    )
    assert plain(percent(group.share)) in line
    assert "DRAM read" in line and "memory" in line


def test_runs_without_tokens_have_dashes() -> None:
    text = summary(one_operator("compute", 1000, {"drain": 100}))
    assert re.search(r"to first token +–\n", text)
    assert "one_gemm" in text


def test_colour_changes_no_character(result: Result) -> None:
    coloured = summary(result, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[\d+m", "", coloured) == result.summary()


def test_colour_only_on_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(Terminal())
    assert not wants_colour(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(Terminal())


def test_component_paths_stay_apart() -> None:
    paths = ["core.systolic_array.pe.adder", "core.vector_unit.lane.adder", "memory"]
    assert short_paths(paths, 18) == ["pe.adder", "lane.adder", "memory"]
    alike = ["core.wide.pe.adder", "core.tall.pe.adder", "core.dma"]
    assert short_paths(alike, 18) == ["wide.pe.adder", "tall.pe.adder", "core.dma"]
    assert short_paths(["memory.a_long_component_name"], 14) == ["…omponent_name"]
