"""A device's constraint table as the data sheet says it, read without the simulator's code.

Delays count from the last cycle of a command to the last cycle of the next one, and
are kept in ticks: clocks, or half clocks where a device has them. Memories that compute
also count from moments, which last one tick and are not commands.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.names import COMMANDS, MOMENTS, PIM_COMMANDS
from simulator.hardware.dram.spec import DramDeviceSpec

LEVELS = ("channel", "pseudo_channel", "rank", "bank_group", "bank")
BANK = 4
WHOLE_SCOPE = ("PREA", "REFab")
"""Commands to all banks of a refresh scope."""
ACTIVATIONS_LATE = {("HBM2_PIM", "RDA"): "nBL"}
"""How much later than the bank is idle a standard lets it be activated behind a command:
NeuPIMs' source has the burst in tRTP + tRP there, and not ahead of a refresh."""


class Rule(NamedTuple):
    """`after` at least `delay` ticks behind the `window`-th last `before`.

    level: depth of the node that both are in; siblings: of the parent of the two
    different nodes that they are in.
    """

    level: int
    before: str
    after: str
    delay: int
    window: int
    siblings: bool

    def holds(self, shared: int) -> bool:
        """Whether it holds between commands that meet at depth `shared`."""
        return shared == self.level - 1 if self.siblings else shared >= self.level


class Node(NamedTuple):
    """What a command is sent to: pseudo channel, rank, bank group, bank, as far as it goes.

    All banks of the channel: an empty path.
    """

    path: tuple[int, ...]

    @property
    def depth(self) -> int:
        return len(self.path)


class Entry(NamedTuple):
    """A logged command. bank: the first of a scope; row: -1 if none."""

    tick: int
    command: str
    bank: int
    row: int
    node: Node

    def __str__(self) -> str:
        row = f" row {self.row}" if self.row >= 0 else ""
        return f"{self.command} of bank {self.bank}{row} at {self.tick}"


class Table:
    """Rules, nodes and command lengths of a device."""

    def __init__(self, device: DramDeviceSpec) -> None:
        counts = device.organisation.counts
        self.device = device
        self.sizes = (
            counts.pseudo_channels,
            counts.ranks,
            counts.bank_groups,
            counts.banks_per_group,
        )
        self.banks = counts.pseudo_channels * counts.ranks
        self.banks *= counts.bank_groups * counts.banks_per_group
        self.scope_depth = LEVELS.index(device.refresh_scope)
        self.scope_banks = self.banks
        for size in self.sizes[: self.scope_depth]:
            self.scope_banks //= size
        self.depths = self._depths()
        self.names = {COMMANDS[name]: name for name in device.commands}
        self.befores = [*device.commands, *(MOMENTS if device.pim else ())]
        self.rules = tuple(self._rules())
        longest: dict[tuple[str, str], list[Rule]] = {}
        for rule in self.rules:
            longest.setdefault((rule.before, rule.after), []).append(rule)
        self._by_pair = longest
        self._number = {name: number for number, name in enumerate(self.befores)}
        self.needs = self._all_needs()
        self.longest = int(self.needs.max())

    def ticks(self, expression: str) -> int:
        """A delay of the table: Python's own value of it."""
        names = dict(self.device.timing.cycles)
        return int(eval(expression, {"__builtins__": {}}, names)) * self.device.ticks_per_clock

    def length(self, command: str) -> int:
        """Ticks that a command takes on its bus; one for a moment."""
        if command in MOMENTS:
            return 1
        return round(self.device.commands[command].clocks * self.device.ticks_per_clock)

    def target(self, command: str, bank: int) -> Node:
        """The node that a command to `bank`, or the scope that starts there, is sent to."""
        depth = self.depths[command]
        path = []
        for size in reversed(self.sizes):
            bank, index = divmod(bank, size)
            path.append(index)
        path.reverse()
        return Node(tuple(path[:depth]))

    def banks_of(self, command: str) -> int:
        """How many banks a command goes to."""
        banks = self.banks
        for size in self.sizes[: self.depths[command]]:
            banks //= size
        return banks

    def need(self, before: str, after: str, first: Node, second: Node) -> int:
        """Ticks from `before` to `after`, windows aside: the longest of all rules that apply.

        A command of several ticks keeps others off its bus for so long.
        """
        pair = self._number[before], self._number[after]
        return int(self.needs[*pair, shared_depth(first, second)])

    def until_idle(self, command: str, bank: int) -> int:
        """Ticks from a command that closes or refreshes a bank until that may be activated.

        Behind the first tick of the command, to the last of the activation.
        """
        activate = "ACT1" if self.device.split_activation else "ACT"
        wait = self.need(command, activate, self.target(command, bank), self.target(activate, bank))
        late = ACTIVATIONS_LATE.get((self.device.standard, command), "0")
        return wait - self.ticks(late) + self.length(activate) - 1

    def entries(self, log: NDArray[np.int64]) -> list[Entry]:
        """The commands of a log by name and node."""
        commands = []
        for tick, number, bank, row in log.tolist():
            name = self.names[number]
            commands.append(Entry(tick, name, bank, row, self.target(name, bank)))
        return commands

    def windows(self) -> list[Rule]:
        """Rules that look further back than the last command."""
        return [rule for rule in self.rules if rule.window > 1]

    def _depths(self) -> dict[str, int]:
        """How far down the tree the node lies that each command is sent to."""
        depths = dict.fromkeys(COMMANDS, BANK) | dict.fromkeys(WHOLE_SCOPE, self.scope_depth)
        pim = self.device.pim
        if pim:
            depths |= dict.fromkeys((*PIM_COMMANDS, *MOMENTS), 0)
            depths["G_ACT"] = LEVELS.index(pim.activate_scope)
            depths["PIM_PRECHARGE"] = LEVELS.index(pim.precharge_scope)
            depths["GWRITE"] = BANK if pim.input == "row" else 0
        return depths

    def _rules(self) -> list[Rule]:
        timing = self.device.pim.timing if self.device.pim else None
        rules = []
        for row in self.device.constraints:
            if row.only not in (None, timing):
                continue
            for before, after in product(row.before, row.after):
                delay = self.ticks(row.delay) + (self.length(before) - 1) - (self.length(after) - 1)
                level = LEVELS.index(row.level)
                rules.append(Rule(level, before, after, delay, row.window, row.siblings))
        return rules

    def _all_needs(self) -> NDArray[np.int64]:
        """Shape [before, after, depth at which the two meet]; moments are never after."""
        names, size = self.befores, len(self.device.commands)
        needs = np.zeros((len(names), size, BANK + 1), dtype=np.int64)
        for one, other in product(range(len(names)), range(size)):
            for shared in range(BANK + 1):
                needs[one, other, shared] = self._need(names[one], names[other], shared)
        return needs

    def _need(self, before: str, after: str, shared: int) -> int:
        buses = self.device.commands
        same_bus = before in buses and buses[before].bus == buses[after].bus
        delays = [self.length(before) if same_bus and self.length(before) > 1 else 0]
        for rule in self._by_pair.get((before, after), []):
            if rule.window == 1 and rule.holds(shared):
                delays.append(rule.delay)
        return max(delays)


def shared_depth(first: Node, second: Node) -> int:
    """How far down two commands meet: a command to a scope meets all that is in it."""
    for depth, (one, other) in enumerate(zip(first.path, second.path, strict=False)):
        if one != other:
            return depth
    return BANK
