"""Notebooks run, agree with their scripts, and are stored with their outputs."""

from __future__ import annotations

from pathlib import Path

import jupytext
import nbformat
import pytest

from tests.notebooks.notebooks import NOTEBOOKS, ROOT, execute

every_script = pytest.mark.parametrize("script", NOTEBOOKS, ids=lambda script: script.stem)


def stored(script: Path) -> nbformat.NotebookNode:
    return nbformat.read(script.with_suffix(".ipynb"), as_version=4)


def test_every_notebook_has_a_script() -> None:
    assert {file.stem for file in (ROOT / "notebooks").glob("*.ipynb")} == {
        script.stem for script in NOTEBOOKS
    }


@every_script
def test_a_notebook_and_its_script_are_in_step(script: Path) -> None:
    assert [(cell.cell_type, cell.source) for cell in stored(script).cells] == [
        (cell.cell_type, cell.source) for cell in jupytext.read(script).cells
    ]


@every_script
def test_a_notebook_prints_what_it_is_stored_with(script: Path) -> None:
    now = execute(script)
    for fresh, kept in zip(now.cells, stored(script).cells, strict=True):
        assert texts(fresh) == texts(kept)


def texts(cell: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """Kinds of a cell's outputs, with what it printed or shows as a table of the package."""
    found = []
    for output in cell.get("outputs", ()):
        kinds = ",".join(sorted(output.get("data", {})))
        found.append((output.output_type + kinds, output.get("text", "")))
    return found
