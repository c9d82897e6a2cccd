"""Each timing constraint of each device: illegal one tick early, legal on time, nowhere else."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.kernel import timing
from simulator.hardware.dram.names import COMMANDS, MOMENTS
from simulator.hardware.dram.spec import ConstraintSpec, DramDeviceSpec
from simulator.hardware.dram.tables import ChannelTables
from tests.hardware.dram.devices import NAMES, device, organised
from tests.hardware.dram.from_python import from_python
from tests.hardware.dram.table import WHOLE_SCOPE, Rule, Table, shared_depth

Ints = NDArray[np.int64]
START = 1001
earliest = from_python(timing.earliest)
earliest_in_scope = from_python(timing.earliest_in_scope)
note_command = from_python(timing.note_command)


class Clockwork:
    """The kernel's knowledge of what is legal when, and nothing else of it."""

    def __init__(self, spec: DramDeviceSpec) -> None:
        tables = ChannelTables(spec, ControllerSpec(refresh="none"), every_command=True)
        self.table = Table(spec)
        self.packed = tables.packed
        self.fresh = tables.new_state()
        self.state = self.fresh

    def reset(self) -> None:
        self.state = self.fresh.copy()

    def issue(self, command: str, bank: int, tick: int) -> None:
        note_command(self.packed, self.state, (COMMANDS | MOMENTS)[command], bank, tick)

    def legal_from(self, command: str, bank: int) -> int:
        """The first legal tick of a command, 0 if nothing forbids it at all."""
        number = COMMANDS[command]
        if command in WHOLE_SCOPE:
            scope = bank // self.table.scope_banks
            return int(earliest_in_scope(self.packed, self.state, number, scope))
        return int(earliest(self.packed, self.state, number, bank))

    def targets(self, command: str) -> range:
        """Every bank, or the first of every scope."""
        return range(0, self.table.banks, self.table.banks_of(command))

    def sources(self, command: str) -> set[int]:
        """Some of the targets: a first, a last, one inside."""
        targets = self.targets(command)
        return {targets[0], targets[len(targets) // 3], targets[-1]}


ORGANISATIONS: dict[str, dict[str, int]] = {
    "as shipped": {},
    "two of each": {"pseudo_channels": 2, "ranks": 2},
    "one bank group": {"ranks": 2, "bank_groups": 1},
    "one bank per group": {"pseudo_channels": 2, "banks_per_group": 1},
    "one bank": {"pseudo_channels": 1, "ranks": 1, "bank_groups": 1, "banks_per_group": 1},
}
"""Nodes that are alone below their parent stand for it."""


@cache
def widened(name: str) -> DramDeviceSpec:
    """A device with two nodes at least of each level, so that each has a neighbour."""
    counts = device(name).organisation.counts
    return organised(
        name,
        pseudo_channels=max(2, counts.pseudo_channels),
        ranks=max(2, counts.ranks),
    )


def alone(spec: DramDeviceSpec, row: ConstraintSpec) -> DramDeviceSpec:
    """A device with a single constraint, whose commands take one tick each.

    Commands of one tick do not keep others off their bus, and add nothing to delays.
    """
    tick = 1 / spec.ticks_per_clock
    commands = {
        name: command.model_copy(update={"clocks": tick}) for name, command in spec.commands.items()
    }
    return spec.model_copy(update={"constraints": (row,), "commands": commands})


@pytest.mark.parametrize("organisation", ORGANISATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_every_pair_of_commands_waits_for_the_longest_of_its_constraints(
    name: str, organisation: str
) -> None:
    clockwork = Clockwork(organised(name, **ORGANISATIONS[organisation]))
    table = clockwork.table
    for before in table.befores:
        for source in clockwork.sources(before):
            clockwork.reset()
            clockwork.issue(before, source, START)
            node = table.target(before, source)
            for after in table.device.commands:
                for target in clockwork.targets(after):
                    need = table.need(before, after, node, table.target(after, target))
                    expected = START + need if need > 0 else 0
                    assert clockwork.legal_from(after, target) == expected, (
                        f"{before} of bank {source}, then {after} of bank {target}"
                    )


@pytest.mark.parametrize("name", NAMES)
def test_each_constraint_alone_is_illegal_early_legal_on_time_and_no_further(name: str) -> None:
    for row in widened(name).constraints:
        if row.window > 1:
            continue
        clockwork = Clockwork(alone(widened(name), row))
        for rule in clockwork.table.rules:
            assert check_alone(clockwork, rule), f"{row} covers no pair of nodes"


def check_alone(clockwork: Clockwork, rule: Rule) -> bool:
    """Hold one rule against all nodes; whether there are any that it covers."""
    covered = False
    for source in clockwork.sources(rule.before):
        clockwork.reset()
        clockwork.issue(rule.before, source, START)
        first = clockwork.table.target(rule.before, source)
        for target in clockwork.targets(rule.after):
            second = clockwork.table.target(rule.after, target)
            legal = clockwork.legal_from(rule.after, target)
            if rule.holds(shared_depth(first, second)) and rule.delay > 0:
                assert legal > START + rule.delay - 1, f"{rule} one tick early at {target}"
                assert legal <= START + rule.delay, f"{rule} on time at {target}"
                covered = True
            else:
                assert legal == 0, f"{rule} reaches bank {target} from bank {source}"
    return covered or rule.delay <= 0


@pytest.mark.parametrize("name", NAMES)
def test_each_window_counts_from_the_first_of_its_commands(name: str) -> None:
    rows = [row for row in widened(name).constraints if row.window > 1]
    assert rows, "a device without a limit of activations"
    for row in rows:
        clockwork = Clockwork(alone(widened(name), row))
        for rule in clockwork.table.rules:
            check_window(clockwork, rule)


def check_window(clockwork: Clockwork, rule: Rule) -> None:
    """Commands one tick apart to different banks of one node, and one more than the window."""
    clockwork.reset()
    for step in range(rule.window):
        assert clockwork.legal_from(rule.after, 0) == 0, f"{rule} binds after {step}"
        clockwork.issue(rule.before, step, START + step)
    for bank in clockwork.targets(rule.after):
        path = clockwork.table.target(rule.after, bank).path
        legal = clockwork.legal_from(rule.after, bank)
        if any(path[: rule.level]):
            assert legal == 0, f"{rule} reaches bank {bank} of another node"
        else:
            assert legal > START + rule.delay - 1, f"{rule} one tick early"
            assert legal <= START + rule.delay, f"{rule} on time"
    clockwork.issue(rule.before, rule.window, START + 10)
    assert clockwork.legal_from(rule.after, 0) == START + 1 + rule.delay


@pytest.mark.parametrize("organisation", ORGANISATIONS)
@pytest.mark.parametrize("name", NAMES)
def test_after_many_commands_the_longest_of_all_waits_counts(name: str, organisation: str) -> None:
    clockwork = Clockwork(organised(name, **ORGANISATIONS[organisation]))
    table = clockwork.table
    clockwork.reset()
    generator = np.random.default_rng(7)
    issued: list[tuple[int, str, int]] = []
    for tick in (START + np.cumsum(generator.integers(1, 6, size=60))).tolist():
        command = str(generator.choice(table.befores))
        bank = int(generator.choice(clockwork.targets(command)))
        clockwork.issue(command, bank, tick)
        issued.append((tick, command, bank))
    for after in table.device.commands:
        for target in clockwork.targets(after):
            legal = clockwork.legal_from(after, target)
            assert legal == all_allow(table, issued, after, target), f"{after} of bank {target}"


def all_allow(table: Table, issued: list[tuple[int, str, int]], after: str, target: int) -> int:
    """The tick from which pairs and windows of the whole history allow a command."""
    node = table.target(after, target)
    ticks = [0]
    for tick, before, bank in issued:
        need = table.need(before, after, table.target(before, bank), node)
        ticks.append(tick + need if need > 0 else 0)
    for rule in table.windows():
        if rule.after == after:
            past = [
                tick
                for tick, before, bank in issued
                if before == rule.before
                and table.target(before, bank).path[: rule.level] == node.path[: rule.level]
            ]
            ticks += [past[-rule.window] + rule.delay] if len(past) >= rule.window else []
    return max(ticks)
