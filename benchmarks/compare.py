"""The same GEMM here and in SCALE-Sim: CPU time and cycles side by side."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from measure import Run, run_child

HERE = Path(__file__).resolve().parent
SIZES = ((512, 128), (1024, 128), (512, 32))
"""GEMM size and array size."""


@dataclass(frozen=True)
class Comparison:
    """CPU seconds of whole processes, and cycles; the peer's are None if it was stopped."""

    own_s: float
    peer_s: float | None
    array_cycles: int
    machine_cycles: int
    peer_cycles: int | None


def compare_gemm(size: int, array: int, peer_python: str, limit_s: int) -> Comparison:
    """A GEMM `size`³ on one weight-stationary `array`×`array`, in both. Raises ChildError."""
    numbers = [*[str(size)] * 3, *[str(array)] * 2]
    own = run_child([str(HERE / "like_peer.py"), *numbers], limit_s)
    if own.cpu_s is None:
        raise TimeoutError(f"a GEMM {size}³ took cyclelab more than {limit_s} s")
    peer = run_child([str(HERE / "peer.py"), *numbers], limit_s, peer_python)
    cycles = json.loads(_last_line(own))
    return Comparison(
        own_s=own.cpu_s,
        peer_s=peer.cpu_s,
        array_cycles=cycles["array"],
        machine_cycles=cycles["machine"],
        peer_cycles=None if peer.cpu_s is None else int(_last_line(peer)),
    )


def _last_line(run: Run) -> str:
    return run.output.splitlines()[-1]
