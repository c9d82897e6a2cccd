"""Cycle-level simulation of accelerators for large language models."""

from __future__ import annotations

from simulator.lazy import loader

__version__ = "0.1.0"

_API = {
    **dict.fromkeys(("gemm", "load", "pim", "run", "serve", "sram"), "api"),
    "Store": "explore.sweep.store",
    "compare": "explore.python",
    "plot": "pictures",
    "sweep": "explore.sweep.python",
}
"""Public names, and the modules they are loaded from on first use."""

__all__ = ["__version__", *_API]

__getattr__ = loader(__name__, _API)
