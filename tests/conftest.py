"""Settings of all tests."""

import os
from collections.abc import Iterator

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


@pytest.fixture(scope="session", autouse=True)
def _bytecode_of_children(pytestconfig: pytest.Config) -> Iterator[None]:
    """Where Python is told to keep no bytecode, processes that tests start share some.

    Each of them would compile several hundred modules. It lies in pytest's own cache.
    """
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("PYTHONDONTWRITEBYTECODE") and hasattr(pytestconfig, "cache"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(pytestconfig.cache.mkdir("bytecode")))
        yield


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
