"""Request traces: both formats, the shipped files, and what may be wrong."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from simulator.config import ConfigError, find
from simulator.workload import WorkloadSpec, load_workload
from simulator.workload.traces import TraceSpec, read_trace, trace_requests

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,{},{}\n"


def write(folder: Path, text: str) -> Path:
    file = folder / "trace.csv"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("name", "requests", "first"),
    [
        ("AzureLLMInferenceTrace_conv", 19_366, (374, 44)),
        ("AzureLLMInferenceTrace_code", 8_819, (4808, 10)),
    ],
)
def test_shipped_traces_are_whole(name: str, requests: int, first: tuple[int, int]) -> None:
    path = find("traces", name)
    found = list(read_trace(path))
    assert len(found) == requests
    assert (found[0].prompt_tokens, found[0].generated_tokens) == first
    assert found[-1].line == requests + 1
    assert "Splitwise" in (path.parent / "README.md").read_text()


def test_vidur_columns_are_recognised(tmp_path: Path) -> None:
    text = "arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,100,7\n\n1.5,20,1\n"
    found = list(read_trace(write(tmp_path, text)))
    assert [(r.prompt_tokens, r.generated_tokens, r.decode_steps) for r in found] == [
        (100, 7, 6),  # the prefill generates the first token
        (20, 1, 0),
    ]


def test_compressed_or_not_is_the_same(tmp_path: Path) -> None:
    plain = write(tmp_path, AZURE.format(12, 3))
    packed = tmp_path / "trace.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert list(read_trace(packed)) == list(read_trace(plain))


def test_a_trace_is_read_no_further_than_asked(tmp_path: Path) -> None:
    file = write(tmp_path, AZURE.format(1, 1) + "x,y,z\n")
    assert len(trace_requests(TraceSpec(file="t", requests=1), file, 10)) == 1


def test_a_batch_from_a_trace(tmp_path: Path) -> None:
    text = AZURE.format(10, 3) + "t,20,2\nt,30,5\nt,40,1\n"
    trace = {"file": str(write(tmp_path, text)), "requests": 2, "offset": 1}
    spec = WorkloadSpec.model_validate({"model": "llama-2-7b", "trace": trace})
    phases = load_workload(spec).phases
    # Prompts of 20 and 30; the first generates one more token, the second four.
    assert [p.tokens for p in phases] == [50, 2, 1, 1, 1]
    assert phases[-1].kv_bytes_after == (20 + 1 + 30 + 4) * 524_288
    limited = load_workload(spec.model_copy(update={"decode_steps": 2})).phases
    assert [p.tokens for p in limited] == [50, 2, 1]


def test_paths_are_relative_to_the_referring_file(tmp_path: Path) -> None:
    write(tmp_path, AZURE.format(10, 1))
    trace = {"file": "trace.csv", "requests": 1}
    spec = WorkloadSpec.model_validate({"model": "llama-2-7b", "trace": trace})
    (phase,) = load_workload(spec, tmp_path / "experiment.yaml").phases
    assert phase.tokens == 10


def test_long_requests_stop_or_are_left_out(tmp_path: Path) -> None:
    file = write(tmp_path, AZURE.format(10, 3) + "t,13,1\nt,5,1\n")
    with pytest.raises(ConfigError, match=r"trace\.csv:3: .* 13 tokens.* at most 12"):
        trace_requests(TraceSpec(file="t", requests=2), file, 12)
    kept = trace_requests(TraceSpec(file="t", requests=2, skip_too_long=True), file, 12)
    assert [request.prompt_tokens for request in kept] == [10, 5]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the header has columns none"),
        ("a,b,c\n1,2,3\n", "the header has columns a, b, c; expected contexttokens"),
        (AZURE.format(0, 1), r"trace\.csv:2: column 'contexttokens': found 0"),
        (AZURE.format(1, "x"), r"trace\.csv:2: column 'generatedtokens': found 'x'"),
        (AZURE.format(1, ""), r"trace\.csv:2: column 'generatedtokens' is empty"),
        (AZURE.format(1, 1), "only 1 requests to be had"),
        (AZURE.format(1, "1" * 70_000), "too long for a trace"),
    ],
)
def test_wrong_traces(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        trace_requests(TraceSpec(file="t", requests=9), write(tmp_path, text), 99)


def test_the_format_can_be_demanded(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="num_prefill_tokens"):
        list(read_trace(write(tmp_path, AZURE.format(1, 1)), "vidur"))


@pytest.mark.parametrize(
    "content", [b"\x1f\x8bbroken", b"no gzip", gzip.compress(b"\xff\xfe", mtime=0)]
)
def test_broken_compression(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "t.csv.gz"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"t\.csv\.gz"):
        list(read_trace(file))
