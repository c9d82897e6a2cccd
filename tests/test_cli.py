"""The command line: what it prints and writes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.config import list_presets
from simulator.report.result import Result
from tests.mapping.cli_cases import SMALL, written
from tests.mapping.small import machine_document

CHECKOUT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: results go nowhere else, presets are found by name."""
    monkeypatch.chdir(tmp_path)


def test_run_prints_a_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", written(SMALL)]) == 0
    out, err = capsys.readouterr()
    assert "small GEMM" in out and "46.0" in out
    assert err == ""
    assert [path.name for path in Path().iterdir()] == ["experiment.yaml"]


def test_run_writes_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", written(SMALL), "--output", "out", "--quiet"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("wrote to out: ") and len(out.splitlines()) == 1
    names = {path.name for path in Path("out").iterdir()}
    assert {"result.json", "operators.csv", "configuration.yaml", "report.html"} <= names
    assert any(name.endswith(".svg") for name in names)
    assert any(name.endswith(".png") for name in names)
    document = json.loads(Path("out/result.json").read_text())
    assert document["cycles"] == 46 and document["operators"][0]["macs"] == 64
    # The resolved configuration runs again, to the same result.
    assert main(["run", "out/configuration.yaml", "--quiet", "--json", "again.json"]) == 0
    again = json.loads(Path("again.json").read_text())
    assert again["configuration_hash"] == document["configuration_hash"]
    assert again["operators"] == document["operators"]


def test_no_plots(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", written(SMALL), "--output", "out", "--no-plots", "--quiet"]) == 0
    assert not [path for path in Path("out").iterdir() if path.suffix in (".png", ".svg")]


def test_output_section_of_the_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    document = SMALL | {"output": {"directory": "results/small", "picture": "all.svg"}}
    assert main(["run", written(document), "--quiet"]) == 0
    assert Path("results/small/result.json").is_file()
    assert Path("results/small/all.svg").read_text().lstrip().startswith("<?xml")


def test_set_and_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--set", "workload.gemms.0.m=400", "--set", "machine.memory.latency_s=1e-6"]
    results = []
    for extra in ([], ["--every-event"]):
        assert main(["run", written(SMALL), *options, *extra, "--json", "r.json", "--quiet"]) == 0
        results.append(Result.from_dict(json.loads(Path("r.json").read_text())))
    assert results[0].operators[0].macs == 400 * 16
    assert results[0].cycles == results[1].cycles > 2000
    assert results[1].simulation["every_event"]


def test_gemm(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["gemm", "64", "1e2", "128", "--machine", "gemmini_16x16", "--json", "gemm.json"]
    assert main(arguments) == 0
    document = json.loads(Path("gemm.json").read_text())
    assert document["operators"][0]["macs"] == 64 * 100 * 128
    assert "GEMM 64 x 100 x 128" in capsys.readouterr().out


def test_gemm_without_pictures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["gemm", "4", "4", "4", "--output", "bare", "--no-plots"]) == 0
    written_files = {path.name for path in Path("bare").iterdir()}
    assert "result.json" in written_files and "timeline.json" in written_files
    assert not any(name.endswith((".png", ".svg")) for name in written_files)


def test_gemm_with_settings(capsys: pytest.CaptureFixture[str]) -> None:
    machine = written(machine_document(), "machine.yaml")
    wanted = ["workload.precision.residual=int8", "machine.memory.latency_s=2e-8"]
    options = [part for setting in wanted for part in ("--set", setting)]
    assert main(["gemm", "4", "4", "4", "--machine", machine, *options, "--json", "r.json"]) == 0
    # 46 cycles, and 10 more of latency, in and out.
    assert json.loads(Path("r.json").read_text())["cycles"] == 66


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", written(SMALL), "gemm"]) == 0
    assert "46 cycles" in capsys.readouterr().out
    assert main(["run", "experiment.yaml", "--json", "r.json", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["explain", "--result", "r.json"]) == 0
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("kind", ["machines", "models", "technologies", "experiments", "gemms"])
def test_list(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", kind]) == 0
    out, _ = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == f"{kind}:"
    assert [line.split()[0] for line in lines[1:]] == list(list_presets(kind))


def test_list_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list"]) == 0
    out, _ = capsys.readouterr()
    for part in ("systolic_array", "tpuv3_core", "llama-2-7b", "45nm", "AzureLLM"):
        assert part in out


@pytest.mark.parametrize("what", ["experiment", "machine"])
def test_schema(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema

    assert main(["schema", what]) == 0
    schema = json.loads(capsys.readouterr().out)
    document = SMALL if what == "experiment" else SMALL["machine"]
    jsonschema.validate(document, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document | {"no_such_key": 1}, schema)
    assert main(["schema", what, "--output", "s.json"]) == 0
    assert json.loads(Path("s.json").read_text()) == schema


def test_shipped_names_work_from_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    short = ["--set", "workload.prefill_tokens=16", "--quiet", "--json", "r.json"]
    assert main(["run", "bert_base_on_gemmini", *short]) == 0
    assert Path("r.json").is_file()


def test_help_is_light() -> None:
    """`cyclelab --help` loads nothing that takes time."""
    heavy = ["pydantic", "numpy", "matplotlib", "pandas", "networkx", "simpy", "yaml", "tqdm"]
    code = (
        "import sys\nfrom simulator.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print('loaded', [name for name in {heavy} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    assert "simulate an experiment" in found.stdout
    assert found.stdout.splitlines()[-1] == "loaded []"
