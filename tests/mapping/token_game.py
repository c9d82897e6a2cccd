"""Runs a program without time: queues, tokens and buffers alone.

A semaphore that only one queue takes from is indifferent to which queue goes first:
if the game ends, no timing whatever can lead to a deadlock. Where several queues
take from one, they have to do so in program order, whichever queue is favoured.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator

from simulator.mapping.program import Command, Item, Loop, Program, Queue, QueueKind, Tokens


def executed(items: tuple[Item, ...]) -> Iterator[Command]:
    """Commands in program order, loops written out."""
    for item in items:
        if isinstance(item, Loop):
            for _ in range(item.count):
                yield from executed(item.body)
        else:
            yield item


def amounts(tokens: Tokens) -> Counter[int]:
    """Tokens added up per semaphore."""
    total: Counter[int] = Counter()
    for semaphore, amount in tokens:
        assert amount >= 0
        total[semaphore] += amount
    return total


class TokenGame:
    """A program's semaphores and queues.

    counts: tokens of each semaphore; lowest and highest: the extremes so far.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.counts = [semaphore.initial for semaphore in program.semaphores]
        self.lowest = list(self.counts)
        self.highest = list(self.counts)
        takers: dict[int, set[int]] = defaultdict(set)
        self.taken: dict[int, Counter[int]] = {}
        self.given: dict[int, Counter[int]] = {}
        for command in program.commands():
            self.taken[id(command)] = amounts(command.acquire)
            self.given[id(command)] = amounts(command.release + command.release_late)
            for semaphore in self.taken[id(command)]:
                takers[semaphore].add(command.queue)
        self.last_taker = {s: -1 for s, queues in takers.items() if len(queues) > 1}

    def may_start(self, command: Command) -> bool:
        return all(self.counts[s] >= n for s, n in self.taken[id(command)].items())

    def execute(self, number: int, command: Command) -> None:
        """Execute the command that is `number` in program order."""
        for semaphore, amount in self.taken[id(command)].items():
            self.counts[semaphore] -= amount
            self.lowest[semaphore] = min(self.lowest[semaphore], self.counts[semaphore])
            if semaphore in self.last_taker:
                assert self.last_taker[semaphore] < number, "taken out of turn"
                self.last_taker[semaphore] = number
        for semaphore, amount in self.given[id(command)].items():
            self.counts[semaphore] += amount
            self.highest[semaphore] = max(self.highest[semaphore], self.counts[semaphore])

    def play(self, favoured: Iterable[int], depth: int = 1) -> None:
        """Issue in program order to in-order queues that hold `depth` commands besides one.

        favoured: order in which queues may go on. Asserts that every command is executed.
        """
        order = list(favoured)
        queues: list[deque[tuple[int, Command]]] = [deque() for _ in order]
        stream = enumerate(executed(self.program.body))
        issued = next(stream, None)
        while True:
            moved = False
            while issued is not None and len(queues[issued[1].queue]) <= depth:
                queues[issued[1].queue].append(issued)
                issued = next(stream, None)
            for index in order:
                waiting = queues[index]
                while waiting and self.may_start(waiting[0][1]):
                    self.execute(*waiting.popleft())
                    moved = True
            if not moved:
                break
        left = [waiting[0][1].label for waiting in queues if waiting]
        assert issued is None and not left, f"waiting for ever: {left}"


def check_tokens(program: Program) -> None:
    """Every command runs whatever the timing, and every token and byte is given back."""
    queues = range(len(program.queues))
    for favoured in (queues, reversed(queues)):
        game = TokenGame(program)
        game.play(favoured)
        for index, semaphore in enumerate(program.semaphores):
            assert game.counts[index] == semaphore.initial, semaphore.name
            if semaphore.name.endswith(".scratchpad"):
                assert game.lowest[index] >= 0
                assert game.highest[index] == semaphore.initial, "freed what was never taken"


def queue_of(program: Program, command: Command) -> Queue:
    return program.queues[command.queue]


def moved_bytes(program: Program, operator: int) -> tuple[int, int]:
    """Main-memory bytes that an operator's commands read and write in one run of the program."""
    total = {QueueKind.LOAD: 0, QueueKind.STORE: 0}
    for command in executed(program.body):
        if command.operator == operator and command.transfer_bytes:
            total[queue_of(program, command).kind] += command.transfer_bytes
    return total[QueueKind.LOAD], total[QueueKind.STORE]
