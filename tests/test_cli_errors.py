"""The command line: a mistake is one message and exit status 2, never a traceback."""

from __future__ import annotations

import copy
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.cli import main
from tests.config.test_mutations import JUNK, parent_of, places
from tests.mapping.cli_cases import SMALL, written
from tests.mapping.small import transformer


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder: results go nowhere else, presets are found by name."""
    monkeypatch.chdir(tmp_path)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run what cannot work; returns the message."""
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and "Traceback" not in err
    return err


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
    "unknown format": ({"workload.precision.weights": "int99"}, ["int99", "did you mean"]),
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
    text = yaml.safe_dump(SMALL, sort_keys=False)
    file = written(text.replace("capacity_bytes: 1099511627776", "capacity_bytes: 1e9"))
    assert main(["run", file, "--quiet", "--json", "r.json"]) == 0
    machine = json.loads(Path("r.json").read_text())["machine"]
    assert machine["memory_capacity_bytes"] == 1_000_000_000


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
        (("1e30", "1", "1"), "M: found '1e30'"),
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


def test_too_many_layers_are_said_where_they_were_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    workload = {"model": transformer(Path()), "prefill_tokens": 4, "layers": 2}
    document = SMALL | {"workload": workload}
    message = refused(capsys, "run", written(document), "--set", "workload.layers=33")
    assert message.startswith("error: --set workload.layers=33: workload.layers: ")
    assert message.endswith("has 2 layers, found 33\n")
    document["workload"]["layers"] = 34
    message = refused(capsys, "run", written(document, "own.yaml"))
    assert "own.yaml:" in message and ": workload.layers: " in message


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
    with suppress(UnicodeEncodeError):  # a file cannot hold a lone surrogate
        check(TEXT[: min(start, stop)] + text + TEXT[max(start, stop) :])


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["output", "mapping", "simulation", "technology", "description"]), JUNK)
def test_added_sections(key: str, junk: Any) -> None:
    check(yaml.safe_dump(SMALL | {key: junk}, allow_unicode=True))
