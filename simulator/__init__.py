"""Cycle-level simulation of accelerators for large language models."""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_API: dict[str, str] = {name: "simulator.api" for name in ("gemm", "load", "plot", "run")}
"""Public names, and the modules they are loaded from on first use."""

__all__ = ["__version__", *_API]


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_API[name]), name)
    globals()[name] = value
    return value
