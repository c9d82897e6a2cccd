"""What every lowering shares: transfers, vector commands, beginning and end of a part."""

from __future__ import annotations

from abc import ABC, abstractmethod

from simulator.hardware.bill import LINKS, VECTOR_UNIT
from simulator.hardware.primitives import Action, ActionCounts, Primitive
from simulator.hardware.vector_unit.work import VectorWork, vector_actions, vector_cycles
from simulator.mapping.builder import ProgramBuilder, Wiring
from simulator.mapping.program import Cause, Command, Item, Tokens
from simulator.mapping.regions import Place


class KernelPart(ABC):
    """Makes the commands of one part of a kernel.

    operator: index of the kernel in the program's table.
    wiring: set once every kernel of the phase is planned, before `items` is called.
    taking_part: cores that get work.
    """

    def __init__(self, builder: ProgramBuilder, operator: int) -> None:
        self.builder = builder
        self.resources = builder.resources
        self.operator = operator
        self.wiring = Wiring.none(len(self.resources.cores))
        self.taking_part: list[int] = [0]

    @abstractmethod
    def items(self) -> tuple[Item, ...]:
        """The part in program order."""

    def transfer(
        self,
        queue: int,
        label: str,
        size: int,
        acquire: Tokens,
        release: Tokens,
        place: Place | None,
        counts: ActionCounts,
    ) -> Command:
        """A transfer from or to main memory; place: None if `size` is 0."""
        return Command(
            queue=queue,
            operator=self.operator,
            label=label,
            transfer_bytes=size,
            tensor=place.kind if place else "",
            acquire=acquire,
            release=release,
            actions=counts,
            region=self.builder.regions.reserve(place, size),
        )

    def message(
        self, label: str, size: int, acquire: Tokens, late: Tokens, counts: ActionCounts
    ) -> Command:
        """A message over the links to other devices, while one of this size comes in.

        late: given when it is there. counts: actions at the buffers at this end.
        """
        links = self.resources.links
        counts.add(Action(LINKS, Primitive("link", device=links.device), "move"), size)
        cycles = self.resources.link_cycles(size)
        return Command(
            queue=self.resources.link,
            operator=self.operator,
            label=label,
            cycles=cycles,
            latency_cycles=cycles + self.resources.link_latency_cycles,
            compute_cycles=cycles,
            acquire=acquire,
            release_late=late,
            actions=counts,
        )


class Lowering(KernelPart):
    """A part of a kernel on cores with scratchpads.

    staging_bytes: scratchpad the part takes at its start and gives back at its end.
    parameter_bytes: biases, gains and scales, loaded once at the start.
    parameter_shares: in how many parts the cores divide them; 1 if each needs all.
    parameter_place: where they lie.
    """

    def __init__(
        self,
        builder: ProgramBuilder,
        operator: int,
        parameter_bytes: int = 0,
        parameter_place: Place | None = None,
    ) -> None:
        super().__init__(builder, operator)
        self.parameter_bytes = parameter_bytes
        self.parameter_place = parameter_place
        self.parameter_shares = 1
        self.staging_bytes = 0
        self.parameters_loaded: dict[int, int] = {}

    def prologue(self) -> list[Command]:
        """Take the part's own buffers on each core, and load its parameters."""
        commands: list[Command] = []
        for core in self.taking_part:
            size = self.wiring.alloc_bytes + self.staging_bytes
            commands.extend(self.builder.allocation(core, self.operator, size))
            if self.parameter_bytes:
                arrived = self.semaphore(core, "parameters", 0, Cause.MEMORY_READ)
                self.parameters_loaded[core] = arrived
                share = -(-self.parameter_bytes // self.parameter_shares)
                place = self.parameter_place
                self.builder.regions.reserve(place, share * self.parameter_shares)
                commands.append(self.load(core, "parameters", share, (), ((arrived, 1),), place))
        return commands

    def parameters(self, core: int) -> Tokens:
        """What the first compute command of a core waits for."""
        return ((self.parameters_loaded[core], 1),) if self.parameter_bytes else ()

    def finished(self, core: int) -> Tokens:
        """What the part's last command on a core gives back, and to whom."""
        size = self.staging_bytes + self.wiring.free_bytes
        pool: Tokens = ((self.builder.pools[core], size),) if size else ()
        return (*pool, *self.wiring.done_for(core, self.taking_part))

    def semaphore(self, core: int, name: str, initial: int, cause: Cause) -> int:
        """A new semaphore of this part on a core."""
        return self.builder.semaphore(f"{self.operator}.core{core}.{name}", initial, cause)

    def load(
        self,
        core: int,
        label: str,
        size: int,
        acquire: Tokens,
        release: Tokens,
        place: Place | None,
    ) -> Command:
        """A transfer from main memory into the scratchpad; place: None if `size` is 0."""
        counts = ActionCounts()
        self.builder.count_scratchpad(counts, 0, size)
        queue = self.resources.cores[core].load
        return self.transfer(queue, f"load {label}", size, acquire, release, place, counts)

    def store(
        self,
        core: int,
        size: int,
        acquire: Tokens,
        release: Tokens,
        place: Place | None,
        psum_bytes: int = 0,
    ) -> Command:
        """A transfer to main memory from the scratchpad, or of raw partial sums."""
        counts = ActionCounts()
        if psum_bytes:
            self.builder.count_accumulator(counts, psum_bytes, 0)
        else:
            self.builder.count_scratchpad(counts, size, 0)
        queue = self.resources.cores[core].store
        return self.transfer(queue, "store outputs", size, acquire, release, place, counts)

    def vector(
        self,
        core: int,
        work: list[VectorWork],
        moved_bytes: tuple[int, int],
        psum_bytes: tuple[int, int] = (0, 0),
        *,
        acquire: Tokens,
        release: Tokens = (),
        late: Tokens = (),
    ) -> Command:
        """Vector work.

        moved_bytes, psum_bytes: read from and written to the scratchpad, and the accumulator.
        """
        spec = self.resources.core.vector_unit
        compute = vector_cycles(spec, work)
        cycles = max(compute, self.builder.ports.cycles(*moved_bytes, psum_bytes))
        counts = vector_actions(spec, work, VECTOR_UNIT)
        self.builder.count_scratchpad(counts, *moved_bytes)
        self.builder.count_accumulator(counts, *psum_bytes)
        return Command(
            queue=self.resources.cores[core].vector,
            operator=self.operator,
            label="+".join(item.function for item in work),
            cycles=cycles,
            latency_cycles=cycles + spec.latency_cycles,
            compute_cycles=compute,
            acquire=acquire,
            release=release,
            release_late=late,
            actions=counts,
        )
