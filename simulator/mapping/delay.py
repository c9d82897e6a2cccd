"""Software pipelining of a program: late commands go behind the next preparation.

An in-order queue that both prepares operands (early) and finishes results (late) would
wait for a round's results before it prepares the next round. Here each core's late
commands are held back behind the next preparations, and no further: what comes then may
need what they give back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from simulator.mapping.program import Command, Item, Loop


@dataclass(slots=True)
class Delay:
    """Holds back the late commands of each core.

    core_of: the core of a command. prepares, is_late: whether it prepares operands, or is
    one of a round's last; passes: others that go past what is held, such as loads.
    ahead: preparations that go past it.
    held: late commands of each core's last round; prepared: preparations since.
    """

    core_of: Callable[[Command], int]
    prepares: Callable[[Command], bool]
    is_late: Callable[[Command], bool]
    passes: Callable[[Command], bool]
    ahead: int = 1
    held: dict[int, tuple[Command, ...]] = field(default_factory=dict)
    prepared: dict[int, int] = field(default_factory=dict)

    def items(self, items: Iterable[Item]) -> list[Item]:
        """Items in their new order; what is held at the end comes with `rest`."""
        out: list[Item] = []
        for item in items:
            out += self._loop(item) if isinstance(item, Loop) else self._command(item)
        return out

    def rest(self) -> list[Item]:
        """What is still held, core by core."""
        return [command for core in sorted(self.held) for command in self._released(core)]

    def _command(self, command: Command) -> list[Item]:
        core = self.core_of(command)
        if self.is_late(command):
            released = self._released(core) if self.prepared.get(core) else []
            self.held[core] = (*self.held.get(core, ()), command)
            return released
        if core not in self.held or self.passes(command):
            return [command]
        if not self.prepares(command):
            return [*self._released(core), command]
        self.prepared[core] = self.prepared.get(core, 0) + 1
        return [command, *(self._released(core) if self.prepared[core] == self.ahead else ())]

    def _released(self, core: int) -> list[Item]:
        self.prepared.pop(core, None)
        return list(self.held.pop(core, ()))

    def _loop(self, loop: Loop) -> list[Item]:
        """Rounds that change what is held are written out; from the first that does not, a loop.

        Such a round finds what the one before has left and leaves the same, so that all
        behind it are equal to it.
        """
        out: list[Item] = []
        for done in range(loop.count):
            entered = self._state()
            body = self.items(loop.body)
            left = loop.count - done
            if left > 1 and self._state() == entered:
                return [*out, replace(loop, count=left, body=tuple(body))]
            out += body
        return out

    def _state(self) -> tuple[object, ...]:
        held = {core: tuple(map(id, commands)) for core, commands in self.held.items()}
        return held, dict(self.prepared)
