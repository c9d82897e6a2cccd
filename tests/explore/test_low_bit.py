"""The comparisons of units for weights of few bits, and that the page shows what they print."""

from __future__ import annotations

import pytest

from simulator.explore.compare import compare
from simulator.explore.sizing import experiments_of
from simulator.explore.spec import Equal, load_comparison
from simulator.explore.table import markdown
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "low_bit.md").read_text("utf-8")


@pytest.mark.parametrize("equal", ["area", "peak"])
@pytest.mark.parametrize(
    "name", ["low_bit_llama2_7b_a8", "low_bit_llama2_7b_a16", "low_bit_bitnet_3b"]
)
def test_the_page_has_all_machines(name: str, equal: Equal) -> None:
    spec = load_comparison(name).model_copy(update={"equal": equal})
    for case, experiment in experiments_of(spec).items():
        unit = experiment.spec.machine.core.build_matrix_units()[0]
        title = unit.title.removeprefix(unit.spec.kind).strip()
        assert f"| {case} | {unit.spec.count} × {title} | " in PAGE


def test_only_the_main_units_differ() -> None:
    rest = []
    for experiment in experiments_of(load_comparison("low_bit_llama2_7b_a8")).values():
        data = experiment.spec.machine.model_dump()
        data["core"]["matrix_units"] = data["core"]["matrix_units"][1:]
        rest.append(data)
    assert all(each == rest[0] for each in rest[1:])


def test_the_page_shows_what_is_printed() -> None:
    """The baseline and another case; the others are as slow to run. Efficiency is left out."""
    spec = load_comparison("low_bit_llama2_7b_a8")
    cases = (spec.cases[0], next(case for case in spec.cases if case.name == "W2 LUT"))
    shown = markdown(compare(spec.model_copy(update={"cases": cases})))
    blocks = [block for block in shown.split("\n\n") if "TOPS" not in block]
    assert len(blocks) == 3
    missing = [line for block in blocks for line in block.splitlines() if line not in PAGE]
    assert not missing


def test_fewer_layers_take_the_same_units() -> None:
    """Sizes do not depend on the load, and a layer shows what a model does."""
    spec = load_comparison("low_bit_llama2_7b_a8")
    cases = (spec.cases[0], next(case for case in spec.cases if case.name == "W1 UNPU"))
    outcome = compare(spec.model_copy(update={"cases": cases}), ["workload.layers=1"])
    unpu = outcome.cases[1]
    assert unpu.units.count == 326
    prefill, decode = unpu.phases
    assert prefill.seconds_ratio < 0.7 and decode.seconds_ratio < 0.9
    assert decode.energy_ratio < 1
