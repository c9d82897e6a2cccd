"""`cyclelab pim`: a GEMV to the summary, JSON, timeline and pictures; mistakes are one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator import __version__
from simulator.cli import main
from simulator.config import CyclelabError

DUAL, SINGLE = "hbm2-neupims-dual", "hbm2-newton-single"
CLEAN = ["--refresh", "none"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _compiled_kernel: None) -> None:
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)


def simulated(outputs: int, inputs: int, *options: str, device: str = DUAL) -> dict[str, Any]:
    """The JSON of a GEMV."""
    arguments = ["pim", str(outputs), str(inputs), "--device", device, *options]
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
    assert main(["pim", "100", "600", "--device", DUAL, "--segment", "200", "--values"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith(f"GEMV of 100 × 600 in {DUAL}\n")
    for part in (
        "in 8 rows of 32 banks",
        "2 × 4 tiles of 2 × 13 COMPs · in the last chunk 1 × 13",
        "16 lanes of 16 bits beside every bank · row buffers of their own · timing corrected",
        "staggered refresh · fr_fcfs, queue of 128 reads · nothing beside",
        "300 sums of random operands (seed 1)",
        f"cyclelab {__version__} · configuration ",
    ):
        assert part in plain(out)
    for row in ("computing", "opening and closing rows", "G_ACT", "PIM_HEADER", "per bit"):
        assert row in out
    assert max(len(line) for line in out.splitlines()) <= 100
    assert list(Path().iterdir()) == []


def test_summary_beside_reads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pim", "128", "512", "--device", SINGLE, "--reads", *CLEAN]) == 0
    out = plain(capsys.readouterr().out)
    assert "a stream of reads beside" in out and "reads beside" in out and "data bus" in out
    assert "the banks' only row buffers" in out and "no refresh" in out
    assert "per bit of the matrix" not in out, "reads have energy, too"


def test_a_gemv_takes_what_its_timings_say() -> None:
    """One tile of 32 COMPs: ACT in cycle 1, GWRITE at 15, PIM_HEADER at 111, COMPs 106 behind it
    for 64 cycles, and the result 16 later."""
    document = simulated(32, 512, *CLEAN)
    assert document["cycles"] == 111 + 106 + 64 + 16
    assert document["time_s"] == pytest.approx(document["cycles"] * 1e-9)
    assert document["tiles"] == 1 and document["gemv"]["matrix_bytes"] == 32 * 512 * 2
    commands = {"ACT": 1, "GWRITE": 1, "PIM_HEADER": 1, "G_ACT": 8, "COMP": 32, "COMPS_READRES": 1}
    assert document["commands"] == commands
    # 512 bursts of 2 cycles on the one data bus.
    assert document["over_the_bus_cycles"] == 1024
    assert document["speedup_over_bus"] == pytest.approx(1024 / document["cycles"])


def test_tiles_follow_each_other_by_the_closed_form() -> None:
    """143 cycles around 4 segments of 8 COMPs, 16 each and 2 apart: 213 a tile."""
    document = simulated(32 * 50, 512, "--segment", "128", *CLEAN)
    assert document["tiles"] == 50
    assert document["cycles_per_tile_without_refresh"] == 143 + 4 * 16 + 3 * 2
    assert document["cycles_per_tile"] == pytest.approx(213, rel=0.02)
    published = simulated(
        32 * 50, 512, "--segment", "128", *CLEAN, "--set", "device.pim.timing=as_published"
    )
    # The last composite is not waited for.
    assert published["cycles_per_tile_without_refresh"] == 143 + 3 * 18
    assert published["device"]["timing"] == "as_published"


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    document = simulated(100, 600, "--segment", "200", "--values", "--reads")
    assert document["schema_version"] == 1
    assert document["gemv"]["segment"] == 200 and document["gemv"]["rows"] == 8
    runs = document["gemv"]["runs"]
    assert [(run["tiles"], run["segments"], run["comps"]) for run in runs] == [
        (4, 2, 13),
        (4, 1, 13),
    ]
    assert document["tiles"] == sum(run["tiles"] for run in runs)
    assert document["commands"]["COMP"] == 4 * 2 * 13 + 4 * 13
    assert sum(document["time_shares"].values()) == pytest.approx(1)
    assert 0 < document["multiplying_share"] < 1
    assert document["reads_beside"] == document["commands"]["RD"] > 0
    assert document["values"]["sums"] == 300 and document["values"]["largest_error"] < 1e-3
    assert document["energy_j"]["units"]["low"] < document["energy_j"]["units"]["value"]
    assert document["device"]["name"] == DUAL and document["device"]["configuration_hash"]
    assert document["controller"]["refresh"] == "staggered"
    assert document["configuration"]["device"]["pim"]["row_buffers"] == 2
    assert document["version"] == __version__
    assert "NeuPIMs" in document["sources"]["device.pim"]
    # Equal runs give equal bytes, on the terminal too, where nothing else is printed.
    capsys.readouterr()
    arguments = ["pim", "100", "600", "--device", DUAL, "--segment", "200", "--values", "--reads"]
    for _ in range(2):
        assert main([*arguments, "--json", "-"]) == 0
        assert capsys.readouterr().out == Path("r.json").read_text(encoding="utf-8")


def test_reads_and_values_are_left_out_unless_asked_for() -> None:
    document = simulated(32, 64)
    assert document["values"] is document["reads_beside"] is document["read_share"] is None


def test_a_single_row_buffer_shares_nothing() -> None:
    """With two, reads go on beside the units; with one, next to none are served."""
    dual, single = (simulated(320, 512, "--reads", *CLEAN, device=d) for d in (DUAL, SINGLE))
    assert dual["read_share"] > 0.6 and single["read_share"] < 0.1
    assert simulated(320, 512, *CLEAN)["cycles"] >= 0.97 * dual["cycles"]


def test_settings_and_their_short_form() -> None:
    short = simulated(128, 512, *CLEAN)
    long = simulated(128, 512, "--set", "controller.refresh=none")
    assert short == long
    assert "REFab" not in short["commands"]
    refreshed = simulated(3200, 512)
    assert refreshed["commands"]["REFab"] == refreshed["cycles"] // 1950
    assert refreshed["cycles_per_tile"] > refreshed["cycles_per_tile_without_refresh"]


@pytest.mark.parametrize(
    ("device", "part"),
    [
        ("hbm2-samsung-pim", "for 2 banks · vectors of 128 operands and 8 sums in registers"),
        ("hbm3-attacc-bank", "16 sums in registers · 4 banks share inputs"),
        ("hbm3-attacc-bank-group", "16 lanes of 16 bits for 4 banks"),
        ("hbm3-attacc-buffer", "16 lanes of 16 bits for 32 banks"),
    ],
)
def test_units_with_registers(device: str, part: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pim", "1000", "300", "--device", device, "--values", "--output", "out"]) == 0
    out = capsys.readouterr().out
    assert part in plain(out) and "of the sum of the products' magnitudes" in plain(out)
    assert max(len(line) for line in out.splitlines()) <= 100
    assert Path("out/timeline.png").read_bytes().startswith(b"\x89PNG")
    document = json.loads(Path("out/result.json").read_text(encoding="utf-8"))
    assert document["commands"]["COMP"] == sum(
        run["tiles"] * run["segments"] * run["comps"] for run in document["gemv"]["runs"]
    )
    assert document["values"]["largest_error"] < 5e-3
    assert document["cycles_per_tile_without_refresh"] is not None
    assert document["energy_j"]["units"]["value"] > 0


# -- files ---------------------------------------------------------------------------------
def test_output_and_picture(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", DUAL, "--quiet", "--output", "out", "--picture", "p/t.svg"]
    assert main(["pim", "300", "1000", *options, "--json", "j.json"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "wrote j.json",
        "wrote p/t.svg",
        "wrote to out: result.json, timeline.json, timeline.png, timeline.svg",
    ]
    assert Path("out/timeline.png").read_bytes().startswith(b"\x89PNG")
    assert Path("p/t.svg").read_bytes() == Path("out/timeline.svg").read_bytes()
    assert Path("out/result.json").read_bytes() == Path("j.json").read_bytes()
    assert main(["pim", "300", "1000", *options[:3], "--output", "o", "--no-plots"]) == 0
    assert sorted(path.name for path in Path("o").iterdir()) == ["result.json", "timeline.json"]
    for name in ("result.json", "timeline.json"):
        assert Path("o", name).read_bytes() == Path("out", name).read_bytes()


@pytest.mark.parametrize("name", ["t.png", "t.SVG"])
def test_endings_of_pictures(name: str) -> None:
    assert main(["pim", "32", "64", "--device", SINGLE, "--quiet", "--picture", name]) == 0
    data = Path(name).read_bytes()
    assert data.startswith(b"\x89PNG") if name.endswith("png") else b"<svg" in data[:1000]


# -- mistakes ------------------------------------------------------------------------------
def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run what cannot work; returns the message, which is one line."""
    assert main(["pim", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and len(err.splitlines()) == 1
    return err


@pytest.mark.parametrize("wrong", [0, 1.5, True, "9", 10**9])
@pytest.mark.parametrize("name", ["outputs", "inputs", "segment"])
def test_sizes_in_python(name: str, wrong: Any) -> None:
    sizes = {"outputs": 16, "inputs": 64} | {name: wrong}
    with pytest.raises(CyclelabError, match=rf"^{name}: found .*, expected a whole number from 1"):
        sim.pim(**sizes, device="hbm2-neupims-dual")


@pytest.mark.parametrize(
    ("outputs", "inputs", "part"),
    [
        ("0", "512", "OUTPUTS: found '0', expected a whole number from 1"),
        ("-5", "512", "OUTPUTS: found '-5', expected a whole number from 1"),
        ("many", "512", "OUTPUTS: found 'many', expected a whole number from 1"),
        ("9" * 5000, "1", "OUTPUTS: found '9999999999"),
        ("128", "1.5", "INPUTS: found '1.5', expected a whole number from 1"),
        ("128", "", "INPUTS: found ''"),
        ("128", "\u0665", "INPUTS: found '\u0665'"),
        ("100000000", "512", "the matrix takes 3,125,000 rows of every bank"),
        ("32", "100000000", "rows of every bank (6,"),
    ],
)
def test_wrong_sizes(
    outputs: str, inputs: str, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert part in refused(capsys, outputs, inputs, "--device", DUAL)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--segment", "700"], "segment is 700, expected a divisor of the 1200 inputs"),
        (["--segment", "600"], "segment is 600, but a row of a bank holds 512 operands"),
        (["--segment", "0"], "--segment: found '0', expected a whole number from 1"),
        (["--segment", "x"], "--segment: found 'x'"),
        (["--device", "hbm2-2000"], "'hbm2-2000' has no units that compute (no `pim`)"),
        (["--device", "hbm2-neupim-dual"], "did you mean 'hbm2-neupims-dual'?"),
        (["--device", "./none.yaml"], "none.yaml: no such file"),
        (["--refresh", "sometimes"], "--refresh sometimes: controller.refresh: no refresh policy"),
        (["--refresh", "per_bank"], f"'{DUAL}' has no per-bank refresh"),
        (["--set", "controller.queue=3"], "controller.queue: unknown key"),
        (["--set", "controler.page=open"], "did you mean 'controller'"),
        (["--set", "device.pim.timing=new"], "device.pim.timing: found 'new', expected one of"),
        (["--set", "nonsense"], "--set nonsense: not a setting, expected key.path=value"),
        (["--set", "device.timing.cycles.nREFI=600"], "never fits between refreshes 300 cycles"),
        (["--picture", "t.gif"], "--picture: 't.gif' is neither .png nor .svg"),
        (["--output", "file"], "cannot write results to file"),
        (["--quiet", "--picture", "file/t.png"], "cannot write file/t.png"),
    ],
)
def test_wrong_options(options: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    device = [] if "--device" in options else ["--device", DUAL]
    assert part in refused(capsys, "128", "1200", *device, *options)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (["128", "512"], "--device"),
        (["128", "--device", DUAL], "INPUTS"),
        (["128", "512", "--device", DUAL, "--json", ""], "expected a name"),
        (["128", "512", "--device", DUAL, "--no-plots", "--picture", "x.png"], "not allowed with"),
    ],
)
def test_options_that_are_missing_or_say_the_opposite(
    arguments: list[str], part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["pim", *arguments])
    assert end.value.code == 2
    assert part in capsys.readouterr().err.splitlines()[-1]
