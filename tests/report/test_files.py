import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import yaml

from simulator.config import CyclelabError
from simulator.report.files import PICTURES, read_result, write_outputs
from simulator.report.result import Result

TEXTS = [
    "result.json",
    "operators.csv",
    "phases.csv",
    "energy.csv",
    "area.csv",
    "configuration.yaml",
    "timeline.json",
]


@pytest.fixture(scope="module")
def folder(result: Result, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run") / "new" / "folder"
    write_outputs(result, path)
    return path


class Page(HTMLParser):
    """Collects what a page would load, its tables and whether its tags balance."""

    VOID = frozenset({"meta", "br", "link", "img", "input", "hr"})

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.rows = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag not in ("link", "iframe", "object", "embed")
        self.loads += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href", "data")]
        self.rows += tag == "tr"
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_all_files_are_written(folder: Path) -> None:
    pictures = [f"{name}.{kind}" for name in PICTURES for kind in ("png", "svg")]
    assert {p.name for p in folder.iterdir()} == {*TEXTS, *pictures, "report.html"}
    assert all(path.stat().st_size > 100 for path in folder.iterdir())


def test_result_comes_back(result: Result, folder: Path) -> None:
    assert read_result(folder) == result
    assert read_result(folder / "result.json") == result


def test_configuration_is_the_resolved_one(result: Result, folder: Path) -> None:
    text = (folder / "configuration.yaml").read_text()
    assert yaml.safe_load(text) == result.configuration
    assert result.configuration_hash in text.splitlines()[0]


def test_page_loads_nothing(result: Result, folder: Path) -> None:
    text = (folder / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert page.open == []
    assert all(target.startswith("#") for target in page.loads)
    assert not re.search(r"https?://|url\((?!#)|@import", text)
    assert text.count("<svg") == text.count("<figcaption") == 8
    assert page.rows > len(result.by_operator())
    for name in ("gate_up_proj", "decode ×2", result.configuration_hash):
        assert name in text


def test_page_escapes_names(result: Result, tmp_path: Path) -> None:
    from dataclasses import replace

    hostile = replace(result, name="<script>alert(1)</script>")
    write_outputs(hostile, tmp_path, plots=False)
    text = (tmp_path / "report.html").read_text()
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text
    assert "<script>alert" not in hostile._repr_html_()


def test_notebook_fragment_is_balanced(result: Result) -> None:
    page = Page()
    page.feed(result._repr_html_())
    assert page.open == [] and page.loads == []


def test_files_are_the_same_twice(result: Result, folder: Path, tmp_path: Path) -> None:
    for path in write_outputs(result, tmp_path, formats=("svg",)):
        assert path.read_bytes() == (folder / path.name).read_bytes()


def test_without_plots(result: Result, tmp_path: Path) -> None:
    written = write_outputs(result, tmp_path, plots=False)
    assert [path.name for path in written] == [*TEXTS, "report.html"]


def test_directory_that_cannot_be_made(result: Result, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("")
    with pytest.raises(CyclelabError, match="cannot write the results to"):
        write_outputs(result, file)
    with pytest.raises(CyclelabError, match="cannot write the results to"):
        write_outputs(result, file / "below")


def test_failure_leaves_the_old_file(
    result: Result, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "result.json").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(CyclelabError, match="No space left on device"):
        write_outputs(result, tmp_path, plots=False)
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    assert (tmp_path / "result.json").read_text() == "old"


def test_reading_what_is_not_a_result(tmp_path: Path) -> None:
    with pytest.raises(CyclelabError, match="cannot read"):
        read_result(tmp_path / "missing.json")
    (tmp_path / "result.json").write_text("{")
    with pytest.raises(CyclelabError, match=r"is not a result\.json"):
        read_result(tmp_path)
    (tmp_path / "result.json").write_text(json.dumps({"cycles": 1}))
    with pytest.raises(CyclelabError, match="schema_version is None"):
        read_result(tmp_path)
