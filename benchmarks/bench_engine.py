"""Speed of the engine: `python benchmarks/bench_engine.py`.

Prints CPU seconds and commands per second, with and without skipping, of one
core, of several cores that share the memory, and of a loop that never repeats
(two clocks that are in phase again only after 10^6 periods).
"""

from __future__ import annotations

import time

from simulator.engine import run_program
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.mapping.program import (
    Cause,
    Command,
    Loop,
    OperatorInfo,
    Program,
    Queue,
    QueueKind,
    Semaphore,
)

PERIOD_FS = 1_000_000
MEMORY = IdealMemorySpec(
    device="hbm2",
    capacity_bytes=2**34,
    bandwidth_bytes_per_s=900e9,
    latency_s=100e-9,
    queue_depth=64,
)


def tiles(cores: int, iterations: int, layers: int, unit_period_fs: int = PERIOD_FS) -> Program:
    """Double-buffered load, compute, store on every core, `layers` times `iterations` tiles."""
    queues: list[Queue] = []
    semaphores: list[Semaphore] = []
    body: list[Command] = []
    for core in range(cores):
        load, unit, store = range(len(queues), len(queues) + 3)
        free, full, out_free, out_full = range(len(semaphores), len(semaphores) + 4)
        queues += [
            Queue(f"core{core}.load", QueueKind.LOAD, core, PERIOD_FS, 16, outstanding=16),
            Queue(f"core{core}.matrix", QueueKind.MATRIX, core, unit_period_fs, 16),
            Queue(f"core{core}.store", QueueKind.STORE, core, PERIOD_FS, 16, outstanding=16),
        ]
        semaphores += [
            Semaphore(f"core{core}.free", 2, Cause.BUFFER_SPACE),
            Semaphore(f"core{core}.full", 0, Cause.MEMORY_READ),
            Semaphore(f"core{core}.out_free", 2, Cause.MEMORY_WRITE),
            Semaphore(f"core{core}.out_full", 0, Cause.MATRIX_UNIT),
        ]
        body += [
            Command(
                load, 0, "load", transfer_bytes=65536, acquire=((free, 1),), release=((full, 1),)
            ),
            Command(
                unit,
                0,
                "tile",
                cycles=256,
                latency_cycles=512,
                compute_cycles=256,
                acquire=((full, 1), (out_free, 1)),
                release=((free, 1),),
                release_late=((out_full, 1),),
            ),
            Command(
                store,
                0,
                "store",
                transfer_bytes=16384,
                acquire=((out_full, 1),),
                release=((out_free, 1),),
            ),
        ]
    operator = OperatorInfo("tiles", "gemm", "", "matrix", 1, 0, 0, 0, 0, 0, 0, 0, {})
    layer = Loop(layers, (Loop(iterations, tuple(body)),), instances=True)
    return Program("tiles", tuple(queues), tuple(semaphores), (operator,), (layer,))


def measure(name: str, program: Program, commands: int, every_event: bool) -> None:
    """Run once and print a line."""
    start = time.process_time()
    execution = run_program(
        program, MEMORY, reference_period_fs=PERIOD_FS, every_event=every_event, span_limit=0
    )
    seconds = time.process_time() - start
    how = "every event" if every_event else "skipping"
    print(
        f"{name:24} {how:12} {commands:>13,} commands {execution.events:>9,} events "
        f"{seconds:8.4f} s CPU {commands / seconds:>18,.0f} commands/s"
    )


def main() -> None:
    """All cases."""
    for cores in (1, 8):
        name = f"{cores} core{'s' * (cores > 1)}"
        count = 3 * cores * 1000 * (32 // cores)
        program = tiles(cores, iterations=1000, layers=32 // cores)
        measure(name, program, count, every_event=True)
        measure(name, program, count, every_event=False)
    measure("a million tiles · 32", tiles(1, 10**6, 32), 96_000_000, every_event=False)
    never = tiles(1, iterations=20_000, layers=1, unit_period_fs=PERIOD_FS + 1)
    measure("never repeats", never, 60_000, every_event=True)
    measure("never repeats", never, 60_000, every_event=False)


if __name__ == "__main__":
    main()
