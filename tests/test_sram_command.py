"""`cyclelab sram`: a LUT-GEMV on one array, counted by hand; mistakes are one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import simulator as sim
from simulator import __version__
from simulator.cli import main
from simulator.config import CyclelabError, list_presets
from simulator.hardware.sram_pim.load import PRESETS, load_array
from simulator.lut_gemv import MOST_STEPPED_CYCLES

SERIAL, PARALLEL = "256x256_bit_serial", "256x256_bit_parallel"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)


def counted(k: int, n: int, *options: str, array: str = SERIAL) -> dict[str, Any]:
    """The JSON of a product."""
    arguments = ["sram", array, "--k", str(k), "--n", str(n), *options]
    assert main([*arguments, "--quiet", "--json", "r.json"]) == 0
    text = Path("r.json").read_text(encoding="utf-8")
    assert "NaN" not in text and "Infinity" not in text
    document = json.loads(text)
    assert isinstance(document, dict)
    return document


def plain(text: str) -> str:
    """Without line breaks and narrow spaces."""
    return " ".join(text.replace("\N{NO-BREAK SPACE}", " ").split())


# -- what is found -----------------------------------------------------------------------
def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    """K = 10 in groups of 3 are 4 of them; entries of 4 + 2 bits, sums of 8 + 4 + 4."""
    options = ["--basis-weights", "3", "--batch", "2", "--values", "--reuse"]
    assert main(["sram", SERIAL, "--k", "10", "--n", "300", *options]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("LUT-GEMV of 2 × 10 × 300 on sram_pim 256×256 bit_serial\n")
    for part in (
        f"{SERIAL} with basis_weights=3, reuse · 256 rows × 256 columns, 8.19 kB",
        "2 × 10 inputs int8 · weights int4 · entries of 6 bits · sums of 16 bits",
        "k 3, as given",
        "4 groups of 3 inputs · 2 blocks of 256 outputs · 1 pass of 2 rows of inputs",
        "7 entries × 6 · 2 sums × 16 · zeros and carries 2 · free 180 of 256 (11 more sums)",
        "8 tables × 3 weights × 4 bits",
        "8 tables × 4 additions × 7 cycles",
        "8 groups × 2 rows of inputs × 100 cycles, 16 … 9 for a plane",
        "2 blocks × 2 rows of inputs × 16 cycles",
        "gaussian activations (seed 0, deviation 32.0)",
        "all are numpy's",
        "as the closed form says",
        f"cyclelab {__version__} · configuration ",
    ):
        assert part in plain(out)
    assert max(len(line) for line in out.splitlines()) <= 100
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    "options",
    [
        ["--k", "90071", "--n", "999999", "--batch", "99999"],
        ["--k", "1", "--n", "1"],
        ["--k", "4096", "--n", "11008", "--batch", "100", "--layout", "bit_parallel"],
        ["--k", "300", "--n", "1", "--weights", "int8", "--activations", "int16"],
    ],
)
def test_no_line_is_too_long(options: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sram", SERIAL, *options]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 100


def test_cycles_of_the_bit_serial_layout() -> None:
    """256 groups of 4: 16 rows written, 11 additions of 6 bits and a carry, planes of 22 bits
    down to 15."""
    document = counted(1024, 256)
    assert document["basis_weights"] == document["best_basis_weights"] == 4
    assert document["phases"] == {
        "load": 256 * 4 * 4,
        "build": 256 * 11 * 7,
        "lookup": 256 * (22 + 21 + 20 + 19 + 18 + 17 + 16 + 15),
        "read_out": 22,
    }
    assert document["cycles"] == 61718
    assert document["cycles_per_mac"] == 61718 / (1024 * 256)
    assert sum(document["shares"].values()) == pytest.approx(1)
    assert document["blocks"] == {"groups": 256, "batch": 1, "passes": 1, "column_blocks": 1}


def test_cycles_of_the_bit_parallel_layout() -> None:
    """Entries of 4 + 1 bits, 51 side by side; a row per weight, an addition and 8 reads."""
    document = counted(100, 102, "--basis-weights", "2", array=PARALLEL)
    assert document["blocks"]["column_blocks"] == 2
    assert document["phases"] == {
        "load": 2 * 50 * 2,
        "build": 2 * 50,
        "lookup": 2 * 50 * 8,
        "read_out": 2 * 7,  # 51 sums of 32 bits through 256 columns
    }


def test_a_batch_that_does_not_fit_goes_in_passes() -> None:
    """15 entries of 6 rows, 2 spare ones and 7 sums of 22 are 246 rows; 8 sums 268."""
    document = counted(1024, 256, "--batch", "8")
    assert document["blocks"]["passes"] == 2 and document["blocks"]["batch"] == 7
    assert document["phases"]["load"] == 2 * 256 * 16
    assert document["phases"]["lookup"] == 8 * 256 * 148
    chosen = document["choices"][3]
    assert chosen["rows_needed"] == 246 and chosen["largest_batch"] == 7
    # 63 entries of 7 rows, 2 and 7 sums.
    needed = 63 * 7 + 2 + 7 * 22
    lacking = document["choices"][5]
    assert not lacking["fits"] and lacking["least_rows"] == 63 * 7 + 2 + 22
    assert lacking["rows_needed"] == needed and lacking["passes"] == 2
    taller = counted(1024, 256, "--batch", "8", "--set", f"rows={needed}", "--basis-weights", "6")
    assert taller["cycles"] == lacking["cycles"]
    # 512 rows hold 31 entries of 7 rows, 2 and 8 sums.
    twice = counted(1024, 256, "--batch", "8", "--set", "rows=512")
    assert twice["basis_weights"] == 5 and twice["blocks"]["passes"] == 1
    saved = round(100 * (1 - twice["cycles"] / document["cycles"]))
    text = f"Twice the rows would save {saved} % of the best cycles: k = 5 in 1 pass."
    assert text in document["verdict"]


def test_every_choice_is_what_the_array_would_do_with_it() -> None:
    for choice in counted(500, 300, "--batch", "9")["choices"]:
        given = ("--basis-weights", str(choice["basis_weights"]), "--batch", "9")
        if choice["fits"]:
            document = counted(500, 300, *given)
            assert document["cycles"] == choice["cycles"]
            assert document["rows"][-1]["first"] == 255
        else:
            taller = counted(500, 300, *given, "--set", f"rows={choice['rows_needed']}")
            assert taller["cycles"] == choice["cycles"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--k", "1024", "--n", "256"], "Looking up takes most, 61 % of the cycles: each of 8 pl"),
        (["--k", "64", "--n", "256", "--basis-weights", "5"], "Making tables takes most"),
        (["--k", "64", "--n", "256", "--basis-weights", "5"], "k = 4 would take"),
        (["--k", "64", "--n", "9"], "The array has room for 256 outputs and holds 9."),
        (["--k", "64", "--n", "300"], "The last of 2 blocks of columns is not full: 59 % of"),
        (["--k", "64", "--n", "256"], "A batch of 9, the largest that fits, would share"),
        (["--k", "64", "--n", "256"], "Twice the rows would not help."),
        (
            ["--k", "1", "--n", "64", "--activations", "int2", "--layout", "bit_parallel"],
            "Reading out takes most",
        ),
        (["--k", "900", "--n", "64", "--batch", "70", "--layout", "bit_parallel"], "in 3 passes"),
        (
            ["--k", "900", "--n", "64", "--batch", "70", "--layout", "bit_parallel"],
            "Twice the rows, and sums beside them, would save",
        ),
    ],
)
def test_the_limit_in_words(options: list[str], sentence: str) -> None:
    assert main(["sram", SERIAL, *options, "--quiet", "--json", "r.json"]) == 0
    assert sentence in json.loads(Path("r.json").read_text("utf-8"))["verdict"]


@pytest.mark.parametrize("array", [SERIAL, PARALLEL])
@pytest.mark.parametrize("weights", ["int4", "uint3", "ternary"])
def test_values_are_executed(array: str, weights: str) -> None:
    options = ("--batch", "3", "--basis-weights", "3", "--weights", weights, "--values")
    document = counted(40, 70, *options, "--seed", "5", array=array)
    check = document["values"]
    assert check["equal"] is True and check["seed"] == 5 and check["sums"] == 3 * 70
    assert check["cycles"] == document["cycles"]
    accesses = check["reads"] + check["writes"] + check["computes"]
    leaving = document["phases"]["read_out"] if array == PARALLEL else 0
    assert accesses == check["cycles"] - leaving, "outputs leave by a port of their own"


def test_reuse() -> None:
    """Uniform patterns of 4 bits, 8 per table: 1 - 16 (1 - (15/16)^8) / 8 hit, 0.193."""
    uniform = ("--reuse", "--set", "activations.distribution=uniform")
    document = counted(4096, 256, *uniform, "--seed", "7")
    found = document["reuse"]
    assert found["rate"] == pytest.approx(0.193, abs=0.015) and found["seed"] == 7
    assert found["lookups"] == 1024 * 8 and found["hits"] == round(found["rate"] * 8192)
    assert 0 < found["saved_cycles"] < found["rate"] * document["phases"]["lookup"]
    assert document["cycles"] == counted(4096, 256)["cycles"], "cycles are those without it"
    wide = counted(4096, 512, *uniform, "--seed", "7")["reuse"]
    assert wide["saved_cycles"] == 2 * found["saved_cycles"], "each block of columns saves it"
    slow = counted(4096, 256, *uniform, "--set", "reuse.hit_cycles=99", "--seed", "7")["reuse"]
    assert slow["saved_cycles"] < 0 and slow["hits"] == found["hits"]
    assert counted(64, 4)["reuse"] is None


def test_reuse_ends_with_a_pass() -> None:
    """A batch of 14 in two passes of 7: each finds its tables, and its memory, anew."""
    document = counted(1024, 256, "--batch", "14", "--basis-weights", "4", "--reuse")
    assert document["blocks"]["passes"] == 2
    seven = counted(1024, 256, "--batch", "7", "--basis-weights", "4", "--reuse")["reuse"]
    assert document["reuse"]["rate"] == pytest.approx(seven["rate"], abs=0.02)


def test_conversion() -> None:
    """22 bits: 1 + 44 for sign and magnitude, 27 + 10 + 110 for five distances, 16 and 23."""
    found = counted(1024, 300, "--batch", "2")["conversion"]
    assert found["bits"] == 22 and found["fills"] == 3  # 600 sums in 256 columns
    assert found["convert_cycles"] == 3 * (1 + 44 + 5 * 24 + (1 + 1 + 3 + 7 + 15) + 16 + 23)
    assert found["scale_cycles"] == 3 * (346 + 351)  # of mve, which neural_cache borrows from


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--batch", "2", "--values", "--reuse", "--latencies", "mve")
    document = counted(64, 100, *options)
    assert document["schema_version"] == 1
    assert document["product"] == {"batch": 2, "k": 64, "n": 100, "macs": 12800}
    assert [choice["basis_weights"] for choice in document["choices"]] == list(range(1, 9))
    assert [choice["fits"] for choice in document["choices"]] == [True] * 5 + [False] * 3
    assert document["configuration"]["latencies"] == "mve"
    assert document["configuration"]["reuse"]["entries"] == 32
    assert document["array"]["name"] == f"{SERIAL} with latencies=mve, reuse"
    assert (
        "Neural Cache" in document["sources"]["rows"] and "(assumed)" in document["sources"]["rows"]
    )
    assert "MVE" in document["sources"]["latencies.add"]
    assert document["version"] == __version__
    rows = document["rows"]
    assert sum(row["rows"] for row in rows) == 256
    capsys.readouterr()
    arguments = ["sram", SERIAL, "--k", "64", "--n", "100", *options]
    for _ in range(2):
        assert main([*arguments, "--json", "-"]) == 0
        assert capsys.readouterr().out == Path("r.json").read_text(encoding="utf-8")


def test_entries_wider_than_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    """Entries of 4 weights of 4 bits have 6, those of 5 weights 7."""
    assert main(["sram", PARALLEL, "--k", "16", "--n", "3", "--set", "columns=6"]) == 0
    assert "entries of k = 5 are wider than a row of columns\n" in capsys.readouterr().out
    document = counted(16, 3, "--set", "columns=6", array=PARALLEL)
    assert [choice["basis_weights"] for choice in document["choices"]] == [1, 2, 3, 4]


def test_options_are_settings() -> None:
    short = counted(64, 9, "--weights", "int2", "--activations", "int4", "--layout", "bit_parallel")
    keys = ("weight_format=int2", "input_format=int4", "layout=bit_parallel")
    long = counted(64, 9, *(word for key in keys for word in ("--set", key)))
    short["array"].pop("name"), long["array"].pop("name")
    short.pop("sources"), long.pop("sources")
    assert short == long
    both = counted(64, 9, "--layout", "bit_parallel", "--set", "layout=bit_serial")
    assert both["configuration"]["layout"] == "bit_serial", "settings come last"


def test_an_array_of_ones_own() -> None:
    Path("tall.yaml").write_text(
        f"extends: {SERIAL}\nrows: 512\nreuse: {{entries: 4}}\n", encoding="utf-8"
    )
    document = counted(256, 256, array="tall.yaml")
    assert document["array"]["name"] == "tall"
    assert document["configuration"]["rows"] == 512 and document["reuse"]["hits"]
    assert document["choices"][5]["fits"]


@pytest.mark.parametrize("name", list_presets(PRESETS))
def test_every_value_of_a_preset_has_a_source(name: str) -> None:
    setup = load_array(name)
    written = set(setup.document.data) - {"kind"}
    assert written == {str(path[0]) for path in setup.document.sources}
    assert all(value.quality for value in setup.document.sources.values())


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "sram_arrays"]) == 0
    out = capsys.readouterr().out
    assert f"{SERIAL}    sram_pim 256×256 bit_serial, int8 × int4\n" in out


# -- files ---------------------------------------------------------------------------------
def test_output_and_picture(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--k", "100", "--n", "60", "--quiet", "--output", "out", "--picture", "p/rows.svg"]
    assert main(["sram", SERIAL, *options, "--json", "j.json"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote j.json",
        "wrote p/rows.svg",
        "wrote to out: result.json, choices.csv, rows.csv, rows.png, rows.svg, cycles.png, "
        "cycles.svg",
    ]
    assert Path("out/cycles.png").read_bytes().startswith(b"\x89PNG")
    assert Path("p/rows.svg").read_bytes() == Path("out/rows.svg").read_bytes()
    assert Path("out/result.json").read_bytes() == Path("j.json").read_bytes()
    document = json.loads(Path("j.json").read_text("utf-8"))
    for name in ("choices", "rows"):
        lines = list(csv.DictReader(Path(f"out/{name}.csv").read_text("utf-8").splitlines()))
        assert lines == [{key: str(value) for key, value in row.items()} for row in document[name]]
    assert main(["sram", SERIAL, *options[:5], "--output", "o", "--no-plots"]) == 0
    names = ["choices.csv", "result.json", "rows.csv"]
    assert sorted(path.name for path in Path("o").iterdir()) == names


def test_python() -> None:
    run = sim.sram(SERIAL, 1024, 256, 2, values=False, set={"layout": "bit_parallel"})
    assert run.spec.layout == "bit_parallel" and run.cycles == run.best.phases.total
    assert run.summary().startswith("LUT-GEMV of 2 × 1,024 × 256")
    assert sim.sram(SERIAL, 64, 4, values=True, seed=3).values.seed == 3  # type: ignore[union-attr]
    assert sim.plot(run).get_axes() and sim.plot(run, "cycles").get_axes()
    with pytest.raises(CyclelabError, match="known: rows, cycles"):
        sim.plot(run, "timeline")
    for wrong in (0, 1.5, True, "9"):
        with pytest.raises(CyclelabError, match=r"batch: found .*, expected a whole number from 1"):
            sim.sram(SERIAL, 64, 4, wrong)  # type: ignore[arg-type]
    for seed in (-1, 0.5):
        with pytest.raises(CyclelabError, match=r"seed: found .*, expected a whole number from 0"):
            sim.sram(SERIAL, 64, 4, values=True, seed=seed)  # type: ignore[arg-type]
    sizes = np.array([64, 4])
    assert sim.sram(SERIAL, *sizes).cycles == sim.sram(SERIAL, 64, 4).cycles


# -- mistakes ------------------------------------------------------------------------------
def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run what cannot work; returns the message, which is one line."""
    assert main(["sram", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and len(err.splitlines()) == 1
    return err


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--k", "0"], "--k: found '0', expected a whole number from 1 to 999,999,999"),
        (["--k", "999999999", "--n", "999999999"], "a product of 999,999,998,000,000,001 MACs"),
        (["--n", "-5"], "--n: found '-5', expected a whole number"),
        (["--batch", "many"], "--batch: found 'many', expected a whole number"),
        (["--basis-weights", "0"], "--basis-weights: found '0', expected a whole number"),
        (["--basis-weights", "9"], "--basis-weights: found '9', expected a whole number from 1 to"),
        (
            ["--basis-weights", "6"],
            "--basis-weights 6: basis_weights: sram_pim: basis_weights 6 and a batch of 1, of 6 "
            "inputs each, need 458 rows, the array has 256; what fits: basis_weights of at most 5",
        ),
        (
            # 31 entries of 7 rows, 2 spare ones and a sum of 12 + 20 bits are 251 rows; and a
            # sum of 12 + 26 bits makes 257.
            ["--basis-weights", "5", "--k", "67108864"],
            "need 257 rows, the array has 256; what fits: basis_weights of at most 4",
        ),
        (["--layout", "bitserial"], "--layout bitserial: layout: found 'bitserial', expected one"),
        (["--layout", "bitserial"], "did you mean 'bit_serial'?"),
        (["--weights", "int44"], "--weights int44: weight_format: unknown number format 'int44'"),
        (["--weights", "int44"], "did you mean 'int4'?"),
        (["--weights", "fp16"], "found fp16, expected int, uint or ternary of at most 8 bits"),
        (["--activations", "uint8"], "input_format: found uint8, expected int2 to int16"),
        (["--latencies", "neural-cache"], "did you mean 'neural_cache'?"),
        (["--set", "row=4"], "row: unknown key 'row'; did you mean 'rows'?"),
        (["--set", "rows"], "--set rows: not a setting, expected key.path=value"),
        (["--set", "reuse.entry=4"], "reuse.entry: unknown key 'entry'; did you mean 'entries'?"),
        (["--set", "activations.seed=4"], "activations: are drawn for `reuse`, which is not there"),
        (
            ["--reuse", "--k", "99999999"],
            "99,999,999 activations, and at most 16,777,216 are drawn",
        ),
        (["--seed", "3"], "--seed: is for what --values and --reuse draw, and neither is there"),
        (["--values", "--k", "99999"], f"and at most {MOST_STEPPED_CYCLES:,} are executed"),
        (["--picture", "t.gif"], "--picture: 't.gif' is neither .png nor .svg"),
        (["--output", "file"], "cannot write results to file"),
    ],
)
def test_wrong_options(options: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    sizes = [word for size in ("--k", "--n") if size not in options for word in (size, "640")]
    assert part in refused(capsys, SERIAL, *sizes, *options)


@pytest.mark.parametrize(
    ("array", "part"),
    [
        ("256x256_bit_seriel", "did you mean '256x256_bit_serial'?"),
        ("./none.yaml", "none.yaml: no such file"),
        ("npu.yaml", "npu.yaml:1: kind: found 'npu', expected 'sram_pim', an SRAM-PIM array"),
        ("none.txt", "kind: there is none, expected 'sram_pim', an SRAM-PIM array"),
    ],
)
def test_wrong_arrays(array: str, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("npu.yaml").write_text("kind: npu\nname: x\n", encoding="utf-8")
    Path("none.txt").write_text("rows: 128\n", encoding="utf-8")
    assert part in refused(capsys, array, "--k", "4", "--n", "4")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ([SERIAL, "--n", "4"], "--k"),
        ([SERIAL, "--k", "4"], "--n"),
        (["--k", "4", "--n", "4"], "ARRAY"),
        ([SERIAL, "--k", "4", "--n", "4", "--no-plots", "--picture", "x.png"], "not allowed with"),
    ],
)
def test_options_that_are_missing_or_say_the_opposite(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["sram", *arguments])
    assert end.value.code == 2
    assert part in capsys.readouterr().err.splitlines()[-1]


def test_what_fits_is_of_the_product_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    """31 entries of 11 bits, a sum of 26 bits for 1,024 inputs, zeros and carries: 369 rows."""
    product = ["--k", "1024", "--n", "10", "--basis-weights", "5", "--weights", "int8"]
    assert main(["sram", SERIAL, *product, "--set", "rows=369", "--quiet"]) == 0
    found = refused(capsys, SERIAL, *product, "--set", "rows=368")
    assert "of 1024 inputs each, need 369 rows, the array has 368; what fits" in found
    assert "basis_weights of at most 4" in found
    deeper = ["--k", "2048", "--n", "10", "--basis-weights", "5", "--weights", "int8"]
    assert "need 370 rows" in refused(capsys, SERIAL, *deeper, "--set", "rows=369")
