"""Notebooks and the scripts that they are paired with (jupytext, py:percent)."""

from __future__ import annotations

import os
import tempfile
from base64 import b64decode
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
TIMEOUT_S = 120


def execute(script: Path) -> nbformat.NotebookNode:
    """The notebook of a script with its outputs; raises if a cell fails."""
    notebook = jupytext.read(script)
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=TIMEOUT_S, resources=resources)
        client.execute(env={**os.environ, "PYTHONPATH": str(ROOT)})
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
        cell.metadata.pop("execution", None)
    return notebook


def write(script: Path, notebook: nbformat.NotebookNode) -> None:
    """Store a notebook beside its script, and pictures that the documentation has of it.

    A cell with the metadata `picture` names the file in `docs/images` for its figure.
    """
    nbformat.write(notebook, script.with_suffix(".ipynb"))
    for cell in notebook.cells:
        if "picture" in cell.metadata:
            (shown,) = (out.data["image/png"] for out in cell.outputs if "data" in out)
            (ROOT / "docs" / "images" / cell.metadata["picture"]).write_bytes(b64decode(shown))
