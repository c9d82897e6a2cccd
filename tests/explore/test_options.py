"""Options of `cyclelab compare` that make no sense alone, or together."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.cli import main
from tests.explore.comparisons import written


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--json", "-"], "--json"),
        (["--output", "out"], "--output"),
        (["--set", "a=b"], "--set"),
        (["--equal", "area"], "--equal"),
        (["--markdown"], "--markdown"),
        (["--set", "a=b", "--json", "x.json"], "--set, --json"),
    ],
)
def test_options_need_names(
    arguments: list[str],
    named: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["compare", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"error: {named}: no names are given, expected a comparison")
    assert shown.out == "" and not [*tmp_path.iterdir()]


def refused(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """What is said of where results should go, before anything runs."""
    assert main(["compare", written(folder), *arguments]) == 2
    return capsys.readouterr().err


def test_one_path_is_no_file_and_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both = str(tmp_path / "x.json")
    error = refused(tmp_path, ["--json", both, "--output", both], capsys)
    assert f"--json and --output: both are {both}, expected a file and a folder" in error
    assert not Path(both).exists()


def test_a_file_is_no_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine", "utf-8")
    error = refused(tmp_path, ["--output", str(taken)], capsys)
    assert f"--output: {taken} is a file, expected a folder" in error
    assert taken.read_text("utf-8") == "mine"


def test_a_folder_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = refused(tmp_path, ["--json", str(tmp_path)], capsys)
    assert f"--json: {tmp_path} is a folder, expected a file" in error
