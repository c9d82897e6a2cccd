"""Requests in the midst of decoding: what a file says, and what may be wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.config import ConfigError, CyclelabError, Document, find, validate
from simulator.workload import WorkloadSpec, load_workload
from simulator.workload.operators import AttentionShape, Phase, Scores
from simulator.workload.phases import Request
from simulator.workload.running import RunningSpec, running_requests

MODEL = "gpt3-small"
"""2,048 tokens at most; 12 heads of 64."""


def write(folder: Path, text: str) -> Path:
    file = folder / "running.csv"
    file.write_text(text)
    return file


def requests(file: Path, decode_steps: int = 1, **keys: Any) -> list[Request]:
    return running_requests(RunningSpec(file="f", **keys), file, 2048, decode_steps)


def phases(**workload: Any) -> tuple[Phase, ...]:
    document = Document.from_data({"model": MODEL, "layers": 1} | workload, "workload")
    return load_workload(validate(WorkloadSpec, document)).phases


def attention_shapes(phase: Phase) -> tuple[AttentionShape, ...]:
    (scores,) = (
        op for segment in phase.segments for op in segment.operators() if isinstance(op, Scores)
    )
    return scores.shapes


# -- what a file says ------------------------------------------------------------------
def test_a_length_counts_the_token_to_come(tmp_path: Path) -> None:
    """A request of 7 tokens has 6 in the cache and decodes its seventh: it sees 7."""
    file = write(tmp_path, "seq_len\n7\n1\n")
    assert requests(file) == [Request(0, 6, 1), Request(0, 0, 1)]
    (phase,) = phases(running={"file": str(file)})
    assert (phase.kind, phase.tokens, phase.generated) == ("decode", 2, 2)
    assert sorted(shape.context_tokens for shape in attention_shapes(phase)) == [1, 7]


def test_more_tokens_each(tmp_path: Path) -> None:
    file = write(tmp_path, "seq_len\n7\n10\n")
    found = phases(running={"file": str(file)}, decode_steps=3)
    assert [phase.name for phase in found] == ["decode[0]", "decode[1]", "decode[2]"]
    lengths = [[shape.context_tokens for shape in attention_shapes(p)] for p in found]
    assert lengths == [[7, 10], [8, 11], [9, 12]]


def test_channels_are_listed_or_left_to_the_mapping(tmp_path: Path) -> None:
    file = write(tmp_path, "SEQ_LEN, ch_idx\n7,3\n7,0\n7,3\n9,3\n")
    assert [r.channel for r in requests(file)] == [None] * 4
    assert [r.channel for r in requests(file, channels="listed")] == [3, 0, 3, 3]
    (mapped,) = phases(running={"file": str(file)})
    (listed,) = phases(running={"file": str(file), "channels": "listed"})
    shapes = [(s.context_tokens, s.channel, s.requests, s.count) for s in attention_shapes(mapped)]
    assert shapes == [(7, None, 3, 36), (9, None, 1, 12)]
    # Requests of a length are told apart where they lie in different places.
    shapes = [(s.context_tokens, s.channel, s.requests, s.count) for s in attention_shapes(listed)]
    assert shapes == [(7, 3, 2, 24), (7, 0, 1, 12), (9, 3, 1, 12)]


def test_only_the_first_requests(tmp_path: Path) -> None:
    file = write(tmp_path, "seq_len\n7\n8\n9\nten\n")
    assert [r.context_tokens + 1 for r in requests(file, requests=3)] == [7, 8, 9]


def test_requests_may_be_repeated(tmp_path: Path) -> None:
    file = write(tmp_path, "seq_len,ch_idx\n7,1\n8,2\n")
    found = requests(file, repeat=3, channels="listed")
    assert sorted((r.context_tokens + 1, r.channel) for r in found) == [(7, 1)] * 3 + [(8, 2)] * 3


def test_a_request_may_fill_the_context(tmp_path: Path) -> None:
    file = write(tmp_path, "seq_len\n2048\n")
    assert requests(file)[0].final_tokens == 2048
    phases(running={"file": str(file)})


def test_paths_are_relative_to_the_referring_file(tmp_path: Path) -> None:
    write(tmp_path, "seq_len\n7\n")
    document = Document.from_data({"model": MODEL, "running": {"file": "running.csv"}}, "w")
    found = load_workload(validate(WorkloadSpec, document), tmp_path / "experiment.yaml")
    assert found.phases[0].tokens == 1
    assert found.description["batch"] == 1 and found.description["context_tokens"] == 6


def test_shipped_files_put_the_same_requests_on_channels_in_two_ways() -> None:
    """64 requests on 32 channels; the greedy way has loads that differ less."""
    spread = {}
    lengths = []
    for name in ("greedy", "round_robin"):
        path = find("traces", f"neupims_sharegpt_b64_{name}.csv")
        found = requests(path, channels="listed")
        lengths.append(sorted(r.context_tokens + 1 for r in found))
        loads = [0] * 32
        for each in found:
            assert each.channel is not None
            loads[each.channel] += each.context_tokens + 1
        spread[name] = max(loads)
        assert "NeuPIMs" in (path.parent / "README.md").read_text()
    assert len(lengths[0]) == 64 and lengths[0] == lengths[1]
    assert sum(lengths[0]) == 15_680
    assert 15_680 / 32 < spread["greedy"] < spread["round_robin"]


# -- mistakes ----------------------------------------------------------------------------
WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    # the file, keys of the spec, the end of the message
    "empty file": ("", {}, "the file is empty, expected a header and rows"),
    "no requests": ("seq_len\n", {}, "running.csv:1: no rows behind the header"),
    "no lengths": ("length\n7\n", {}, "running.csv:1: no column 'seq_len'; the header has: length"),
    "no channels": (
        "seq_len\n7\n",
        {"channels": "listed"},
        "running.csv:1: no column 'ch_idx'; the header has: seq_len",
    ),
    "unknown column": (
        "seq_len,ch_idx,colour\n7,1,red\n",
        {},
        "running.csv:1: unknown column 'colour'; known: seq_len, ch_idx",
    ),
    "mistyped column": (
        "seq_len,ch_id\n7,1\n",
        {},
        "unknown column 'ch_id'; known: seq_len, ch_idx; did you mean 'ch_idx'?",
    ),
    "no length": ("seq_len,ch_idx\n7,1\n,2\n", {}, "running.csv:3: column 'seq_len' is empty"),
    "length of none": (
        "seq_len\n0\n",
        {},
        "running.csv:2: column 'seq_len': found 0, expected an integer of at least 1",
    ),
    "length in words": (
        "seq_len\nmany\n",
        {},
        "running.csv:2: column 'seq_len': found 'many', expected an integer of at least 1",
    ),
    "too long": (
        "seq_len\n7\n2049\n",
        {},
        "running.csv:3: the request has 2,049 tokens and grows to 2,049, but the model takes at "
        "most 2,048",
    ),
    "too few": ("seq_len\n7\n8\n", {"requests": 3}, "running.csv: only 2 requests, expected 3"),
    "channel in words": (
        "seq_len,ch_idx\n7,one\n",
        {"channels": "listed"},
        "running.csv:2: ch_idx: found 'one', expected the number of a channel",
    ),
    "negative channel": (
        "seq_len,ch_idx\n7,-1\n",
        {"channels": "listed"},
        "running.csv:2: ch_idx: found '-1', expected the number of a channel",
    ),
    "no channel": (
        "seq_len,ch_idx\n7,1\n8\n",
        {"channels": "listed"},
        "running.csv:3: ch_idx: found '', expected the number of a channel",
    ),
    "channel in other digits": (
        "seq_len,ch_idx\n7,\u0663\n",
        {"channels": "listed"},
        "running.csv:2: ch_idx: found '\u0663', expected the number of a channel",
    ),
}


@pytest.mark.parametrize("problem", WRONG)
def test_wrong_files(problem: str, tmp_path: Path) -> None:
    text, keys, message = WRONG[problem]
    with pytest.raises(ConfigError) as caught:
        requests(write(tmp_path, text), **keys)
    assert str(caught.value).endswith(message)
    assert "\n" not in str(caught.value)


def test_a_request_that_grows_too_long(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"2: the request has 2,000 tokens and grows to 2,099"):
        requests(write(tmp_path, "seq_len\n2000\n"), decode_steps=100)


def test_a_channel_with_more_digits_than_there_are_channels(tmp_path: Path) -> None:
    file = write(tmp_path, f"seq_len,ch_idx\n7,{'9' * 5000}\n")
    with pytest.raises(CyclelabError):
        requests(file, channels="listed")


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        ({"batch": 2}, "batch has no meaning in a workload with 'running'"),
        ({"prefill_tokens": 5}, "prefill_tokens has no meaning in a workload with 'running'"),
        ({"requests": [{"context_tokens": 5}]}, "'r"),
        ({"trace": {"file": "f", "requests": 1}}, "has no meaning in a workload with"),
        ({"running": {"file": "f", "channels": "some"}}, "running.channels: found 'some'"),
        ({"running": {"file": "f", "requests": 0}}, "running.requests: found 0"),
        ({"running": {"fil": "f"}}, "did you mean 'file'"),
        ({"running": {"file": "nowhere.csv"}}, "nowhere"),
        ({"model": "bert-base"}, "encoder"),
        ({"decode_steps": 0}, "request 0 of 1 has nothing to do"),
    ],
)
def test_wrong_workloads(workload: dict[str, Any], message: str, tmp_path: Path) -> None:
    running = {"running": {"file": str(write(tmp_path, "seq_len\n7\n"))}}
    with pytest.raises(CyclelabError) as caught:
        phases(**(running | workload))
    assert message in str(caught.value)


def test_running_has_no_meaning_for_gemms(tmp_path: Path) -> None:
    document = Document.from_data({"gemms": "x", "running": {"file": "f"}}, "workload")
    with pytest.raises(ConfigError, match="running has no meaning in a workload of gemms"):
        validate(WorkloadSpec, document)
