"""The command line: what works, and that a mistake is one message and exit status 2."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.cli import main
from simulator.config import list_presets
from simulator.report.result import Result
from tests.config.test_mutations import JUNK, parent_of, places
from tests.mapping.small import gemms, machine_document, transformer

CHECKOUT = Path(__file__).parents[1]

SMALL: dict[str, Any] = {
    "name": "small GEMM",
    "machine": machine_document(),
    "workload": gemms((4, 4, 4)),
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: results go nowhere else, presets are found by name."""
    monkeypatch.chdir(tmp_path)


def written(document: dict[str, Any] | str, name: str = "experiment.yaml") -> str:
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    Path(name).write_text(text, encoding="utf-8")
    return name


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run what cannot work; returns the message."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and "Traceback" not in err
    return err


# -- what works ---------------------------------------------------------------------
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


def test_gemm_with_settings(capsys: pytest.CaptureFixture[str]) -> None:
    machine = written(machine_document(), "machine.yaml")
    settings = [
        "--set",
        "workload.precision.residual=int8",
        "--set",
        "machine.memory.latency_s=2e-8",
    ]
    assert main(["gemm", "4", "4", "4", "--machine", machine, *settings, "--json", "r.json"]) == 0
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


# -- what does not, and how it is said -------------------------------------------------
def test_unknown_experiment(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'llama2_7b_on_tpu'" in refused(capsys, "run", "lama2_7b_on_tpu")


def test_missing_file(capsys: pytest.CaptureFixture[str]) -> None:
    written(SMALL, "experiment.yaml")
    message = refused(capsys, "run", "./experimnt.yaml")
    assert "experimnt.yaml" in message and "experiment.yaml" in message


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "wrong type": ({"name": [1]}, ["name", "a list", "text"]),
    "text for a number": ({"workload.gemms.0.m": "many"}, ["gemms.0.m", "'many'", "whole number"]),
    "fraction": ({"workload.gemms.0.m": 2.5}, ["gemms.0.m", "2.5", "whole number"]),
    "negative size": ({"workload.gemms.0.k": -4}, ["gemms.0.k", "-4", "1"]),
    "zero size": ({"workload.gemms.0.k": 0}, ["gemms.0.k", "0"]),
    "too large": ({"workload.gemms.0.k": 10**30}, ["gemms.0.k"]),
    "flag for a number": ({"machine.cores": True}, ["machine.cores", "true"]),
    "infinite": ({"machine.memory.latency_s": float("inf")}, ["memory.latency_s"]),
    "not a number": ({"machine.memory.latency_s": float("nan")}, ["memory.latency_s"]),
    "unknown key": ({"machine.memory.latencys": 1}, ["latencys", "did you mean 'latency_s'"]),
    "unknown machine": ({"machine": "tpuv3"}, ["'tpuv3'", "tpuv3_core"]),
    "unknown unit": (
        {"machine.core.matrix_units.0.kind": "systolic"},
        ["'systolic'", "systolic_array"],
    ),
    "unknown technology": ({"machine.technology": "46nm"}, ["46nm", "45nm"]),
    "unknown format": ({"workload.precision.weights": "int9"}, ["int9", "int8"]),
    "unknown model": ({"workload": {"model": "lama-2-7b"}}, ["lama-2-7b", "llama-2-7b"]),
    "no workload": ({"workload": {}}, ["workload", "model, gemms, topology"]),
    "two workloads": ({"workload.model": "llama-2-7b"}, ["workload", "found model and gemms"]),
    "empty list": ({"workload.gemms": []}, ["gemms is empty"]),
}


def changed(document: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(document)
    for key, value in changes.items():
        path = tuple(int(part) if part.isdigit() else part for part in key.split("."))
        parent_of(document, path)[path[-1]] = value
    return document


@pytest.mark.parametrize("case", WRONG)
def test_wrong_values(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    changes, parts = WRONG[case]
    message = refused(capsys, "run", written(changed(SMALL, changes)))
    assert "experiment.yaml:" in message, "the file, and the line"
    for part in parts:
        assert part in message
    assert len(message.splitlines()) <= 3


def test_whole_floats_are_whole_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    text = written(SMALL)
    line = yaml.safe_dump(SMALL, sort_keys=False).replace(
        "capacity_bytes: 1048576", "capacity_bytes: 1e6"
    )
    assert main(["run", written(line, text), "--quiet"]) == 0


def test_line_of_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    text = yaml.safe_dump(SMALL, sort_keys=False)
    number = next(i for i, line in enumerate(text.splitlines(), 1) if "latency_s" in line)
    message = refused(capsys, "run", written(text.replace("latency_s: 1.0e-08", "latency_s: soon")))
    assert f"experiment.yaml:{number}: machine.memory.latency_s" in message


FILES: dict[str, tuple[bytes, list[str]]] = {
    "duplicate key": (b"name: a\nname: b\n", [":2", "name"]),
    "not YAML": (b"name: [a\nmachine: }", [":2"]),
    "a list": (b"- a\n- b\n", [":1", "found a list", "key: value"]),
    "empty": (b"", ["empty"]),
    "not UTF-8": (b"name: \xff\xfe\n", [":1", "UTF-8", "0xff"]),
    "10 MB": (b"# " + b"x" * 10_000_000 + b"\n", ["too large", "10,000,003"]),
    "cyclic include": (b"include: experiment.yaml\n", ["experiment.yaml", "include"]),
    "missing include": (b"include: no_such.yaml\nname: a\n", ["no_such.yaml", "no such file"]),
    "billion laughs": (
        b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\n"
        + b"".join(
            b"e%d: &e%d [*%s, *%s]\n" % (i, i, p, p)
            for i, p in enumerate([b"d"] + [b"e%d" % n for n in range(40)])
        ),
        ["experiment.yaml"],
    ),
    "deep": (b"a: " + b"[" * 5000, ["experiment.yaml"]),
    "tags": (b"name: !!python/object:os.system x\n", [":1"]),
}


@pytest.mark.parametrize("case", FILES)
def test_wrong_files(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, parts = FILES[case]
    Path("experiment.yaml").write_bytes(content)
    started = time.process_time()
    message = refused(capsys, "run", "experiment.yaml")
    assert time.process_time() - started < 5
    for part in parts:
        assert part in message
    assert len(message) < 2000


MODELS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "zero heads": ({"num_attention_heads": 0}, ["heads", "at least 1"]),
    "heads that do not divide": ({"num_attention_heads": 3}, ["3 heads do not divide", "16"]),
    "key/value heads that do not divide": (
        {"num_key_value_heads": 3},
        ["kv_heads 3 does not divide heads 4"],
    ),
    "negative layers": ({"num_hidden_layers": -1}, ["layers", "-1"]),
    "text": ({"hidden_size": "wide"}, ["hidden_size", '"wide"', "integer"]),
    "unknown type": ({"model_type": "lama"}, ["'lama'", "llama"]),
    "more experts than there are": (
        {"model_type": "mixtral", "num_local_experts": 2, "num_experts_per_tok": 3},
        ["experts_per_token 3 is more than experts 2"],
    ),
}


@pytest.mark.parametrize("case", MODELS)
def test_wrong_models(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    changes, parts = MODELS[case]
    transformer(Path(), **changes)
    document = SMALL | {"workload": {"model": "./config.json", "prefill_tokens": 4}}
    message = refused(capsys, "run", written(document))
    assert "config.json" in message
    for part in parts:
        assert part in message


REQUESTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing to do": ({}, ["nothing to do", "prefill_tokens"]),
    "too long": ({"prefill_tokens": 5000}, ["5,000", "4,096"]),
    "negative": ({"prefill_tokens": -1}, ["prefill_tokens", "-1"]),
    "no batch": ({"batch": 0, "prefill_tokens": 4}, ["batch"]),
    "no experts": ({"prefill_tokens": 4, "moe": {"seed": 1}}, ["moe", "no experts"]),
}


@pytest.mark.parametrize("case", REQUESTS)
def test_wrong_requests(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    changes, parts = REQUESTS[case]
    document = SMALL | {"workload": {"model": transformer(Path()), **changes}}
    message = refused(capsys, "run", written(document))
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    "sizes, part",
    [
        (("0", "1", "1"), "M: found '0'"),
        (("1", "-3", "1"), "N: found '-3'"),
        (("1", "1", "2.5"), "K: found '2.5'"),
        (("many", "1", "1"), "M: found 'many'"),
        (("true", "1", "1"), "M: found 'true'"),
        (("[1]", "1", "1"), "M: found '[1]'"),
        (("{", "1", "1"), "M={"),
        (("1e400", "1", "1"), "M=1e400"),
        (("1e30", "1", "1"), "gemms.0.m"),
        (("", "1", "1"), "M: found ''"),
    ],
)
def test_gemms_of_wrong_sizes(
    sizes: tuple[str, str, str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in refused(capsys, "gemm", "--", *sizes)


@pytest.mark.parametrize(
    "setting, parts",
    [
        ("machine.memory.latencys=1", ["--set", "latencys", "'latency_s'"]),
        ("machine.memory.latency_s=soon", ["--set", "latency_s", "'soon'"]),
        ("machine.memory.latency_s", ["key.path=value"]),
        ("=1", ["--set"]),
        ("machine..cores=1", ["--set"]),
        ("machine.core.matrix_units.7.rows=4", ["matrix_units", "7"]),
        ("machine.cores={", ["--set"]),
        ("workload.gemms.0.m.deeper=1", ["workload.gemms.0.m"]),
        ("machine=no_such_machine", ["no_such_machine"]),
    ],
)
def test_wrong_settings(setting: str, parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    message = refused(capsys, "run", written(SMALL), "--set", setting)
    for part in parts:
        assert part in message


def test_output_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    for options in (["--output", "file"], ["--json", "file/result.json"]):
        assert main(["run", written(SMALL), "--quiet", *options]) == 2
        assert "cannot write" in capsys.readouterr().err


def test_pictures_are_png_or_svg(capsys: pytest.CaptureFixture[str]) -> None:
    document = SMALL | {"output": {"directory": "out", "picture": "all.gif"}}
    assert main(["run", written(document), "--quiet"]) == 2
    assert "all.gif" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["machine", "modells"])
def test_list_of_nothing(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean" in refused(capsys, "list", what)


def test_schema_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "experiment, machine" in refused(capsys, "schema", "workload")


def test_explain_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert "'gemm'" in refused(capsys, "explain", written(SMALL), "gem")
    assert "no.json" in refused(capsys, "explain", "--result", "no.json")
    assert refused(capsys, "explain", "--result", "experiment.yaml")


@pytest.mark.parametrize("arguments", [[], ["rnu"], ["run"], ["gemm", "1", "2"], ["run", "--no"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    assert end.value.code == 2
    assert "usage: cyclelab" in capsys.readouterr().err


# -- whatever is done to a valid file ---------------------------------------------------
PATHS = places(SMALL)
TEXT = yaml.safe_dump(SMALL, sort_keys=False)


def check(text: str) -> None:
    """A result or a message, never a traceback (which `main` would raise)."""
    assert main(["run", written(text), "--quiet", "--no-plots"]) in (0, 2)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), JUNK)
def test_replaced_values(path: tuple[str | int, ...], junk: Any) -> None:
    data = copy.deepcopy(SMALL)
    parent_of(data, path)[path[-1]] = junk
    check(yaml.safe_dump(data, allow_unicode=True))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(PATHS), st.sampled_from([0, -1, 1e-300, 1e300, 2**63 - 1, 10**9, 0.5, 3]))
def test_extreme_numbers(path: tuple[str | int, ...], number: float) -> None:
    data = copy.deepcopy(SMALL)
    parent_of(data, path)[path[-1]] = number
    check(yaml.safe_dump(data))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(TEXT)), st.integers(0, len(TEXT)), st.text(max_size=3))
def test_replaced_text(start: int, stop: int, text: str) -> None:
    try:
        check(TEXT[: min(start, stop)] + text + TEXT[max(start, stop) :])
    except UnicodeEncodeError:
        pass  # a file cannot hold a lone surrogate


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["output", "mapping", "simulation", "technology", "description"]), JUNK)
def test_added_sections(key: str, junk: Any) -> None:
    check(yaml.safe_dump(SMALL | {key: junk}, allow_unicode=True))
