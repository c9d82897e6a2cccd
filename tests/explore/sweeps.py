"""A small sweep to change: GEMMs that take milliseconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import simulator
from simulator.config import parse_document
from simulator.explore.sweep.layout import connect
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


REPLACED = {
    "axes": SMALL[SMALL.index("  n:\n") : SMALL.index("objectives")],
    "objectives": "{seconds: min, energy_j: min}",
    "n": "[16, 32, 64]",
}


def small(**changes: str) -> str:
    """The text, with some replaced: `old="new"` where `old` is a name in REPLACED or text."""
    text = SMALL
    for old, new in changes.items():
        assert REPLACED[old] in text
        text = text.replace(REPLACED[old], new)
    return text


MANY = small(
    axes="""  n: {key: workload.gemms.0.n, range: {from: 8, to: 96, step: 8}}
  m: {key: workload.gemms.0.m, values: [16, 1024]}
"""
)
POINTS = 24
THREE = "  n: {key: workload.gemms.0.n, values: [16, 32, 64]}\n"
HAUNTED = """
import os, time
from simulator.explore.sweep import worker
simulate = worker.simulate
def haunted(sweep, levels, key):
    label = sweep.labels(levels)["n"]
    if label == 32:
        time.sleep(60)
    if label == 64:
        os.kill(os.getpid(), 9)
    return simulate(sweep, levels, key)
worker.simulate = haunted
worker.main()
"""
"""A worker that sleeps over one point, and dies of another."""


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


def content(path: Path) -> list[tuple[Any, ...]]:
    """What a store says of points, without what differs from run to run."""
    connection = connect(path, create=False)
    rows = connection.execute(
        "SELECT p.number, p.key, r.state, r.error, r.figures FROM points p "
        "LEFT JOIN results r ON r.key = p.key ORDER BY p.number"
    ).fetchall()
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    return rows


def stored(path: Path) -> int:
    """How many results a store has by now."""
    if not path.is_file():
        return 0
    connection = connect(path, create=False)
    count = connection.execute("SELECT count(*) FROM results").fetchone()[0]
    connection.close()
    return int(count)


def wait_for(path: Path, count: int) -> None:
    limit = time.monotonic() + 60
    while stored(path) < count:
        assert time.monotonic() < limit, "the sweep does not get on"
        time.sleep(0.02)
