"""`cyclelab compare MACHINE MACHINE`: the workload it chooses, and what names may mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulator.cli import main
from simulator.config import CyclelabError, list_presets
from simulator.explore.machines import DEFAULT_EXPERIMENTS, default_experiment, kind_of, requested
from tests.explore.comparisons import written

ONE_LAYER = ("--set", "workload.layers=1")


def test_three_machines_run_a_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "npu_w8a8", "npu_w4a8", "a100", *ONE_LAYER]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("npu_w8a8, npu_w4a8, a100 on llama2_7b_w4a8\n")
    assert "No workload was named" in shown and "--experiment NAME" in shown


def test_the_workload_can_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ("--experiment", "bert_base_on_gemmini")
    assert main(["compare", "gemmini_16x16", "npu_w8a8", *chosen, "--json", "-"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["title"] == "gemmini_16x16, npu_w8a8 on bert_base_on_gemmini"
    assert not any("No workload was named" in note for note in data["notes"])
    assert [case["machine"] for case in data["cases"]] == ["gemmini_16x16", "npu_w8a8"]


@pytest.mark.parametrize(
    ("machines", "chosen"),
    [
        (("npu_w8a8", "npu_w4a8_lut", "gemmini_16x16", "lut_npu"), "llama2_7b_w4a8"),
        (("tpuv3_core", "tpuv4i"), "llama2_7b_int8_on_tpuv4i"),
        (("a100", "h100"), "llama2_7b_on_a100"),
    ],
)
def test_the_first_that_all_can_run(machines: tuple[str, ...], chosen: str) -> None:
    assert default_experiment(machines) == chosen
    assert requested(machines).title.endswith(f" on {chosen}")


def test_defaults_are_shipped() -> None:
    assert set(DEFAULT_EXPERIMENTS) <= set(list_presets("experiments"))


def test_settings_count_for_what_can_run() -> None:
    """An A100 with less memory than the weights take holds none of them in FP16."""
    small = ["machine.memory.capacity_bytes=9e9"]
    with pytest.raises(CyclelabError, match=r"on_a100: not on a100: phase 'prefill' does not fit"):
        default_experiment(["a100", "h100"], small)


@pytest.mark.parametrize("kind", ["machines", "experiments", "comparisons"])
def test_kinds_of_presets(kind: str) -> None:
    assert {kind_of(name) for name in list_presets(kind)} == {kind}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("extends: npu_w8a8\ncores: 2\n", "machines"),
        ("extends: llama2_7b_w4a8\nname: mine\n", "experiments"),
        ("machine: npu_w8a8\nworkload: {model: llama-2-7b}\n", "experiments"),
        ("cases: []\n", "comparisons"),
        ("name: mine\ntitle: Mine\n", "comparisons"),
        ("name: mine\nequal: area\n", "comparisons"),
        ("name: mine\ncase: []\n", "comparisons"),
        ("name: mine\ncoers: 2\n", "machines"),
        ("extends: npu_w8a8\ntitle: Mine\n", "machines"),
    ],
)
def test_kinds_of_files(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    assert kind_of(str(path)) == kind


def test_machines_in_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "slow.yaml"
    path.write_text("extends: npu_w8a8\nname: slow\nclock: {frequency_hz: 470e6}\n", "utf-8")
    assert main(["compare", "npu_w8a8", str(path), *ONE_LAYER, "--json", "-"]) == 0
    first, slow = json.loads(capsys.readouterr().out)["cases"]
    assert (first["clock_hz"], slow["clock_hz"]) == (940e6, 470e6)
    assert slow["phases"][0]["seconds_ratio"] > 1.5


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("name: mine\ntitle: Mine\nequal: area\n", ["missing key 'cases'", "key 'experiment'"]),
        (
            "title: Mine\ncase: []\n",
            ["mine.yaml:2: case: unknown key 'case'; did you mean 'cases'?"],
        ),
    ],
)
def test_a_comparison_with_a_mistake_is_no_machine(
    tmp_path: Path, text: str, messages: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text, "utf-8")
    assert main(["compare", str(path)]) == 2
    error = capsys.readouterr().err
    assert all(message in error for message in messages), error


def test_an_experiment_without_a_workload(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("# Mine.\nname: mine\nmachine: npu_w8a8\n", "utf-8")
    assert main(["compare", "npu_w8a8", "npu_w4a8", "--experiment", str(path)]) == 2
    error = capsys.readouterr().err
    assert "mine.yaml:1: case 'npu_w8a8': missing key 'workload', a mapping" in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["npu_w8a8"], "found one machine, 'npu_w8a8', expected two or more"),
        (["npu_w8a8", "npu_w8a8"], "'npu_w8a8' is named twice"),
        (["npu_w8a8", "npu_w4a8_lot"], "did you mean the machine 'npu_w4a8_lut'?"),
        (["bitnet_3b_gpu", "a100"], "did you mean the comparison 'bitnet_3b_gpus'?"),
        (["npu_w8a8", "zzz"], "is called 'zzz'; cyclelab list shows all"),
        (["npu_w8a8", "llama2_7b_w4a8"], "is an experiment, expected a machine; experiments st"),
        (["llama2_7b_w4a8", "llama2_7b_on_a100", "a100"], "and so is 'llama2_7b_w4a8', expected"),
        (["npu_w8a8", "bitnet_3b_gpus"], "which names its machines itself: cyclelab compare bit"),
        (["bitnet_3b_gpus", "--experiment", "llama2_7b_w4a8"], "'bitnet_3b_gpus' is a comparison"),
        (["npu_w8a8", "npu_w4a8", "--experiment", "a100"], "--experiment: 'a100' is a machine"),
        (
            ["npu_w8a8", "npu_w4a8", "--experiment", "llama2_7b_w4"],
            "--experiment: no experiment preset is called 'llama2_7b_w4'; known: bert_base_on",
        ),
        (["npu_w8a8", "npu_w4a8", "--experiment", "no.yaml"], "--experiment: no.yaml: no such f"),
        (["--experiment", "llama2_7b_w4a8"], "--experiment: no names are given, expected a comp"),
        (["a100", "tpuv4i"], "llama2_7b_w4a8: not on tpuv4i: no matrix unit of the machine mul"),
        (["a100", "npu_w8a8", "--set", "workload.layrs=1"], "did you mean 'layers'?"),
        (
            ["a100", "npu_w8a8", "--experiment", "llama2_7b_on_a100", *ONE_LAYER],
            "npu_w8a8 cannot run llama2_7b_on_a100: no matrix unit of the machine multiplies fp16",
        ),
    ],
)
def test_mistakes(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and "Traceback" not in error
    assert message in error


def test_machines_are_not_suggested_for_experiments(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "npu_w8a8", "npu_w4a8", "--experiment", "h101"]) == 2
    error = capsys.readouterr().err
    assert "no experiment preset is called 'h101'" in error and "h100" not in error


def test_advice_for_who_cannot_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "llama2_7b_on_a100", "a100", "npu_w8a8", *ONE_LAYER]) == 2
    assert "--experiment NAME takes another workload" in capsys.readouterr().err


def test_a_file_says_its_line_instead(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", written(tmp_path, npu_w4a8_lut="tpuv3_core")]) == 2
    error = capsys.readouterr().err
    assert "small.yaml:15: case 'tables': no matrix unit of the machine multiplies" in error
    assert "--experiment" not in error


def test_machines_of_no_common_format_run_their_own() -> None:
    """INT8, FP16 and BF16: one model, three precisions, and a note that says so."""
    names = ["gemmini_16x16", "a100", "tpuv3_core"]
    spec = requested(names, overrides=["workload.layers=1"])
    formats = [case.set["workload.precision"]["activations"] for case in spec.cases]
    assert formats == ["int8", "fp16", "bf16"]
    assert "a100 fp16 × fp16" in spec.notes[0] and "precision differs" in spec.notes[0]
    # What only one of them lacks is still said with its reason.
    with pytest.raises(CyclelabError, match="runs on all of"):
        requested(names, overrides=["machine.memory.capacity_bytes=1000000"])
