"""Studies of published numbers: what they compute, and what they say of mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.config import CyclelabError, find, load_document, validate
from simulator.published.claims import StudySpec, findings, load_study
from simulator.published.finding import Finding
from simulator.published.studies import studies, study_named
from simulator.published.table import markdown, text
from simulator.report.measures import MEASURES

STUDY = """
name: small
title: Two GEMMs
source: nowhere
notes: [A note.]
experiment:
  machine: tpuv3_core
  workload:
    gemms: [{name: gemm, m: 256, n: 256, k: 256}]
    precision: {weights: bf16, activations: bf16}
cases:
  - name: one
    published: {gemm_bound_cycles: 500}
  - name: twice as deep
    set: {workload.gemms.0.k: 512}
    per: one
    published: {gemm_bound_cycles: 2}
"""


def written(folder: Path, old: str = "", new: str = "") -> str:
    path = folder / "small.yaml"
    assert old in STUDY
    path.write_text(STUDY.replace(old, new), "utf-8")
    return str(path)


def test_values_and_ratios(tmp_path: Path) -> None:
    one, ratio = load_study(written(tmp_path)).run()
    # 256³ MACs on two arrays of 128 x 128.
    assert (one.ours, one.published, one.unit) == (512, 500, "cycles")
    assert one.error == pytest.approx(0.024)
    assert (ratio.ours, ratio.error, ratio.unit) == (2, 0, "per one")


def test_shown_as_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", written(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert "Two GEMMs" in shown and "A note." in shown and "+2.4 %" in shown
    assert max(map(len, shown.splitlines())) <= 100
    assert main(["reproduce", written(tmp_path), "--markdown"]) == 0
    assert "| one | GEMM at peak, cycles | 500 | 512 | +2.4 % |" in capsys.readouterr().out
    assert main(["reproduce", written(tmp_path), "--json", "-"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["findings"][1]["ours"] == 2


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "per: one",
            "per: on",
            r"small.yaml:16: cases.1.per: there is no case 'on'; did you mean 'one'",
        ),
        (
            "name: twice as deep",
            "name: one",
            r"small.yaml:14: cases.1.name: two cases are called 'one'",
        ),
        (
            "{gemm_bound_cycles: 500}",
            "{gem_cycles: 5}",
            r"small.yaml:13: cases.0.published.gem_cycles: unknown measure .*gemm_cycles",
        ),
        (
            "workload.gemms.0.k",
            "workload.gems.0.k",
            r"study small, case 'twice.*unknown key 'gems'.*gemms",
        ),
        ("cases:", "case:", r"unknown key 'case'.*cases"),
        ("machine: tpuv3_core", "machine: tpuv3", r"no machine preset is called 'tpuv3'"),
        ("bound_cycles: 500", "bound_cycles: 0", r"found 0, expected"),
    ],
)
def test_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(CyclelabError, match=message):
        load_study(written(tmp_path, old, new)).run()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("{gemm_bound_cycles: 2}", "{gem_cycles: 2}"),
        ("name: twice as deep", "name: one"),
        ("workload.gemms.0.k", "workload.gems.0.k"),
    ],
)
def test_mistakes_are_found_before_anything_runs(
    tmp_path: Path, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulator.published.claims.run", lambda _: pytest.fail("simulated"))
    with pytest.raises(CyclelabError):
        load_study(written(tmp_path, old, new)).run()


def test_a_case_that_cannot_be_simulated(tmp_path: Path) -> None:
    path = written(tmp_path, "{workload.gemms.0.k: 512}", "{mapping.operators.gem.m: 8}")
    with pytest.raises(CyclelabError, match=r"study small, case 'twice as deep': .*did you mean"):
        load_study(path).run()


@pytest.mark.parametrize("options", [["--markdown"], ["--json", "-"]])
def test_a_table_is_of_a_study(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["reproduce", *options]) == 2
    out, err = capsys.readouterr()
    assert out == "" and f"error: {options[0]} shows a study" in err


def test_an_unknown_study() -> None:
    with pytest.raises(CyclelabError, match=r"did you mean 'lut_tensor_core_table_1'"):
        study_named("lut_tensor_core_table_11")


@pytest.mark.parametrize("name", studies())
def test_shipped_studies_are_complete(name: str) -> None:
    study = study_named(name)
    assert study.name == name
    assert study.source and study.notes


@pytest.mark.parametrize("model", ["OPT-175B", "Llama-2-70B"])
def test_a_layer_with_no_tables_to_make_is_the_fastest(model: str) -> None:
    """Then come tables made behind other operators; 1024 tokens, blocks in one or two waves."""
    spec = validate(StudySpec, load_document(find("published", "lut_tensor_core_table_4")))
    cases = tuple(case for case in spec.cases if case.name.startswith(f"{model}, 1024 tokens"))
    ratios = {e.case: e.ours for e in findings(spec.model_copy(update={"cases": cases}))}
    fused = ratios[f"{model}, 1024 tokens, tables fused"]
    assert 1 < fused < ratios[f"{model}, 1024 tokens, tables apart"]


def test_signs_and_figures() -> None:
    found = [
        Finding("a", "time", "ms", 2.0, 1.0),
        Finding("b", "cycles", "cycles", 804234, 804234),
        Finding("c", "area", "mm²", 1.0, 1.0449),
    ]
    rows = markdown(found).splitlines()[2:]
    assert rows[0] == "| a | time, ms | 2 | 1 | -50 % |"
    assert rows[1] == "| b | cycles, cycles | 804,234 | 804,234 | +0.0 % |"
    assert rows[2].endswith("| 1 | 1.045 | +4.5 % |")
    assert all(measure.title and measure.unit for measure in MEASURES.values())


def test_the_table_has_a_line_per_finding(tmp_path: Path) -> None:
    study = load_study(written(tmp_path))
    assert len(text(study, study.run()).splitlines()) == 3 + 1 + 2 + 2
