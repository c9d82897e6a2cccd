"""Collects semaphores, operators and commands while kernels are lowered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.hardware.bill import ACCUMULATOR, SCRATCHPAD
from simulator.hardware.primitives import ActionCounts
from simulator.hardware.scratchpad.structure import accesses, read_action, write_action
from simulator.mapping.ports import Ports
from simulator.mapping.program import Cause, Command, Item, OperatorInfo, Program, Semaphore, Tokens
from simulator.mapping.regions import RegionTable
from simulator.mapping.resources import Resources


@dataclass(slots=True)
class Wiring:
    """How a kernel hangs together with the others, per core.

    ready: tokens its first dependent command takes, per core.
    done: tokens its last command gives; the lowest core that takes part also
        gives the share of those that do not.
    alloc_bytes: scratchpad taken when the kernel starts (staging, outputs that
        stay); free_bytes: given back when it ends (staging, inputs used up).
    """

    ready: list[Tokens]
    done: Tokens
    cores: int
    alloc_bytes: int = 0
    free_bytes: int = 0

    @classmethod
    def none(cls, cores: int) -> Wiring:
        """A kernel on its own: nobody to wait for, nobody waiting."""
        return cls([()] * cores, (), cores)

    def done_for(self, core: int, taking_part: Sequence[int]) -> Tokens:
        """Tokens that core's last command gives to those who wait for the kernel."""
        shares = 1
        if core == min(taking_part):
            shares += self.cores - len(taking_part)
        return tuple((semaphore, amount * shares) for semaphore, amount in self.done)


@dataclass(slots=True)
class ProgramBuilder:
    """Tables of a program under construction, shared by its kernels.

    shares: parts that divide the scratchpads of the cores, each with pools of its own.
    suffix: of the names of operators that are planned now.
    """

    resources: Resources[Any]
    shares: int = 1
    suffix: str = ""
    semaphores: list[Semaphore] = field(default_factory=list)
    operators: list[OperatorInfo] = field(default_factory=list)
    pools: list[int] = field(default_factory=list)
    regions: RegionTable = field(default_factory=RegionTable)
    shared: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pools = self.new_pools("")

    @property
    def on_chip_bytes(self) -> int:
        """Bytes of the buffer that holds a part's activations between operators."""
        capacity: int = self.resources.machine.on_chip_bytes
        return capacity // self.shares

    def new_pools(self, suffix: str) -> list[int]:
        """Semaphores of the scratchpads' free bytes, one per core, for one part."""
        return [
            self.semaphore(f"core{core}.scratchpad{suffix}", self.on_chip_bytes, Cause.BUFFER_SPACE)
            for core in range(len(self.resources.cores))
        ]

    def semaphore(self, name: str, initial: int, cause: Cause) -> int:
        """Index of a new semaphore."""
        self.semaphores.append(Semaphore(name, initial, cause))
        return len(self.semaphores) - 1

    def shared_semaphore(self, name: str, initial: int, cause: Cause) -> int:
        """Index of the semaphore of this name, made when first asked for."""
        if name not in self.shared:
            self.shared[name] = self.semaphore(name, initial, cause)
        return self.shared[name]

    def allocation(self, core: int, operator: int, size: int) -> tuple[Command, ...]:
        """Takes scratchpad bytes for a kernel, in load order so that nobody can deadlock."""
        if not size:
            return ()
        return (
            Command(
                queue=self.resources.cores[core].load,
                operator=operator,
                label="allocate",
                acquire=((self.pools[core], size),),
            ),
        )

    def program(self, name: str, body: tuple[Item, ...]) -> Program:
        """The finished program."""
        return Program(
            name,
            tuple(self.resources.queues),
            tuple(self.semaphores),
            tuple(self.operators),
            body,
            self.regions.regions(),
        )

    # -- on-chip traffic -----------------------------------------------------
    @property
    def ports(self) -> Ports:
        """Those of a core's buffers."""
        core = self.resources.core
        return Ports(core.scratchpad, core.accumulator)

    def count_scratchpad(self, counts: ActionCounts, read_bytes: int, write_bytes: int) -> None:
        """Add scratchpad accesses, in whole words of its width."""
        spec = self.resources.core.scratchpad
        if read_bytes:
            counts.add(read_action(spec, SCRATCHPAD), accesses(spec, read_bytes))
        if write_bytes:
            counts.add(write_action(spec, SCRATCHPAD), accesses(spec, write_bytes))

    def count_accumulator(self, counts: ActionCounts, read_bytes: int, write_bytes: int) -> None:
        """Add accesses to the accumulator, or to the scratchpad when there is none."""
        spec = self.resources.core.accumulator
        if spec is None:
            self.count_scratchpad(counts, read_bytes, write_bytes)
            return
        if read_bytes:
            counts.add(read_action(spec, ACCUMULATOR), accesses(spec, read_bytes))
        if write_bytes:
            counts.add(write_action(spec, ACCUMULATOR), accesses(spec, write_bytes))
