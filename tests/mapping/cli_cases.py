"""A small experiment on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from tests.mapping.small import gemms, machine_document

SMALL: dict[str, Any] = {
    "name": "small GEMM",
    "machine": machine_document(),
    "workload": gemms((4, 4, 4)),
}
"""One tile of a 4x4 array: 46 cycles, see tests/mapping/test_gemm_cycles.py."""


def written(document: dict[str, Any] | str, name: str = "experiment.yaml") -> str:
    """Write a document, or text, to a file of the working folder; returns its name."""
    text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
    Path(name).write_text(text, encoding="utf-8")
    return name
