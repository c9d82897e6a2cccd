"""Small servers for tests: a few layers of GPT-3 small on a core with an ideal memory."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from simulator.api import load
from simulator.experiment import Experiment
from simulator.report.serving.result import ServingResult
from simulator.serving.serve import serve_experiment

SHORT = str(Path(__file__).parent / "short.yaml")


def small(serving: dict[str, Any] | None = None, **workload: Any) -> Experiment:
    """Ten short requests, four at once."""
    return load(
        {
            "name": "small",
            "machine": "tpuv3_core",
            "workload": {"model": "gpt3-small", "layers": 2} | workload,
            "serving": {"requests": {"lengths": SHORT, "count": 10}, "batch": 4} | (serving or {}),
        }
    )


def serve(serving: dict[str, Any] | None = None, **workload: Any) -> ServingResult:
    """The result of `small`."""
    return serve_experiment(small(serving, **workload))


@cache
def plain() -> ServingResult:
    """The result of `small` as it is."""
    return serve()
