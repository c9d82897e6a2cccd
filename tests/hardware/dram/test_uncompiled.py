"""The kernel does the same compiled and as plain Python (`NUMBA_DISABLE_JIT=1`)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from simulator.hardware.dram import trace_text
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.kernel import loop, memo
from tests.hardware.dram.devices import device, logged, serve
from tests.hardware.dram.random_streams import FEW_BURSTS, FEW_ROWS

ROOT = Path(__file__).parents[3]
JOBS = {
    "ddr4-3200": {"page": "closed", "page_cap": 2},
    "gddr6-14000": {"scheduler": "fcfs", "write_queue": 4},
    "hbm2-2000": {"row_hit_cap": 2, "read_queue": 8},
    "hbm3-6400": {"refresh": "per_bank"},
    "lpddr5-6400": {"refresh": "per_bank", "page": "closed"},
}
REQUESTS = 150


def outcome() -> str:
    """Every counter and command of some small jobs, as text."""
    lines = []
    for name, settings in JOBS.items():
        spec = device(name)
        generator = np.random.default_rng(5)
        columns = [
            np.sort(generator.integers(0, 5000, REQUESTS)),
            generator.integers(0, 2, REQUESTS),
            generator.integers(0, spec.banks, REQUESTS),
            generator.integers(0, FEW_ROWS, REQUESTS),
            generator.integers(0, FEW_BURSTS, REQUESTS),
        ]
        controller = ControllerSpec.model_validate(settings)
        result, log = logged(spec, np.stack(columns, axis=1), controller, log_commands=5000)
        lines += [name, repr(result), repr(result.latency_counts.tolist()), repr(log.tolist())]
    return "\n".join(lines)


def test_compiled_and_plain_python_do_the_same() -> None:
    program = "from tests.hardware.dram.test_uncompiled import outcome; print(outcome())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    assert done.stdout.strip() == outcome()


def test_what_python_calls_is_kept_on_disk() -> None:
    """So that it is compiled once, and not in every process."""
    assert serve(device("ddr4-3200"), np.zeros((1, 5), dtype=np.int64)).reads == 1
    for function in (loop.run, loop.submit, memo.pass_stretches, trace_text.parse):
        assert function.stats.cache_path  # type: ignore[attr-defined]


def test_processes_that_start_together_compile_once(tmp_path: Path) -> None:
    """Two that need a function at once: one compiles it, the other finds it on disk."""
    program = (
        "import numpy as np\n"
        "from simulator.hardware.dram.trace_text import parse\n"
        "numbers = np.zeros(5, dtype=np.int64)\n"
        "parse(np.zeros(0, dtype=np.uint8), numbers.reshape(1, 5), numbers, numbers)\n"
        "print(sum(parse.stats.cache_misses.values()))\n"
    )
    environment = {**os.environ, "CYCLELAB_CACHE_DIR": str(tmp_path)}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", program], env=environment, cwd=ROOT, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    misses = [int(child.communicate(timeout=60)[0]) for child in children]
    assert sorted(misses) == [0, 1]
