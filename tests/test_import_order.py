"""The order of the rooms: who may import whom, as docs/architecture.md says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "simulator"

# What each room may import directly; what those may import is allowed as well.
# `config` holds the errors that every room raises.
MAY_IMPORT = {
    "config": set(),
    "numerics": {"config"},
    "workload": {"config", "numerics"},
    "testing": {"hardware"},
    "hardware": {"config", "numerics"},
    "mapping": {"workload", "hardware"},
    "engine": {"mapping", "hardware"},
    "cost": {"hardware", "engine"},
    "report": {"engine", "cost"},
    "experiment": {"mapping", "cost"},
    "runner": {"experiment", "report"},
    "serving": {"runner"},
    "gemv": {"report"},
    "lut_gemv": {"report"},
    "pictures": {"config"},
    "api": {"runner", "serving", "gemv", "lut_gemv"},
    "explore": {"api", "pictures"},
    "published": {"explore"},
}
ANYBODY = ("simulator.__version__", "simulator.lazy.loader")
"""What every room may import."""


def reachable(room: str) -> set[str]:
    """Rooms that `room` may import, directly or not, and itself."""
    found = {room}
    for below in MAY_IMPORT[room]:
        found |= reachable(below)
    return found


def imported_modules(source: str, module: str, is_package: bool) -> Iterator[str]:
    """Dotted names that `source` imports anywhere, also inside functions."""
    parent = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = parent[: len(parent) - node.level + 1] if node.level else []
            start = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{start}.{alias.name}" for alias in node.names)


def violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """Imports of `module` that go against the order."""
    parts = module.split(".")
    if len(parts) < 2 or parts[1] not in MAY_IMPORT:
        return []  # above the rooms: the command line, the Python interface
    allowed = reachable(parts[1])
    return [
        f"{module} imports {name}"
        for name in imported_modules(source, module, is_package)
        if name.split(".")[0] == "simulator"
        and name not in ANYBODY
        and (len(name.split(".")) < 2 or name.split(".")[1] not in allowed)
    ]


def modules() -> list[tuple[str, Path]]:
    """Dotted name and file of every module of the package."""
    found = []
    for file in sorted(PACKAGE.rglob("*.py")):
        parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
        found.append((".".join(parts[:-1] if parts[-1] == "__init__" else parts), file))
    return found


def test_no_module_imports_against_the_order() -> None:
    found = [
        line
        for module, file in modules()
        if module.split(".")[1:2] != ["data"]
        for line in violations(file.read_text("utf-8"), module, file.name == "__init__.py")
    ]
    assert not found, "\n".join(found)


def test_every_room_has_its_place_in_the_order() -> None:
    folders = {file.parent.name for file in PACKAGE.glob("*/__init__.py")} - {"data"}
    assert folders <= MAY_IMPORT.keys()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("simulator.config.loader", "import simulator.numerics"),
        ("simulator.hardware.machine", "from simulator.workload import operators"),
        ("simulator.hardware.machine", "def f():\n    from simulator import workload"),
        ("simulator.cost.area", "from ..report import result"),
        ("simulator.cost.area", "from simulator import cli"),
        ("simulator.engine.core", "import simulator"),
        ("simulator.report.result", "if TYPE_CHECKING:\n    from simulator.api import load"),
    ],
)
def test_an_import_against_the_order_is_found(module: str, source: str) -> None:
    assert violations(source, module)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("simulator.mapping.tiling", "from simulator.config import CyclelabError"),
        ("simulator.report.result", "from simulator.workload import operators"),
        ("simulator.report.result", "from simulator import __version__"),
        ("simulator.cost.area", "from . import energy\nimport numpy as np"),
        ("simulator.cli", "from simulator import report"),
    ],
)
def test_an_import_along_the_order_is_fine(module: str, source: str) -> None:
    assert not violations(source, module)
