"""Settings of all tests."""

import os

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
