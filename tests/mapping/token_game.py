"""Runs a program without time: queues, tokens and buffers alone.

Every semaphore is taken from by one queue only (asserted), so it does not matter
which queue goes first: if this ends, no timing whatever can lead to a deadlock.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterator

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
    """counts: tokens of each semaphore; lowest: the least there ever were."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.counts = [semaphore.initial for semaphore in program.semaphores]
        self.lowest = list(self.counts)
        self.highest = list(self.counts)

    def may_start(self, command: Command) -> bool:
        return all(self.counts[s] >= n for s, n in amounts(command.acquire).items())

    def execute(self, command: Command) -> None:
        for semaphore, amount in amounts(command.acquire).items():
            self.counts[semaphore] -= amount
            self.lowest[semaphore] = min(self.lowest[semaphore], self.counts[semaphore])
        for semaphore, amount in amounts(command.release + command.release_late).items():
            self.counts[semaphore] += amount
            self.highest[semaphore] = max(self.highest[semaphore], self.counts[semaphore])

    def play(self, depth: int = 1) -> None:
        """Issue in program order to in-order queues that hold `depth` commands besides one.

        Asserts that every command gets executed.
        """
        queues: dict[int, deque[Command]] = defaultdict(deque)
        stream = executed(self.program.body)
        command = next(stream, None)
        while True:
            moved = False
            while command is not None and len(queues[command.queue]) <= depth:
                queues[command.queue].append(command)
                command = next(stream, None)
            for waiting in queues.values():
                while waiting and self.may_start(waiting[0]):
                    self.execute(waiting.popleft())
                    moved = True
            if not moved:
                break
        left = {self.program.queues[i].name: q[0].label for i, q in queues.items() if q}
        assert command is None and not left, f"waiting for ever: {left}"


def check_tokens(program: Program) -> None:
    """Every command runs whatever the timing, and every token and byte is given back."""
    takers: dict[int, set[int]] = defaultdict(set)
    for command in program.commands():
        for semaphore in amounts(command.acquire):
            takers[semaphore].add(command.queue)
    assert all(len(queues) == 1 for queues in takers.values())
    game = TokenGame(program)
    game.play()
    for semaphore, count in zip(program.semaphores, game.counts, strict=True):
        assert count == semaphore.initial, f"{semaphore.name} ends at {count}"
    for index, semaphore in enumerate(program.semaphores):
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
