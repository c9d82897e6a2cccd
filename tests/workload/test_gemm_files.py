"""GEMM lists and SCALE-Sim topologies."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, CyclelabError, find, list_presets
from simulator.workload import GemmSpec, WorkloadSpec, load_workload
from simulator.workload.gemms import load_gemms, unique_names
from simulator.workload.operators import MatMul
from simulator.workload.topology import load_topology


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def sizes(gemms: tuple[GemmSpec, ...]) -> list[tuple[str, int, int, int, int]]:
    return [(g.name, g.count, g.m, g.n, g.k) for g in gemms]


CONV = "Layer name,IFMAP Height,IFMAP Width,Filter Height,Filter Width,Channels,Num Filter,Strides,"


def test_gemm_topology_with_its_trailing_comma(tmp_path: Path) -> None:
    file = write(tmp_path, "Layer,M,N,K,\nQKV, 128, 2304, 768,\n\nFC1,128,3072,768\n")
    assert sizes(load_topology(file)) == [("QKV", 1, 128, 2304, 768), ("FC1", 1, 128, 3072, 768)]


def test_convolutions_become_gemms(tmp_path: Path) -> None:
    # 7x7 windows at stride 2: (224 - 7 + 2) / 2 = 109.5, which SCALE-Sim rounds up.
    text = f"{CONV}\nConv1,224,224,7,7,3,64,2,\nConv2,8,5,3,2,16,32,1,# a comment\n"
    assert sizes(load_topology(write(tmp_path, text))) == [
        ("Conv1", 1, 110 * 110, 64, 7 * 7 * 3),
        ("Conv2", 1, 6 * 4, 32, 3 * 2 * 16),
    ]


def test_depthwise_convolutions_are_one_gemm_per_channel(tmp_path: Path) -> None:
    text = f"{CONV}\nDP1,10,10,3,3,32,1,1,\n"
    assert sizes(load_topology(write(tmp_path, text))) == [("DP1", 32, 64, 1, 9)]


def test_batch_and_second_stride(tmp_path: Path) -> None:
    header = CONV.replace("Strides", "Stride height,Stride width,Batch Size")
    text = f"{header}\nc,9,9,1,1,4,8,2,4,3,\n"
    assert sizes(load_topology(write(tmp_path, text))) == [("c", 1, 5 * 3 * 3, 8, 4)]


def test_dense_sparsity_is_fine(tmp_path: Path) -> None:
    file = write(tmp_path, "Layer,M,N,K,Sparsity,\na,1,2,3,4:4,\n")
    assert sizes(load_topology(file)) == [("a", 1, 1, 2, 3)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("Layer,M,N,K,\n", "no rows"),
        ("Layer,M,N,\na,1,2,\n", "no column 'k'"),
        ("Layer,M,N,K,Q,\na,1,2,3,4,\n", "unknown column 'q'"),
        ("Layer,M,N,M,\na,1,2,3,\n", "a column appears twice"),
        ("Layer,M,N,K,\na,1,2,\n", r"t\.csv:2: column 'k' is empty"),
        ("Layer,M,N,K,\na,1,2,3,\n,1,2,3,\n", r"t\.csv:3: column 'name' is empty"),
        ("Layer,M,N,K,\na,1,2,3,4,\n", r"t\.csv:2: 5 cells, expected 4"),
        ("Layer,M,N,K,\na,1,2,x,\n", r"t\.csv:2: column 'k': found 'x'"),
        ("Layer,M,N,K,\na,1,2,1e9,\n", r"column 'k': found '1e9'"),
        ("Layer,M,N,K,\na,1,2,0,\n", r"column 'k': found 0, expected an integer of at least 1"),
        ("Layer,M,N,K,\na,1,-2,3,\n", r"column 'n': found '-2'"),
        ("Layer,M,N,K,\na,1,2,99999999999,\n", r"column 'k'"),
        ("Layer,M,N,K,\na,1,2,٣,\n", r"column 'k'"),
        ("Layer,M,N,K,Sparsity,\na,1,2,3,2:4,\n", r"t\.csv:2: sparsity 2:4 is not supported"),
        (f"{CONV}\nc,3,9,5,1,1,1,1,\n", r"t\.csv:2: the filter's height 5 is larger"),
        (f"{CONV}\nc,3,9,1,1,1,1,0,\n", r"column 'strides': found 0"),
    ],
)
def test_malformed_topologies(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_topology(write(tmp_path, text))


@given(st.text(max_size=60), st.booleans())
def test_any_text_reads_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, text: str, conv: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "random.csv"
    file.write_text((CONV if conv else "Layer,M,N,K,") + "\n" + text, "utf-8", "replace")
    try:
        gemms = load_topology(file)
    except CyclelabError as error:
        assert "random.csv" in str(error)
    else:
        assert gemms


def test_plain_lists(tmp_path: Path) -> None:
    csv = write(tmp_path, "name,m,n,k,count\na,1,2,3,\nb,4,5,6,7\n")
    yaml = write(
        tmp_path,
        "gemms:\n  - {name: a, m: 1, n: 2, k: 3}\n  - {name: b, m: 4, n: 5, k: 6, count: 7}\n",
        "t.yaml",
    )
    assert sizes(load_gemms(csv)) == [("a", 1, 1, 2, 3), ("b", 7, 4, 5, 6)]
    assert load_gemms(yaml) == load_gemms(csv)


def test_a_wrong_list_in_yaml_names_the_line(tmp_path: Path) -> None:
    file = write(tmp_path, "gemms:\n  - {m: 1, n: 2}\n", "t.yaml")
    with pytest.raises(ConfigError, match=r"t\.yaml:2: gemms\.0: missing key 'k'"):
        load_gemms(file)


def test_gemms_become_one_phase() -> None:
    gemms = [{"m": 3, "n": 4, "k": 5, "count": 2}, {"m": 3, "n": 4, "k": 5}]
    precision = {"weights": "int4", "activations": "int8"}
    workload = load_workload(WorkloadSpec.model_validate({"gemms": gemms, "precision": precision}))
    (phase,) = workload.phases
    assert phase.kind == "gemm"
    assert phase.macs() == 3 * 60
    first, second = phase.segments[0].operators()
    assert (first.name, second.name) == ("gemm", "gemm_2")
    assert isinstance(first, MatMul)
    assert [t.bytes for t in first.inputs] == [2 * 20 // 2, 2 * 15]
    assert first.outputs[0].bytes == 2 * 12 * 2
    assert phase.weight_bytes == 20 + 10


def test_repeated_names_stay_apart() -> None:
    assert unique_names(["a", "a_2", "a", "b", "a"]) == ["a", "a_2", "a_3", "b", "a_4"]


@pytest.mark.parametrize("name", list_presets("gemms"))
def test_shipped_lists_load(name: str) -> None:
    key = "topology" if find("gemms", name).suffix == ".csv" else "gemms"
    workload = load_workload(WorkloadSpec.model_validate({key: name}))
    assert workload.phases[0].macs() > 0


def test_the_shipped_layer_is_that_of_the_model() -> None:
    layer = load_workload(WorkloadSpec(topology="llama-2-7b-layer-prefill")).phases[0]
    model = load_workload(WorkloadSpec(model="llama-2-7b", prefill_tokens=2048)).phases[0]
    shapes = {op.name: op.shapes for op in layer.segments[0].operators() if isinstance(op, MatMul)}
    for op in model.segments[1].operators():
        if isinstance(op, MatMul):
            assert shapes.pop(op.name) == op.shapes
    assert not shapes
