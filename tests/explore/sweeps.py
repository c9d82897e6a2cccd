"""A small sweep to change: GEMMs that take milliseconds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import simulator
from simulator.config import parse_document
from simulator.explore.sweep.points import Sweep

SMALL = """
name: small
title: Small
experiment:
  machine: gemmini_16x16
  workload:
    gemms: [{name: gemm, m: 16, n: 32, k: 64}]
    precision: {weights: int8, activations: int8}
axes:
  n:
    key: workload.gemms.0.n
    values: [16, 32, 64]
  bandwidth:
    key: machine.memory.bandwidth_bytes_per_s
    values: [8000000000, 16000000000]
objectives: {seconds: min, energy_j: min}
"""


def small(**changes: str) -> str:
    """The text, with some replaced: `old="new"` where `old` is a name in REPLACED or text."""
    text = SMALL
    for old, new in changes.items():
        assert REPLACED[old] in text
        text = text.replace(REPLACED[old], new)
    return text


REPLACED = {
    "axes": SMALL[SMALL.index("  n:\n") : SMALL.index("objectives")],
    "objectives": "{seconds: min, energy_j: min}",
    "n": "[16, 32, 64]",
}


def made(text: str, *settings: str) -> Sweep:
    return Sweep(parse_document(text, "small.yaml"), settings)


def written(folder: Path, text: str = SMALL) -> str:
    path = folder / "small.yaml"
    path.write_text(text, "utf-8")
    return str(path)


def labels(sweep: Sweep) -> list[dict[str, Any]]:
    return [sweep.labels(levels) for levels in sweep.points()]


def command(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """`cyclelab sweep …` as a process of its own."""
    root = str(Path(simulator.__file__).parent.parent)
    return subprocess.Popen(
        [sys.executable, "-m", "simulator.cli", "sweep", *arguments],
        env={**os.environ, "PYTHONPATH": root},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
