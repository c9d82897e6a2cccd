"""Software pipelining of a program: late commands go behind the next round's early ones.

An in-order queue that both prepares operands (early) and finishes results (late) would
wait for a round's results before it prepares the next round. Here each core's late
commands are held back until its next late ones come, so that in program order the next
round's early commands precede them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from simulator.mapping.program import Command, Item, Loop


@dataclass(slots=True)
class Delay:
    """Holds back the late commands of each core.

    core_of: the core of a command. is_late: whether it is one of a round's last.
    held: late commands of each core's last round; fresh: cores that have had early
        commands since.
    """

    core_of: Callable[[Command], int]
    is_late: Callable[[Command], bool]
    held: dict[int, tuple[Command, ...]] = field(default_factory=dict)
    fresh: set[int] = field(default_factory=set)

    def items(self, items: Iterable[Item]) -> list[Item]:
        """Items in their new order; what is held at the end comes with `rest`."""
        out: list[Item] = []
        for item in items:
            out += self._loop(item) if isinstance(item, Loop) else self._command(item)
        return out

    def rest(self) -> list[Item]:
        """What is still held, core by core."""
        held = [command for core in sorted(self.held) for command in self.held[core]]
        self.held.clear()
        self.fresh.clear()
        return list(held)

    def _command(self, command: Command) -> list[Item]:
        core = self.core_of(command)
        if not self.is_late(command):
            self.fresh.add(core)
            return [command]
        released: tuple[Command, ...] = ()
        if core in self.fresh:
            self.fresh.discard(core)
            released = self.held.pop(core, ())
        self.held[core] = (*self.held.get(core, ()), command)
        return list(released)

    def _loop(self, loop: Loop) -> list[Item]:
        """From the second iteration on, what is held is that of the iteration before."""
        entered = self._state()
        first = self.items(loop.body)
        if self._state() == entered:
            return [Loop(loop.count, tuple(first), loop.instances, loop.label)]
        if loop.count < 2:
            return first
        repeated = self._state()
        others = tuple(self.items(loop.body))
        assert self._state() == repeated, "a loop's rounds hold back the same commands"
        if loop.count == 2:
            return [*first, *others]
        return [*first, Loop(loop.count - 1, others, loop.instances, loop.label)]

    def _state(self) -> tuple[object, ...]:
        held = {core: tuple(map(id, commands)) for core, commands in self.held.items()}
        return held, frozenset(self.fresh)
