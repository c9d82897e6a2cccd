"""Every benchmark runs, on small settings; nothing here looks at how long it takes."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from simulator.cli import main

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
LIMIT_S = 60

SHAPE = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "vocab_size": 256,
    "max_position_embeddings": 4096,
    "hidden_act": "silu",
}
LLAMA = SHAPE | {"model_type": "llama", "architectures": ["LlamaForCausalLM"]}
MIXTRAL = SHAPE | {
    "model_type": "mixtral",
    "architectures": ["MixtralForCausalLM"],
    "num_local_experts": 4,
    "num_experts_per_tok": 2,
}


@pytest.fixture
def modules(monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    """The scripts' modules, which import each other by their plain names."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    names = ("measure", "jobs", "compare", "run")
    loaded = {name: importlib.import_module(name) for name in names}
    for name in names:
        monkeypatch.delitem(sys.modules, name)
    return loaded


@pytest.fixture
def small_jobs(modules: dict[str, ModuleType], tmp_path: Path) -> list[Any]:
    for name, config in (("llama", LLAMA), ("mixtral", MIXTRAL)):
        (tmp_path / f"{name}.json").write_text(json.dumps(config))
    sizes = modules["jobs"].Sizes(
        model=str(tmp_path / "llama.json"),
        moe_model=str(tmp_path / "mixtral.json"),
        arrays_model=str(tmp_path / "llama.json"),
        prefill_tokens=16,
        decode_steps=3,
        gemm=128,
        large_gemm=256,
    )
    return list(modules["jobs"].jobs(sizes))


@pytest.mark.slow
def test_every_job_runs(
    modules: dict[str, ModuleType],
    small_jobs: list[Any],
    _compiled_kernel: None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Commands in this process, which has imported everything; scripts as children.

    Of a rate that is measured for several devices, the first stands for all.
    """
    assert len({job.name for job in small_jobs}) == len(small_jobs)
    rates: set[str] = set()
    for job in small_jobs:
        module, *command = job.arguments[1:]
        if job.arguments[0] == "-m" and module == "simulator" and "--help" not in command:
            assert main(command) == 0, job.name
            assert "cycles" in capsys.readouterr().out, job.name
            continue
        if job.rate and command and module in rates:
            continue
        rates.add(module)
        run = modules["measure"].run_child(job.arguments, LIMIT_S)
        assert run.cpu_s is not None, job.name
        assert run.peak_bytes > 2**20, job.name
        if job.rate:
            report = json.loads(run.output.splitlines()[-1])
            assert report["count"] > 0, job.name
            assert report["seconds"] > 0, job.name


def test_stages_add_up_to_a_whole_run(modules: dict[str, ModuleType]) -> None:
    run = modules["measure"].run_child((str(BENCHMARKS / "stages.py"),), LIMIT_S)
    stages = json.loads(run.output.splitlines()[-1])
    assert {"map", "engine", "draw the picture"} < set(stages)
    assert min(stages.values()) >= 0
    assert sum(stages.values()) <= run.cpu_s


def test_a_failing_child_says_why(modules: dict[str, ModuleType]) -> None:
    measure = modules["measure"]
    with pytest.raises(measure.ChildError, match="no experiment preset is called 'nothing'"):
        measure.run_child(("-m", "simulator", "run", "nothing"), LIMIT_S)


def test_a_child_is_stopped_at_its_limit(modules: dict[str, ModuleType]) -> None:
    assert modules["measure"].run_child(("-c", "while True: pass"), 1).cpu_s is None


@pytest.fixture
def command(
    modules: dict[str, ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    """`run.py --write`, with a page of its own."""
    run, page = modules["run"], tmp_path / "RESULTS.md"
    page.write_text(f"before\n{run.BEGIN}\nold\n{run.END}\nafter\n")
    monkeypatch.setattr(run, "RESULTS", page)
    monkeypatch.setattr(sys, "argv", ["run.py", "--repeats", "1", "--write"])
    return run


def test_the_command_writes_its_tables_between_the_marks(
    command: ModuleType, modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = modules["jobs"].Job("help", ("-m", "simulator", "--help"), bar_s=LIMIT_S)
    monkeypatch.setattr(command, "jobs", lambda sizes: [job])
    assert command.main() == 0
    text = command.RESULTS.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| help | 0." in text
    assert "draw the picture" in text


def test_a_failed_job_leaves_the_page_as_it_was(
    command: ModuleType, modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = modules["jobs"].Job("nothing", ("-m", "simulator", "run", "nothing"))
    monkeypatch.setattr(command, "jobs", lambda sizes: [job])
    monkeypatch.setattr(command, "_stages", lambda limit_s: "")
    assert command.main() == 1
    assert "old" in command.RESULTS.read_text()


def test_a_job_that_misses_its_bar_is_marked(
    command: ModuleType, modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    job = modules["jobs"].Job("slow", ("-m", "simulator", "--help"), bar_s=1e-6)
    monkeypatch.setattr(command, "jobs", lambda sizes: [job])
    monkeypatch.setattr(command, "_stages", lambda limit_s: "")
    assert command.main() == 1
    row = next(line for line in command.RESULTS.read_text().splitlines() if "| slow |" in line)
    assert "**missed**" in row


def test_our_array_cycles_are_the_peer_formula(modules: dict[str, ModuleType]) -> None:
    # 64x48x40 on 16x16, padded, one fold after the other: k = 3 row blocks (16, 16, 8),
    # n = 3 column blocks: 9 folds of 2*16 + 16 + 64 - 2 = 110 cycles.
    numbers = [str(BENCHMARKS / "like_peer.py"), "64", "48", "40", "16", "16"]
    run = modules["measure"].run_child(numbers, LIMIT_S)
    cycles = json.loads(run.output.splitlines()[-1])
    assert cycles["array"] == 9 * 110
    assert cycles["machine"] > cycles["array"]
