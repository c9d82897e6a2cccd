"""A program made ready to run: commands with their semaphores resolved, loops analysed.

What can be said about a loop without running it: how often one iteration executes
each command, what it adds to each semaphore, which clocks it uses.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from simulator.engine.check import DMA_KINDS
from simulator.engine.semaphore import Amounts, TokenSemaphore
from simulator.mapping.program import Command, Item, Program, Tokens


class Operation:
    """A command in the form that queues execute. Compared by identity.

    index: among the program's distinct commands, in first-execution order.
    primary: it runs on its operator's primary queue, whose time is accounted.
    opens: its operator has no command on its primary queue, so that any command
        starts the operator's record.
    busy_fs, latency_fs: from its start until the queue goes on, until results are out.
    late: given after `latency_fs` when that is later than `busy_fs`; otherwise
        those tokens are part of `release`.
    moves: bytes, or what units in the memory have to do: `release` is given when that has
        ended, and otherwise when the queue goes on.
    """

    __slots__ = (
        "acquire",
        "busy_fs",
        "command",
        "compute_cycles",
        "cycles",
        "index",
        "late",
        "latency_fs",
        "moves",
        "opens",
        "operator",
        "primary",
        "queue",
        "release",
        "transfer_bytes",
    )

    def __init__(
        self, command: Command, index: int, program: Program, semaphores: list[TokenSemaphore]
    ) -> None:
        queue = program.queues[command.queue]
        self.command = command
        self.index = index
        self.queue = command.queue
        self.operator = command.operator
        self.primary = program.operators[command.operator].primary == command.queue
        self.opens = False
        self.transfer_bytes = command.transfer_bytes
        self.moves = bool(command.transfer_bytes or command.runs)
        self.cycles = command.cycles
        if queue.bytes_per_cycle:
            self.cycles += -(-command.transfer_bytes // queue.bytes_per_cycle)
        self.compute_cycles = command.compute_cycles
        self.busy_fs = self.cycles * queue.period_fs
        self.latency_fs = max(command.cycles, command.latency_cycles) * queue.period_fs
        pipelined = command.latency_cycles > command.cycles and queue.kind not in DMA_KINDS
        at_end = command.release if pipelined else command.release + command.release_late
        self.acquire = _amounts(command.acquire, semaphores)
        self.release = _amounts(at_end, semaphores)
        self.late = _amounts(command.release_late, semaphores) if pipelined else ()


@dataclass(slots=True, eq=False)
class LoopCode:
    """A loop over operations.

    first_instance, ahead: as of `Loop`.
    executions: of each operation in one iteration; commands: their sum.
    balance, taken: tokens one iteration adds to, and takes from, each semaphore.
    clocks_fs: periods of the clocks it runs on.
    skippable: whether its iterations may be skipped without running them.
    entered, failures: how often it was watched for repeats; how many times in a
        row without finding one (kept by `skip`).
    """

    count: int
    instances: bool
    body: list[Operation | LoopCode]
    first_instance: int = 0
    ahead: frozenset[int] = frozenset()
    executions: Counter[Operation] = field(default_factory=Counter)
    commands: int = 0
    operators: tuple[int, ...] = ()
    clocks_fs: tuple[int, ...] = ()
    balance: Counter[TokenSemaphore] = field(default_factory=Counter)
    taken: Counter[TokenSemaphore] = field(default_factory=Counter)
    balanced: list[TokenSemaphore] = field(default_factory=list)
    unbalanced: list[TokenSemaphore] = field(default_factory=list)
    skippable: bool = True
    entered: int = 0
    failures: int = 0

    def instances_of(self, operator: int) -> range:
        """Instances of an operator that a loop of instances executes."""
        first = self.first_instance + (operator in self.ahead)
        return range(first, first + self.count)


@dataclass(slots=True)
class Visits:
    """By operator the loops of instances that it is in; how often each of those is run."""

    owners: defaultdict[int, set[LoopCode]] = field(default_factory=lambda: defaultdict(set))
    runs: Counter[LoopCode] = field(default_factory=Counter)


def _amounts(tokens: Tokens, semaphores: list[TokenSemaphore]) -> Amounts:
    """Tokens with the semaphores themselves; one entry per semaphore, nothing for 0."""
    total: dict[int, int] = {}
    for semaphore, amount in tokens:
        total[semaphore] = total.get(semaphore, 0) + amount
    return tuple((semaphores[index], amount) for index, amount in total.items() if amount)


class Compiler:
    """Turns a checked program into one `LoopCode` (the program as a loop of count 1)."""

    def __init__(
        self, program: Program, semaphores: list[TokenSemaphore], memory_period_fs: int
    ) -> None:
        self.program = program
        self.memory_period_fs = memory_period_fs
        self.operations = [
            Operation(command, index, program, semaphores)
            for index, command in enumerate(program.commands())
        ]
        self._by_command = {id(operation.command): operation for operation in self.operations}
        self._by_loop: dict[int, LoopCode] = {}
        accounted = {operation.operator for operation in self.operations if operation.primary}
        for operation in self.operations:
            operation.opens = operation.operator not in accounted

    def compile(self) -> LoopCode:
        """The whole program, with every loop analysed."""
        root = self._loop(1, False, self.program.body)
        root.skippable = False
        visits = Visits()
        _find_visits(root, root, 1, visits)
        for loop in self._by_loop.values():
            if loop.instances:
                # Records of a skipped iteration are copies: right only if nothing
                # outside the loop adds to them.
                loop.skippable = all(_is_alone(loop, each, visits) for each in loop.operators)
        return root

    def _loop(self, count: int, instances: bool, items: Iterable[Item]) -> LoopCode:
        body: list[Operation | LoopCode] = []
        for item in items:
            if isinstance(item, Command):
                body.append(self._by_command[id(item)])
            elif item.count:
                if id(item) not in self._by_loop:
                    code = self._loop(item.count, item.instances, item.body)
                    code.first_instance, code.ahead = item.first_instance, item.ahead
                    self._by_loop[id(item)] = code
                body.append(self._by_loop[id(item)])
        loop = LoopCode(count, instances, body)
        self._analyse(loop)
        return loop

    def _analyse(self, loop: LoopCode) -> None:
        for item in loop.body:
            if isinstance(item, Operation):
                loop.executions[item] += 1
                continue
            for operation, times in item.executions.items():
                loop.executions[operation] += times * item.count
            if item.instances or not item.skippable:
                loop.skippable = False
        loop.commands = sum(loop.executions.values())
        loop.operators = tuple(sorted({operation.operator for operation in loop.executions}))
        clocks = set()
        for operation, times in loop.executions.items():
            clocks.add(self.program.queues[operation.queue].period_fs)
            if operation.transfer_bytes:
                clocks.add(self.memory_period_fs)
            for semaphore, amount in operation.acquire:
                loop.taken[semaphore] += amount * times
                loop.balance[semaphore] -= amount * times
            for semaphore, amount in operation.release + operation.late:
                loop.balance[semaphore] += amount * times
        loop.clocks_fs = tuple(sorted(clocks))
        for semaphore, change in loop.balance.items():
            (loop.unbalanced if change else loop.balanced).append(semaphore)


def _find_visits(code: LoopCode, owner: LoopCode, runs: int, visits: Visits) -> None:
    """Note which loops of instances execute what, and how often each of them is run.

    owner: the one that `code` is or is in, or the whole program; runs: of the body of `code`.
    """
    for item in code.body:
        if isinstance(item, Operation):
            visits.owners[item.operator].add(owner)
        elif item.instances:
            visits.runs[item] += runs
            _find_visits(item, item, runs * item.count, visits)
        elif item.skippable:  # there are no loops of instances in it
            for operator in item.operators:
                visits.owners[operator].add(owner)
        else:
            _find_visits(item, owner, runs * item.count, visits)


def _is_alone(loop: LoopCode, operator: int, visits: Visits) -> bool:
    """Whether a loop alone, and once, adds to the records of an operator in its instances."""
    own = loop.instances_of(operator)
    return visits.runs[loop] == 1 and all(
        owner is loop or _are_apart(own, owner.instances_of(operator))
        for owner in visits.owners[operator]
    )


def _are_apart(one: range, other: range) -> bool:
    return one.stop <= other.start or other.stop <= one.start
