"""Workloads: transformer shapes, requests and GEMM lists as graphs of operators.

Names are loaded on first use, which keeps `import simulator` cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.lazy import loader

if TYPE_CHECKING:
    from simulator.workload.counts import matmul_weights, parameters
    from simulator.workload.gemms import GemmSpec, gemm_phase
    from simulator.workload.huggingface import load_model
    from simulator.workload.load import find_model, load_workload
    from simulator.workload.model import TransformerSpec
    from simulator.workload.phases import Request, build_phases
    from simulator.workload.precision import Formats, PrecisionSpec
    from simulator.workload.spec import WorkloadSpec

_MODULES = {
    "counts": ("matmul_weights", "parameters"),
    "gemms": ("GemmSpec", "gemm_phase"),
    "huggingface": ("load_model",),
    "load": ("find_model", "load_workload"),
    "model": ("TransformerSpec",),
    "phases": ("Request", "build_phases"),
    "precision": ("Formats", "PrecisionSpec"),
    "spec": ("WorkloadSpec",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Formats",
    "GemmSpec",
    "PrecisionSpec",
    "Request",
    "TransformerSpec",
    "WorkloadSpec",
    "build_phases",
    "find_model",
    "gemm_phase",
    "load_model",
    "load_workload",
    "matmul_weights",
    "parameters",
]

__getattr__ = loader(__name__, _HOME)
