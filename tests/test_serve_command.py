"""`cyclelab serve`: requests to the summary, JSON, CSV and pictures; mistakes are one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

import simulator as sim
from simulator import __version__
from simulator.cli import main
from tests.serving.cases import SHORT

EXPERIMENT = f"""
name: short requests
machine: tpuv3_core
workload: {{model: gpt3-small, layers: 1}}
serving:
  requests: {{lengths: {SHORT}, count: 6}}
  arrivals: poisson
  requests_per_s: 4000.0
  batch: 2
  steps: alike
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in a folder with nothing but the experiment."""
    monkeypatch.chdir(tmp_path)
    Path("e.yaml").write_text(EXPERIMENT)


def plain(text: str) -> str:
    """Without line breaks and narrow spaces."""
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "e.yaml"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("short requests\n")
    for part in (
        "model gpt3-small on tpuv3_core",
        f"6 of {SHORT} · 4000 arrive per second · at most 2 at once",
        "prompts in iterations of their own · room reserved for whole outputs",
        "simulated, the others like them",
        "requests done 6 of 6",
        "0 preemptions",
        "per token",
        f"cyclelab {__version__} · configuration ",
    ):
        assert part in plain(out)
    for row in ("to the first token", "per output token", "until a request is done", "idle"):
        assert row in out
    assert [path.name for path in Path().iterdir()] == ["e.yaml"]


def test_output_holds_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "e.yaml", "--output", "out", "--quiet"]) == 0
    assert capsys.readouterr().out.startswith("wrote to out: result.json, iterations.csv")
    document = json.loads(Path("out/result.json").read_text())
    rows = list(csv.DictReader(Path("out/iterations.csv").read_text().splitlines()))
    assert [int(row["cycles"]) for row in rows] == [i["cycles"] for i in document["iterations"]]
    requests = list(csv.DictReader(Path("out/requests.csv").read_text().splitlines()))
    assert len(requests) == document["finished_requests"] == 6
    generated = sum(int(row["prompts"]) + int(row["decodes"]) for row in rows)
    assert generated == document["generated"] == sum(int(r["output_tokens"]) for r in requests)
    assert Path("out/serving.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in Path("out/serving.svg").read_text()


def test_json_alone_is_the_same_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for _ in range(2):
        assert main(["serve", "e.yaml", "--json", "-"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    assert json.loads(texts[0])["schema_version"] == 1


def test_python_serves_the_same() -> None:
    pytest.importorskip("pandas")
    result = sim.serve("e.yaml", set={"serving.iterations": 3})
    assert repr(result).startswith("<ServingResult 'short requests' · tpuv3_core: 3 iterations, ")
    frame = result.to_dataframe()
    assert frame["kind"].iloc[0] == "prefill" and len(frame) == 3
    assert frame["cycles"].sum() == sum(each.cycles for each in result.iterations)
    assert sim.plot(result).axes[0].get_title(loc="left") == "short requests"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("serving.batch=0", "serving.batch: found 0, expected a whole number from 1"),
        ("serving.prompts=never", "serving.prompts: found 'never', expected one of: separate"),
        ("serving.requests.lengths=sharegtp", "did you mean 'sharegpt'?"),
        ("serving.arrivals=trace", "requests_per_s has no meaning with arrivals: trace"),
        ("serving.steps=some", "serving.steps: found 'some', expected one of: every, alike"),
        ("workload.decode_steps=4", "decode_steps has no meaning in an experiment with 'serving'"),
        ("workload.model=bert-base", "bert-base is an encoder, which generates no tokens"),
        ("machine.memory.capacity_bytes=1000000", "bytes missing"),
    ],
)
def test_mistakes_are_said(setting: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "e.yaml", "--set", setting]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and "Traceback" not in err
    assert said in plain(err)


def test_run_names_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "e.yaml"]) == 2
    assert "'short requests' serves requests: cyclelab serve runs it" in capsys.readouterr().err
    assert main(["serve", "llama2_7b_on_tpu"]) == 2
    assert "has no `serving`" in capsys.readouterr().err
