"""Settings of all tests."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Shared machines stall at random: a slow example is no failure. Derandomised, so
# that a red run is red again.
settings.register_profile(
    "cyclelab",
    deadline=None,
    derandomize=True,
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("cyclelab")

# Commands, workers and notebooks that tests start find byte code, as those of an installed
# package do; without, each of them would compile all it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A shell that starts the tests in the background lets them, and all that they start, ignore
# Ctrl-C; tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

FIRST = ("benchmarks", "contract", "config", "cost", "numerics", "workload", "explore")
"""Folders whose tests come first: one that compiles the DRAM kernel, which takes a minute of one
worker, and those that do not need it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring tests in an order in which workers do not wait for each other; any order is right."""
    tests = Path(__file__).parent
    rank = {tests / folder: place for place, folder in enumerate(FIRST)}
    items.sort(key=lambda item: rank.get(item.path.parent, len(FIRST)))


@pytest.fixture(scope="session")
def _compiled_kernel() -> None:
    """The DRAM kernel is compiled, for traces and for main memories.

    So nothing is said about it on the terminal, and no time limit of a test is hit.
    """
    import numpy as np

    from simulator.api import gemm
    from simulator.hardware.dram.kernel.jit import is_compiled
    from tests.hardware.dram.devices import device, serve

    if not is_compiled():
        serve(device("ddr4-3200"), np.zeros((1, 5), dtype=np.int64))
    gemm(16, 16, 16, "tpuv3_core_hbm2")
