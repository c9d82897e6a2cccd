"""Which model made a result: the version, and a digest of the code and data behind it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from simulator import __version__
from simulator.config.resources import PACKAGE_FOLDER, data_root

ROOMS = ("config", "numerics", "workload", "hardware", "mapping", "engine", "cost", "report")
MODULES = ("experiment.py", "runner.py")
DATA = "workloads"
"""Shipped data that resolved configurations only name."""


@cache
def model_version() -> str:
    """`0.1.0+1f0c9a7be2d4`: equal where equal configurations give equal figures."""
    digest = hashlib.sha256()
    for path in _files():
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _files() -> list[Path]:
    code = [path for room in ROOMS for path in sorted((PACKAGE_FOLDER / room).rglob("*.py"))]
    modules = [PACKAGE_FOLDER / name for name in MODULES]
    return [*code, *modules, *(p for p in sorted((data_root() / DATA).rglob("*")) if p.is_file())]
