"""What the engine measures: integers only, so that two runs can be compared with ==."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.hardware.dram.statistics import DramStatistics


@dataclass(slots=True)
class OperatorRecord:
    """One instance of an operator.

    start_fs: when the operator's primary queue first turned to it (became free
        for its first command there); end_fs: end of its last command on any queue.
    In cycles of the primary queue's clock, rounded up to its edges:
    `ceil((end_fs - start_fs) / period) == compute_cycles + sum(stall_cycles)`.
    compute_cycles: the primary queue's cycles spent on `Command.compute_cycles`.
    stall_cycles: by cause: a `Cause` value, `port` (on-chip ports too narrow),
        `issue` (no command had been issued), `drain` (after the primary queue's
        last command: pipeline, epilogue and store).
    exclusive_fs: by how much the operator put off the end of the program; these
        add up to the whole.
    executions: executions per distinct command (index into the program's
        commands in first-execution order).
    """

    operator: int
    instance: int
    start_fs: int = 0
    end_fs: int = 0
    exclusive_fs: int = 0
    compute_cycles: int = 0
    stall_cycles: dict[str, int] = field(default_factory=dict)
    executions: dict[int, int] = field(default_factory=dict)

    @property
    def cycles(self) -> int:
        """Cycles of the primary queue's clock that the operator took."""
        return self.compute_cycles + sum(self.stall_cycles.values())


@dataclass(slots=True)
class Execution:
    """Everything the engine found out about one program.

    busy_cycles: per queue name. memory_busy_fs: time in which the memory moved data.
    dram: what the DRAM did, where the memory is modelled by commands.
    spans: recorded command intervals `(queue, operator record, command index,
        start_fs, end_fs)` of a bounded window, for timelines; not part of
        equality between runs with and without skipping.
    events: events simulated; skipped_commands: command executions not simulated.
    """

    duration_fs: int
    records: list[OperatorRecord]
    busy_cycles: dict[str, int]
    read_bytes: int
    write_bytes: int
    memory_busy_fs: int
    dram: DramStatistics | None = None
    events: int = field(default=0, compare=False)
    skipped_commands: int = field(default=0, compare=False)
    spans: list[tuple[int, int, int, int, int]] = field(default_factory=list, compare=False)
