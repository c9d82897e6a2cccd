"""`cyclelab compare`: ratios, what it prints and writes, and what it says of mistakes."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.config import CyclelabError
from simulator.explore.case import CaseSpec
from simulator.explore.compare import compare
from simulator.explore.machines import machines_on
from simulator.explore.outcome import Outcome
from simulator.explore.pictures import PICTURES
from simulator.explore.rows import csv_rows, document
from simulator.explore.spec import comparisons, load_comparison
from simulator.explore.table import markdown, text
from simulator.report.result import Estimate
from tests.explore.comparisons import written

WIDTH = 100


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return compare(load_comparison(written(tmp_path_factory.mktemp("small"))))


def test_ratios(outcome: Outcome) -> None:
    first, *others = outcome.cases
    assert first.phases[0].seconds_ratio == first.phases[0].energy_ratio == 1
    for case in others:
        phase, base = case.phases[0], first.phases[0]
        assert phase.seconds_ratio == phase.seconds / base.seconds
        assert phase.energy_ratio == phase.energy_j.value / base.energy_j.value
        assert phase.difference_j is not None
        assert phase.difference_j.value == pytest.approx(phase.energy_j.value - base.energy_j.value)
        assert phase.difference_j.low < phase.difference_j.value < phase.difference_j.high


def test_energy_is_made_of_the_amounts(outcome: Outcome) -> None:
    """The difference to nothing at all would be the energy: bounds of a sum are the widest."""
    for case in outcome.cases:
        difference = case.phases[0].difference_j
        energies = [each.phases[0].energy_j for each in (case, outcome.cases[0])]
        assert difference is not None
        assert difference.high <= energies[0].high - energies[1].low
        assert difference.low >= energies[0].low - energies[1].high


def test_areas_are_compared_part_by_part(outcome: Outcome) -> None:
    """Buffers are the same in all; only the units' areas differ, by what their bounds say."""
    first, *others = outcome.cases
    assert first.area_difference_mm2 == Estimate(0.0, 0.0, 0.0) and first.area_sure == "same"
    for case in others:
        found = case.area_difference_mm2
        assert found is not None and found.low < found.value < found.high
        assert found.value == pytest.approx(case.area_mm2.value - first.area_mm2.value)
        assert found.high <= case.area_mm2.high - first.area_mm2.low
        units = case.area_mm2.value - case.area_by_component["core.scratchpad"].value
        assert found.high - found.low < 10 * units


def test_less_of_the_same_is_surely_less() -> None:
    """Half the columns: fewer of every part, whatever each costs."""
    spec = machines_on("llama2_7b_w4a8", ["npu_w8a8", "npu_w4a8"])
    half = {"machine": "npu_w8a8", "machine.core.matrix_units.0.columns": 64}
    cases = (spec.cases[0], CaseSpec(name="half", set=half))
    outcome = compare(spec.model_copy(update={"cases": cases}), ["workload.layers=1"])
    assert outcome.cases[1].area_sure == "less"
    assert [row["area_sure"] for row in csv_rows(outcome)] == ["same", "same", "less", "less"]


@pytest.mark.parametrize(
    ("bounds", "sure"), [((1, 2), "more"), ((-2, -1), "less"), ((-1, 1), None), ((0, 0), "same")]
)
def test_what_is_sure(outcome: Outcome, bounds: tuple[float, float], sure: str | None) -> None:
    from dataclasses import replace

    phase = replace(outcome.cases[1].phases[0], difference_j=Estimate(sum(bounds) / 2, *bounds))
    assert phase.sure == sure
    assert replace(phase, difference_j=None).sure is None


def test_text_fits_a_terminal(outcome: Outcome) -> None:
    shown = text(outcome)
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert "Three kinds of units" in shown and "A note." in shown
    assert "345 × M2 N64 K4" in shown and "2 × 128×166" in shown
    assert "ratios are to 'unpacked'" in shown and "surely:" in shown


def test_markdown_has_the_tables_alone(outcome: Outcome) -> None:
    shown = markdown(outcome)
    assert len(shown.splitlines()) == 3 * (2 + 3) + 2
    assert all(line.startswith("|") for line in shown.splitlines() if line)


def test_rows_and_document_say_the_same(outcome: Outcome) -> None:
    rows, data = csv_rows(outcome), document(outcome)
    assert [row["case"] for row in rows] == ["unpacked", "narrow", "tables"]
    for row, case in zip(rows, data["cases"], strict=True):
        (phase,) = case["phases"]
        assert row["seconds"] == phase["seconds"]
        assert row["energy_low_j"] == phase["energy_j"]["low"]
        assert row["difference_high_j"] == phase["difference_j"]["high"]
        found = phase["efficiency"]
        assert row["edp_high_js"] == found["edp_js"]["high"]
        assert row["tops_low_per_w"] == found["tops_per_w"]["low"]
        assert row["tops_per_mm2"] == found["tops_per_mm2"]["value"]
        assert row["energy_per_token_low_j"] is found["energy_per_token_j"] is None
        assert row["units_power_high_w"] == case["units"]["power_w"]["high"]
        assert row["units_area_mm2"] == case["units"]["area_mm2"]["value"]
        assert row["sure"] == phase["sure"]
        assert (row["units_relative"], row["baseline"]) == (None, "unpacked")


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "out"
    arguments = ["compare", written(tmp_path), "--equal", "area", "--output", str(folder)]
    assert main([*arguments, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["equal"] == "area"
    assert data == json.loads((folder / "comparison.json").read_text("utf-8"))
    assert data["cases"][1]["units"]["relative"] == pytest.approx(1, rel=0.01)
    with (folder / "comparison.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == 3
    for name in PICTURES:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "tables" in (folder / f"{name}.svg").read_text("utf-8")
    assert main([*arguments, "--json", str(tmp_path / "c.json"), "--markdown"]) == 0
    shown = capsys.readouterr().out
    assert "| area, relative |" in shown and "wrote to" in shown
    assert json.loads((tmp_path / "c.json").read_text("utf-8")) == data


def test_machines_of_an_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", "llama2_7b_w4a8", "npu_w8a8", "npu_w4a8_lut"]
    assert main([*arguments, "--set", "workload.layers=2", "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [case["machine"] for case in data["cases"]] == ["npu_w8a8", "npu_w4a8_lut"]
    prefill, decode = data["cases"][1]["phases"]
    # What a step costs is mostly main memory and idling, which both machines price alike: the
    # difference is known better than either energy.
    for phase in (prefill, decode):
        low, high = phase["difference_j"]["low"], phase["difference_j"]["high"]
        assert phase["sure"] == (None if low < 0 < high else "less" if high <= 0 else "more")
    energy = decode["energy_j"]
    assert high - low < 0.7 * (energy["high"] - energy["low"])


def test_between_technologies_nothing_is_sure(tmp_path: Path) -> None:
    changed = written(tmp_path, npu_w4a8_lut="gemmini_16x16", bipolar4="int8")
    outcome = compare(load_comparison(changed))
    assert outcome.cases[2].phases[0].difference_j is None
    assert "technologies differ" in text(outcome)
    assert csv_rows(outcome)[2]["difference_j"] is None


def test_a_case_with_a_baseline_of_its_own(tmp_path: Path) -> None:
    changed = written(tmp_path, **{"- name: tables": "- name: tables\n    per: narrow"})
    outcome = compare(load_comparison(changed))
    narrow, tables = outcome.cases[1:]
    assert tables.phases[0].seconds_ratio == tables.phases[0].seconds / narrow.phases[0].seconds
    assert "'tables': ratios to 'narrow'" in text(outcome)


def test_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(comparisons())


@pytest.mark.parametrize("name", comparisons())
def test_shipped_comparisons_can_be_built(name: str) -> None:
    from simulator.explore.sizing import experiments_of

    spec = load_comparison(name)
    assert spec.name == name
    assert len(experiments_of(spec)) == len(spec.cases)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["low_bit_llama2_7b"],
            "is called 'low_bit_llama2_7b'; did you mean the comparison 'low_bit",
        ),
        (["llama2_7b_w4a8"], "is an experiment: name two machines or more"),
        (["llama2_7b_w4a8", "npu_w8a8"], "found one machine, 'npu_w8a8', expected two"),
        (["llama2_7b_w4a8", "npu_w8a8", "npu_w8a8"], "'npu_w8a8' is named twice"),
        (
            ["llama2_7b_w4a8", "npu_w8a8", "npu_w4a9"],
            "'npu_w4a9'; did you mean the machine 'npu_w4a8'",
        ),
        (["llama2_7b_w4", "npu_w8a8", "npu_w4a8"], "did you mean the experiment 'llama2_7b_w4a8'"),
        (["bitnet_3b_gpus", "--equal", "aera"], "--equal: found 'aera'.*did you mean 'area'"),
        (
            ["--equal", "everything"],
            "--equal: found 'everything', expected one of none, area, peak, power",
        ),
        (["bitnet_3b_gpus", "--set", "workload.batches=2"], "unknown key 'batches'"),
        (["bitnet_3b_gpus", "--set", "nonsense"], "not a setting"),
        (["nothing.yaml"], "no such file"),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    import re

    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert re.search(message, error, re.S), error


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("- name: narrow", "- name: unpacked", "two cases are called 'unpacked'"),
        (
            "- name: narrow",
            "- name: narrow\n    per: tabels",
            "per: there is no case 'tabels'; did",
        ),
        ("equal: none", "equal: everything", "found 'everything'"),
        ("cases:", "case:", r"unknown key 'case'.*cases"),
        ("machine: npu_w4a8}", "machine: npu_w4a9}", "case 'narrow'.*did you mean 'npu_w4a8'"),
        ("k: 512", "k: 0", "case 'unpacked'"),
    ],
)
def test_mistakes_in_a_file(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(CyclelabError, match=f"(?s){message}"):
        compare(load_comparison(written(tmp_path, **{old: new})))


def test_baselines_do_not_form_chains(tmp_path: Path) -> None:
    changes = {
        "- name: narrow": "- name: narrow\n    per: tables",
        "- name: tables": "- name: tables\n    per: unpacked",
    }
    with pytest.raises(CyclelabError, match="'tables' is itself compared with 'unpacked'"):
        compare(load_comparison(written(tmp_path, **changes)))


def test_phases_must_be_the_same(tmp_path: Path) -> None:
    model = "model: llama-2-7b, layers: 1, decode_steps: 1"
    changed = written(
        tmp_path,
        **{
            "gemms: [{name: gemm, m: 256, n: 512, k: 512}]": "\n    ".join(model.split(", ")),
            "set: {machine: npu_w4a8}": "set: {workload.prefill_tokens: 8}",
        },
    )
    with pytest.raises(CyclelabError, match=r"'narrow': has a phase 'prefill', 'unpacked' has"):
        compare(load_comparison(changed))


def test_progress_rises_over_all_cases() -> None:
    seen: list[tuple[str, float]] = []
    spec = machines_on("llama2_7b_w4a8", ["npu_w8a8", "npu_w4a8"])
    compare(spec, ["workload.layers=4"], lambda name, share: seen.append((name, share)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares) and 0 <= shares[0] <= shares[-1] <= 1
    assert {name.split(",")[0] for name, _ in seen} == {"npu_w8a8", "npu_w4a8"}
