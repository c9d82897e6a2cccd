"""Files: reading them, and what they include."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from simulator.config import ConfigError, load_document, read_text


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, so that messages show short paths."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def message(path: str) -> str:
    """The message that loading `path` gives."""
    with pytest.raises(ConfigError) as caught:
        load_document(path)
    return str(caught.value)


def test_a_missing_file_names_the_nearest(folder: Path) -> None:
    (folder / "configs").mkdir()
    (folder / "configs/machine.yaml").write_text("a: 1")
    expected = "configs/machin.yaml: no such file; did you mean 'configs/machine.yaml'?"
    assert message("configs/machin.yaml") == expected
    assert message("nowhere/x.yaml") == "nowhere/x.yaml: no such file"


def test_what_is_not_a_file(folder: Path) -> None:
    (folder / "sub").mkdir()
    assert message("sub") == "sub: is a folder, expected a file"
    os.mkfifo(folder / "pipe")
    assert message("pipe") == "pipe: is not a regular file"
    assert "no such file" in message("nul\0byte")
    assert "x.yaml" in message("x" * 5000 + "/x.yaml")


def test_a_large_file_is_refused_at_once(folder: Path) -> None:
    (folder / "big.yaml").write_text("a: [" + "1, " * 3_500_000 + "]")
    started = time.process_time()
    assert "big.yaml: the file is too large: 10,500,005 bytes" in message("big.yaml")
    assert time.process_time() - started < 0.2


def test_text_that_is_not_utf_8(folder: Path) -> None:
    (folder / "latin.yaml").write_bytes("a: 1\nb: caf\xe9\n".encode("latin-1"))
    assert message("latin.yaml") == "latin.yaml:2: the file is not UTF-8 text (byte 0xe9)"
    (folder / "wide.yaml").write_bytes("a: 1\n".encode("utf-16"))
    assert "wide.yaml:1: the file is not UTF-8 text" in message("wide.yaml")


def test_a_byte_order_mark_is_no_text(folder: Path) -> None:
    (folder / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert load_document("bom.yaml").data == {"a": 1}
    assert read_text("bom.yaml") == "a: 1\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(folder: Path) -> None:
    (folder / "secret.yaml").write_text("a: 1")
    (folder / "secret.yaml").chmod(0)
    assert "secret.yaml: cannot read the file: Permission denied" in message("secret.yaml")


def test_an_included_file_lies_underneath(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/base.yaml").write_text("a: 1\nb: {c: 2, d: 3}\nl: [1, 2]\n")
    (folder / "top.yaml").write_text("include: sub/base.yaml\nb:\n  c: 20\nl: [9]\n")
    document = load_document("top.yaml")
    assert document.data == {"a": 1, "b": {"c": 20, "d": 3}, "l": [9]}
    assert document.marks["a",] == ("sub/base.yaml", 1)
    assert document.marks["b", "c"] == ("top.yaml", 3)
    assert document.marks["b", "d"] == ("sub/base.yaml", 2)


def test_later_includes_win_and_paths_start_at_the_including_file(folder: Path) -> None:
    (folder / "sub").mkdir()
    (folder / "sub/one.yaml").write_text("a: 1\nb: 1\n")
    (folder / "sub/two.yaml").write_text("include: one.yaml\nb: 2\n")
    (folder / "three.yaml").write_text("b: 3\nc: 3\n")
    (folder / "top.yaml").write_text("include: [sub/two.yaml, three.yaml]\n")
    assert load_document("top.yaml").data == {"a": 1, "b": 3, "c": 3}


def test_a_sourced_value_is_replaced_with_its_source(folder: Path) -> None:
    (folder / "base.yaml").write_text("a: {value: 1, source: x, low: 0}\nb: 2\n")
    (folder / "top.yaml").write_text("include: base.yaml\na: 5\nb: {value: 6, source: y}\n")
    document = load_document("top.yaml")
    assert document.data == {"a": 5, "b": 6}
    assert {path: entry.source for path, entry in document.sources.items()} == {("b",): "y"}


def test_circles_of_includes_are_named(folder: Path) -> None:
    (folder / "a.yaml").write_text("x: 1\ninclude: b.yaml\n")
    (folder / "b.yaml").write_text("include: c.yaml\n")
    (folder / "c.yaml").write_text("include: b.yaml\n")
    found = message("a.yaml")
    assert found.startswith("c.yaml:1: include: ")
    assert "in a circle: b.yaml → c.yaml → b.yaml" in found
    (folder / "self.yaml").write_text("include: ./self.yaml\n")
    assert "in a circle: self.yaml → self.yaml" in message("self.yaml")


def test_a_tree_of_includes_does_not_explode(folder: Path) -> None:
    (folder / "0.yaml").write_text("a: 1\n")
    for level in range(1, 40):
        (folder / f"{level}.yaml").write_text(f"include: [{level - 1}.yaml, {level - 1}.yaml]\n")
    assert "more than 64 files are included" in message("39.yaml")


def test_a_wrong_include_points_at_the_including_line(folder: Path) -> None:
    (folder / "top.yaml").write_text("a: 1\ninclude: missing.yaml\n")
    assert message("top.yaml") == (
        "top.yaml:2: include: cannot include 'missing.yaml': missing.yaml: no such file "
        "(looked in the shipped configs/ as well)"
    )
    (folder / "top.yaml").write_text("a: 1\ninclude: {b: 3}\n")
    assert "top.yaml:2: include: expected a file name" in message("top.yaml")


def test_shipped_parts_are_included_from_anywhere(folder: Path) -> None:
    name = "machines/parts/vector_functions.yaml"
    (folder / "top.yaml").write_text(f"include: {name}\n")
    document = load_document("top.yaml")
    functions = document.data["core"]["vector_unit"]["functions"]
    assert "softmax" in functions
    (folder / "machines/parts").mkdir(parents=True)
    (folder / name).write_text("a: 1\n")
    assert load_document("top.yaml").data == {"a": 1}, "a file beside it comes first"


def test_an_error_in_an_included_file_points_there(folder: Path) -> None:
    (folder / "base.yaml").write_text("a: 1\na: 2\n")
    (folder / "top.yaml").write_text("include: base.yaml\n")
    assert message("top.yaml").startswith("base.yaml:2: duplicate key 'a'")
