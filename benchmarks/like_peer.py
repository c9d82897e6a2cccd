"""The GEMM of `peer.py` here: `like_peer.py M N K ROWS COLUMNS` writes cycles as JSON.

One array, folds one after the other, ragged ones padded: what SCALE-Sim assumes.
`array` is the closed form of the array alone, `machine` the simulation with
buffers and main memory around it.
"""

from __future__ import annotations

import json
import sys


def main() -> None:
    """Simulate, and print both numbers of cycles."""
    from simulator.experiment import gemm_experiment
    from simulator.hardware.matrix_unit import Tile
    from simulator.runner import run_experiment

    m, n, k, rows, columns = map(int, sys.argv[1:6])
    array = {"count": 1, "double_buffer": False, "edge": "padded", "rows": rows, "columns": columns}
    settings = [
        f"machine.core.matrix_units.0.{key}={json.dumps(value)}" for key, value in array.items()
    ]
    experiment = gemm_experiment((m, n, k), "tpuv3_core", settings)
    unit = experiment.spec.machine.core.build_matrix_units()[0]
    cycles = {
        "array": unit.timing(Tile(m, n, k)).cycles,
        "machine": run_experiment(experiment).cycles,
    }
    print("\n" + json.dumps(cycles))


if __name__ == "__main__":
    main()
