"""`cyclelab dram`: from a trace to the summary, JSON and pictures; mistakes are one message."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulator import __version__
from simulator.cli import main
from simulator.hardware.dram.trace import INTERLEAVE_BYTES

CHECKOUT = Path(__file__).parents[1]
ONE_PSEUDO_CHANNEL = ("--set", "device.organisation.counts.pseudo_channels=1")
LATENCY = 1 + 1 + 14 + 14 + 2
"""Cycles of a lone HBM2 read: taken in, the second cycle of ACT, tRCD, CL, burst."""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, _compiled_kernel: None) -> None:
    """Run in an empty folder."""
    monkeypatch.chdir(tmp_path)
    Path("one.txt").write_text("0 R 0 0 0 0 0 0\n")


def simulated(trace: str, *options: str, device: str = "hbm2-2000") -> dict[str, Any]:
    """The JSON of a trace."""
    arguments = ["dram", trace, "--device", device, *options]
    assert main([*arguments, "--quiet", "--json", "r.json"]) == 0
    document = json.loads(Path("r.json").read_text())
    assert isinstance(document, dict)
    return document


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run what cannot work; returns the message."""
    assert main(["dram", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ") and "Traceback" not in err
    return err


def test_summary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dram", "hbm2_triad", "--device", "hbm2-2000"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("hbm2_triad.txt.gz\n")
    for part in (
        "2,049 requests · coordinates",
        "hbm2-2000 · peak 32.0 GB/s · 2 pseudo channels × 4 bank groups × 4 banks",
        "fr_fcfs · open page · all_bank refresh · queues of 32 reads and 32 writes",
        "The busiest data bus is the limit",
        "turns from reads to writes",
        f"cyclelab {__version__} · configuration ",
    ):
        assert part in " ".join(out.replace("\N{NO-BREAK SPACE}", " ").split())
    assert max(len(line) for line in out.splitlines()) <= 100
    for row in ("row hits", "p99", "ACT", "of peak", "a row open", "per bit moved"):
        assert row in out
    assert [path.name for path in Path().iterdir()] == ["one.txt"]


def test_one_read_takes_what_its_timings_say() -> None:
    document = simulated("one.txt")
    assert document["cycles"] == LATENCY
    assert document["latency"]["mean_cycles"] == document["latency"]["max"] == LATENCY
    assert document["commands"]["ACT"] == document["commands"]["RD"] == 1
    assert document["time_s"] == pytest.approx(document["cycles"] * 1e-9)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    document = simulated("hbm2_random")
    assert document["reads"] == 2048 and document["writes"] == 0
    rows = document["row_hits"] + document["row_misses"] + document["row_conflicts"]
    assert rows == document["trace"]["requests"] == 2048
    assert document["bandwidth_bytes_per_s"] == pytest.approx(
        2048 * 32 / (document["cycles"] * 1e-9)
    )
    assert document["peak_bytes_per_s"] == pytest.approx(32e9)
    latency = document["latency"]
    assert latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert sum(latency["histogram"]["reads"]) == 2048
    assert latency["histogram"]["up_to_cycles"] == sorted(latency["histogram"]["up_to_cycles"])
    assert document["refresh"]["commands"] == document["commands"]["REFab"]
    assert document["device"]["name"] == "hbm2-2000"
    assert document["device"]["configuration_hash"]
    assert document["controller"]["read_queue"] == 32
    assert document["configuration"]["device"]["timing"]["cycles"]["nCL"] == 14
    assert document["version"] == __version__
    assert "Ramulator" in document["sources"]["device.timing"]
    assert document["limits"]["resources"][0]["share"] > 0.5
    assert document["energy_j"]["read"]["low"] < document["energy_j"]["read"]["value"]
    # Equal runs give equal bytes, on the terminal too, and nothing else is printed there.
    assert main(["dram", "hbm2_random", "--device", "hbm2-2000", "--json", "-"]) == 0
    capsys.readouterr()
    assert main(["dram", "hbm2_random", "--device", "hbm2-2000", "--json", "-"]) == 0
    assert capsys.readouterr().out == Path("r.json").read_text()


def test_output_and_picture(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", "hbm2-2000", "--quiet", "--output", "out", "--picture", "p/banks.svg"]
    assert main(["dram", "hbm2_stream", *options]) == 0
    out, _ = capsys.readouterr()
    assert out.splitlines() == [
        "wrote p/banks.svg",
        "wrote to out: result.json, bank_activity.png, bank_activity.svg, latency.png, latency.svg",
    ]
    assert Path("out/latency.png").read_bytes().startswith(b"\x89PNG")
    assert Path("p/banks.svg").read_bytes() == Path("out/bank_activity.svg").read_bytes()
    assert main(["dram", "hbm2_stream", *options[:3], "--output", "o", "--no-plots"]) == 0
    assert [path.name for path in Path("o").iterdir()] == ["result.json"]
    assert Path("o/result.json").read_bytes() == Path("out/result.json").read_bytes()


def test_settings_and_their_short_forms() -> None:
    short = simulated("hbm2_random", "--page", "closed", "--refresh", "none", "--queue", "8")
    settings = ["controller.page=closed", "controller.refresh=none"]
    settings += ["controller.read_queue=8", "controller.write_queue=8"]
    long = simulated("hbm2_random", *(word for s in settings for word in ("--set", s)))
    assert short == long
    assert short["refresh"]["commands"] == 0
    assert short["cycles"] > simulated("hbm2_random")["cycles"]


def test_one_pseudo_channel_has_half_of_the_peak() -> None:
    Path("t.txt").write_text("0 R 0 0 0 0 0 0\n" * 64)
    one, two = simulated("t.txt", *ONE_PSEUDO_CHANNEL), simulated("t.txt")
    assert one["cycles"] == two["cycles"]
    assert one["peak_bytes_per_s"] == two["peak_bytes_per_s"] / 2
    assert one["data_bus_share"] == pytest.approx(2 * two["data_bus_share"])


def test_channels() -> None:
    """A stream of addresses over four channels, bursts of two cycles on two data buses each."""
    count, block = 4096, INTERLEAVE_BYTES
    lines = "".join(f"0 R {32 * number:#x}\n" for number in range(count))
    Path("t.txt").write_text(lines)
    one = simulated("t.txt", "--format", "addresses")
    four = simulated("t.txt", "--format", "addresses", "--channels", "4")
    assert four["reads"] == one["reads"] == count
    assert four["trace"]["channels"] == 4 and four["trace"]["interleave_bytes"] == block
    assert count < one["cycles"] < 1.15 * count, "with a refresh"
    assert count / 4 < four["cycles"] < 1.05 * count / 4
    assert four["peak_bytes_per_s"] == 4 * one["peak_bytes_per_s"]
    wide = simulated("t.txt", "--format", "addresses", "--channels", "4", "--interleave", "131072")
    assert wide["cycles"] == one["cycles"], "all on the first channel"


def test_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    packed = gzip.compress(b"0 R 0 0 0 0 0 0\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    assert main(["dram", "-", "--device", "hbm2-2000"]) == 0
    assert capsys.readouterr().out.startswith("standard input\n")


def test_reads_served_by_waiting_writes_move_nothing() -> None:
    Path("t.txt").write_text("0 W 0 0 0 0 0 0\n0 R 0 0 0 0 0 0\n0 W 0 0 0 0 0 0\n")
    document = simulated("t.txt")
    assert document["forwarded_reads"] == document["coalesced_writes"] == 1
    assert document["moved_bytes"] == 32


@pytest.mark.parametrize("device", ["ddr4-3200", "ddr5-4800", "gddr6-14000", "hbm3-6400"])
def test_other_devices(device: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", device, "--format", "addresses"]
    assert main(["dram", "tile_addresses", *options]) == 0
    assert f"{device} · peak" in capsys.readouterr().out


# -- mistakes -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("options", "part"),
    [
        (["--device", "hbm-2000"], "did you mean 'hbm2-2000'?"),
        (["--device", "./none.yaml"], "none.yaml: no such file"),
        (["--page", "clsed"], "--page clsed: controller.page: no page policy"),
        (["--refresh", "sometimes"], "--refresh sometimes: controller.refresh"),
        (["--device", "ddr4-3200", "--refresh", "per_bank"], "'ddr4-3200' has no per-bank refresh"),
        (["--queue", "0"], "controller.read_queue: found 0"),
        (["--queue", "many"], "--queue: found 'many', expected a whole number"),
        (["--channels", "2"], "--format addresses"),
        (["--channels", "3", "--format", "addresses"], "--channels: found 3"),
        (["--interleave", "1e3"], "--interleave: found '1e3'"),
        (["--picture", "banks.gif"], "'banks.gif' is neither .png nor .svg"),
        (["--set", "controller.queue=3"], "controller.queue: unknown key"),
        (["--set", "device.timing.cycles.nREFI=9"], "no less than the refresh interval nREFI of 9"),
        (["--format", "addresses"], "use --format coordinates"),
        (["--output", "one.txt"], "cannot write results to one.txt"),
        (["--queue", "-3"], "found -3, expected a whole number from 1 to 4096"),
        (["--format", "adresses"], "did you mean 'addresses'?"),
        (["--format", "addresses", "--interleave", "512"], "or give --channels"),
        (["--set", "controller.address_mapping.xor_banks_with_row=2"], "has coordinates"),
    ],
)
def test_wrong_options(options: list[str], part: str, capsys: pytest.CaptureFixture[str]) -> None:
    device = [] if "--device" in options else ["--device", "hbm2-2000"]
    assert part in refused(capsys, "one.txt", *device, *options)


WRONG: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no requests"),
    "range": (b"0 R 0 0 9 0 0 0\n", "bad.txt:1: '0 R 0 0 9 0 0 0': bank group is 9"),
    "late": (b"0 R 0 0 0 0 0 0\n" * 99 + b"oops\n", "bad.txt:100: 'oops': found 1 column"),
    "format": (b"0 R 0x40\n", "use --format addresses"),
    "cut": (gzip.compress(b"0 R 0 0 0 0 0 0\n" * 999)[:-9], "cut off"),
    "binary": (bytes(range(255, 0, -1)), "bad.txt:1: found the character"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_traces(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, part = WRONG[case]
    Path("bad.txt").write_bytes(content)
    assert part in refused(capsys, "bad.txt", "--device", "hbm2-2000")


def test_what_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["dram", "one.txt", "--device", "hbm2-2000", "--quiet"]
    for option in ("--json", "--picture"):
        assert main([*arguments, option, "one.txt/x.png"]) == 2
        assert "cannot write one.txt/x.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options", [["--json", ""], ["--output", ""], ["--no-plots", "--picture", "x.png"]]
)
def test_options_that_say_nothing_or_the_opposite(
    options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["dram", "one.txt", "--device", "hbm2-2000", *options])
    assert end.value.code == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert "expected a name" in message or "not allowed with argument" in message


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk to write to")
def test_a_full_disk_below_the_terminal() -> None:
    command = [sys.executable, "-m", "simulator.cli", "list", "dram"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=CHECKOUT, check=False
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: cannot write: ")
    assert len(done.stderr.splitlines()) == 1


def test_device_is_required(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["dram", "one.txt"])
    assert end.value.code == 2
    assert "--device" in capsys.readouterr().err


# -- the other commands -------------------------------------------------------------------
def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "dram"]) == 0
    listed = " ".join(capsys.readouterr().out.split())
    assert " hbm2-2000 HBM2 at 2.0 Gbit/s per pin" in listed
    assert main(["list", "dram_traces"]) == 0
    assert "hbm2_conflict   HBM2, one bank: every read" in capsys.readouterr().out


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema

    assert main(["schema", "dram"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.validate({"extends": "hbm2-2000", "name": "mine"}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"extends": "hbm2-2000", "nam": "mine"}, schema)


def test_what_is_light_stays_light() -> None:
    """`import simulator` and `cyclelab --help` load neither compiler nor pictures."""
    code = (
        "import sys, simulator\nfrom simulator.cli import main\n"
        "try:\n    main(['dram', '--help'])\nexcept SystemExit:\n    pass\n"
        "print('loaded', [n for n in ('numba', 'matplotlib', 'pydantic') if n in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
    )
    assert found.stdout.splitlines()[-1] == "loaded []"
