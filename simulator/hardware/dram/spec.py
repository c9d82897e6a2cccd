"""What the YAML of a DRAM device holds: organisation, timing, commands, constraints.

A device is data. Its standard (`configs/dram/standards`) lists commands and one
table of timing constraints, written in names of timings; the device adds the
organisation and the cycles behind the names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.config import Spec, nearest
from simulator.config.resources import KINDS, data_root
from simulator.hardware.dram.energy_spec import DramEnergySpec
from simulator.hardware.dram.expressions import evaluate, names_in
from simulator.hardware.dram.names import COMMANDS, LEVELS, MOMENTS, PIM_COMMANDS, REQUIRED
from simulator.hardware.dram.pim_check import check_pim
from simulator.hardware.dram.pim_spec import PimSpec
from simulator.hardware.dram.relations import check_relations

Count = Annotated[int, Field(ge=1, le=2**31)]
LONGEST_DELAY = 2**40
MOST_BANKS = 4096
MOST_BYTES = 2**50
MOST_BURSTS = 2**14
_NAME = re.compile("n[A-Z]")
SERVING = frozenset(("ACT", "ACT1", "RD", "WR", "PRE", "REFpb"))
"""Commands that have to come between refreshes of single banks."""
BURST_NAMES = ("nBL", "nBL_min")
"""Cycles of a burst: one of these is needed."""


class OrganisationCounts(Spec):
    """Sizes of one channel, all powers of two but `devices`.

    ranks: also the stack identifiers (SID) of HBM. columns: per row, of which a
    burst takes `prefetch`. width_bits: data pins of a pseudo channel. devices:
    chips that share one rank.
    """

    pseudo_channels: Count = 1
    ranks: Count = 1
    bank_groups: Count
    banks_per_group: Count
    rows: Count
    columns: Count
    prefetch: Count
    width_bits: Count
    devices: Count = 1

    @model_validator(mode="after")
    def _powers_of_two(self) -> OrganisationCounts:
        for name, value in self.model_dump().items():
            if name != "devices" and value & (value - 1):
                raise ValueError(f"{name} is {value}, expected a power of two")
        if self.columns < self.prefetch:
            raise ValueError(f"columns ({self.columns}) are fewer than prefetch ({self.prefetch})")
        if self.width_bits < 8:
            raise ValueError(f"width_bits is {self.width_bits}, expected at least 8")
        return self


class OrganisationSpec(Spec):
    """The organisation and where it is from."""

    source: str = Field(min_length=1)
    counts: OrganisationCounts


class TimingSpec(Spec):
    """Timings by name, in clock cycles, and where they are from."""

    source: str = Field(min_length=1)
    quality: Literal["published", "measured", "derived", "assumed"] = "published"
    clock_ps: int = Field(ge=1, le=10**6)
    cycles: dict[str, Annotated[int, Field(ge=0, le=LONGEST_DELAY)]]


class CommandSpec(Spec):
    """One command: its bus, how long it occupies it, whether a falling edge may carry it.

    bus: `row` and `column` are separate buses that issue at the same time.
    """

    bus: Literal["command", "row", "column"] = "command"
    clocks: float = Field(default=1, gt=0, le=64)
    falling_edge: bool = False


class ConstraintSpec(Spec):
    """Each of `after` at least `delay` behind each of `before`, at the same node of `level`.

    window: counts from the window-th last command of `before` instead of the last.
    siblings: holds for the other nodes of the level instead, below the same parent.
    only: the `pim.timing` that it is part of, if not of both.
    """

    level: Literal["channel", "pseudo_channel", "rank", "bank_group", "bank"]
    before: tuple[str, ...] = Field(min_length=1)
    after: tuple[str, ...] = Field(min_length=1)
    delay: str
    window: int = Field(default=1, ge=1, le=64)
    siblings: bool = False
    only: Literal["corrected", "as_published"] | None = None


class SplitActivationSpec(Spec):
    """Rows open in two steps: ACT2 at most `deadline` behind ACT1."""

    deadline: str


class DataClockSpec(Spec):
    """A data clock that stops: a CAS command restarts it in the cycle before RD or WR.

    read_keeps_running, write_keeps_running: how long it runs on behind a command.
    """

    read_keeps_running: str
    write_keeps_running: str


class DramDeviceSpec(Spec):
    """One channel of a DRAM device.

    ticks_per_clock: 2 where commands may start on half clocks.
    refresh_scope: what one REFab (and PREA) covers. refresh_interval,
    bank_refresh_interval: between two REFab of a scope, two REFpb of the channel.
    pim: units that compute in the banks, of a memory that has some.
    """

    name: str = Field(min_length=1)
    description: str = ""
    standard: str = Field(min_length=1)
    source: str = Field(min_length=1)
    organisation: OrganisationSpec
    timing: TimingSpec
    commands: dict[str, CommandSpec]
    constraints: Annotated[tuple[ConstraintSpec, ...], Field(min_length=1)]
    read_latency: str
    write_latency: str
    ticks_per_clock: Literal[1, 2] = 1
    split_activation: SplitActivationSpec | None = None
    data_clock: DataClockSpec | None = None
    refresh_scope: Literal["channel", "pseudo_channel", "rank"]
    refresh_interval: str
    bank_refresh_interval: str | None = None
    energy: DramEnergySpec | None = None
    pim: PimSpec | None = None

    @model_validator(mode="after")
    def _consistent(self) -> DramDeviceSpec:
        self._check_size()
        self._check_commands()
        for index, constraint in enumerate(self.constraints):
            for name in (*constraint.before, *constraint.after):
                if name not in self.commands and not (self.pim and name in MOMENTS):
                    near = nearest(name, self.commands)
                    side = "before" if name in constraint.before else "after"
                    raise ValueError(
                        f"constraints.{index}.{side}: the device has no command {name!r}"
                        + (f"; did you mean {near!r}?" if near else "")
                    )
        self._check_delays()
        if self.pim:
            check_pim(self, self.pim)
        return self

    def cycles(self, expression: str) -> int:
        """An expression in clock cycles; raises ValueError for a name without a value."""
        return evaluate(expression, self.timing.cycles)

    def timing_of(self, *names: str) -> int:
        """Cycles of the first of `names` that the device is written in, else that it has; or 0."""
        cycles, used = self.timing.cycles, self._used_names
        known = [name for name in names if name in cycles]
        return next((cycles[each] for each in sorted(known, key=lambda n: n not in used)), 0)

    @property
    def _expressions(self) -> dict[str, str]:
        """Latencies and intervals by key: all that is written in timings but constraints."""
        found = {"read_latency": self.read_latency, "write_latency": self.write_latency}
        if self.split_activation:
            found["split_activation.deadline"] = self.split_activation.deadline
        if self.data_clock:
            clock = self.data_clock.model_dump()
            found |= {f"data_clock.{name}": value for name, value in clock.items()}
        if self.pim:
            found |= {f"pim.{name}": value for name, value in self.pim.expressions.items()}
        found["refresh_interval"] = self.refresh_interval
        if self.bank_refresh_interval is not None:
            found["bank_refresh_interval"] = self.bank_refresh_interval
        return found

    @property
    def _used_names(self) -> frozenset[str]:
        """Timings that latencies, intervals and constraints are written in."""
        delays = (constraint.delay for constraint in self.constraints)
        return frozenset().union(*map(names_in, (*self._expressions.values(), *delays)))

    def sources(self, prefix: str) -> dict[str, str]:
        """Where its numbers come from, by key path below `prefix`."""
        return {
            f"{prefix}.constraints": self.source,
            f"{prefix}.organisation": self.organisation.source,
            f"{prefix}.timing": self.timing.source,
        }

    @property
    def tick_fs(self) -> int:
        """Duration of a tick: a clock, or half of one."""
        return self.timing.clock_ps * 1000 // self.ticks_per_clock

    @property
    def clock_s(self) -> float:
        """Duration of a clock cycle."""
        return self.timing.clock_ps * 1e-12

    @property
    def burst_bytes(self) -> int:
        """Bytes that one RD or WR moves."""
        counts = self.organisation.counts
        return counts.width_bits * counts.prefetch // 8

    @property
    def bursts_per_row(self) -> int:
        """Bursts in one row of one bank."""
        return self.organisation.counts.columns // self.organisation.counts.prefetch

    @property
    def burst_cycles(self) -> int:
        """Clock cycles that a burst occupies the data bus of a pseudo channel."""
        return self.timing_of(*BURST_NAMES)

    @property
    def banks(self) -> int:
        """Banks of the channel."""
        c = self.organisation.counts
        return c.pseudo_channels * c.ranks * c.bank_groups * c.banks_per_group

    @property
    def capacity_bytes(self) -> int:
        """Bytes of the channel."""
        return self.banks * self.organisation.counts.rows * self.bursts_per_row * self.burst_bytes

    @property
    def peak_bytes_per_s(self) -> float:
        """Data rate of the channel with every cycle of the data bus used."""
        burst_s = self.burst_cycles * self.timing.clock_ps * 1e-12
        return self.organisation.counts.pseudo_channels * self.burst_bytes / burst_s

    @property
    def refresh_share(self) -> float:
        """Share of the time that all-bank refresh takes from a busy data bus.

        (tRTP + tRP + tRFC + tRCD) / tREFI: from the last read before a refresh to the
        first one behind it.
        """
        first = self.timing_of
        blocked = first("nRTP", "nRTPL") + first("nRP") + first("nRFC", "nRFCab")
        blocked += first("nRCD", "nRCDRD")
        return blocked / self.cycles(self.refresh_interval)

    def _check_size(self) -> None:
        banks = "pseudo_channels · ranks · bank_groups · banks_per_group"
        bits = f"{banks} · rows · columns · width_bits"
        for noun, product, found, most in (
            ("banks", banks, self.banks, MOST_BANKS),
            ("bytes", f"{bits} / 8", self.capacity_bytes, MOST_BYTES),
            ("bursts per row", "columns / prefetch", self.bursts_per_row, MOST_BURSTS),
        ):
            if found > most:
                raise ValueError(
                    f"organisation.counts: a channel of {self.name} has {found:,} {noun} "
                    f"({product}), expected at most {most:,}"
                )

    def _check_commands(self) -> None:
        unknown = [name for name in self.commands if name not in COMMANDS]
        if unknown:
            known = [name for name in COMMANDS if self.pim or name not in PIM_COMMANDS]
            near = nearest(unknown[0], known)
            raise ValueError(
                f"commands.{unknown[0]}: unknown command; known: {', '.join(known)}"
                + (f"; did you mean {near!r}?" if near else "")
            )
        units = [name for name in self.commands if name in PIM_COMMANDS]
        if units and not self.pim:
            raise ValueError(
                f"commands.{units[0]}: a command of units that compute, and the device has no "
                "`pim` block"
            )
        needed: dict[str, tuple[str, ...]] = {}
        needed["commands"] = REQUIRED if self.split_activation else (*REQUIRED, "ACT")
        if self.split_activation:
            needed["split_activation"] = ("ACT1", "ACT2")
        if self.data_clock:
            needed["data_clock"] = ("CAS_RD", "CAS_WR")
        for key, names in needed.items():
            missing = [name for name in names if name not in self.commands]
            if missing:
                raise ValueError(f"{key}: there is no command {', '.join(missing)}, which it needs")
        shared = [name for name, command in self.commands.items() if command.bus == "command"]
        if 0 < len(shared) < len(self.commands):
            raise ValueError(
                "commands: either all have a row or column bus, or none: "
                f"{_listed(set(self.commands) - set(shared))} have one, {_listed(shared)} have not"
            )
        for name, command in self.commands.items():
            ticks = command.clocks * self.ticks_per_clock
            if ticks != int(ticks):
                raise ValueError(f"commands.{name}.clocks: {command.clocks} is no whole tick")

    def _check_delays(self) -> None:
        if "nBL" not in self.timing.cycles and "nBL_min" not in self.timing.cycles:
            raise ValueError("timing.cycles: nBL is missing, the cycles of a burst")
        if not self.burst_cycles:
            name = next(name for name in BURST_NAMES if name in self.timing.cycles)
            raise ValueError(f"timing.cycles.{name}: a burst of 0 cycles, expected at least 1")
        for key, expression in self._expressions.items():
            self._evaluated(key, expression, least=0 if key.startswith("pim.") else 1)
        self._check_used()
        check_relations(self.timing.cycles, self._used_names)
        per_bank = self.bank_refresh_interval or self.refresh_interval
        for index, constraint in enumerate(self.constraints):
            key = f"constraints.{index}.delay"
            delay = self._evaluated(key, constraint.delay)
            self._check_in_time(key, constraint, delay, self.refresh_interval)
            served = "REFpb" in constraint.before and SERVING.intersection(constraint.after)
            often = delay > self.cycles(per_bank) and constraint.window == 1
            if served and often and constraint.level != "bank":
                self._check_in_time(key, constraint, delay, per_bank)
        for name, every in (("REFab", self.refresh_interval), ("REFpb", per_bank)):
            if name in self.commands and self.commands[name].clocks >= self.cycles(every):
                raise ValueError(
                    f"commands.{name}.clocks: the bus is busy for {self.commands[name].clocks:g} "
                    f"cycles, no less than the refresh interval {every} of {self.cycles(every)}"
                )

    def _check_used(self) -> None:
        """A timing that nothing reads is a slip of the pen, unless the standard knows it.

        With a table of constraints of its own, a device inherits timings that it does not use.
        """
        cycles, used = self.timing.cycles, self._used_names
        if not used.intersection(BURST_NAMES):
            used |= set(BURST_NAMES)
        unused = set(cycles) - used
        if unused:
            unused -= standard_timings(self.standard)
        for name in sorted(unused):
            near = nearest(name, used)
            raise ValueError(
                f"timing.cycles.{name}: no latency, interval or constraint of the device is "
                "written in it"
                + (f"; did you mean {near!r}?" if near else f"; they are in {_listed(used)}")
            )

    def _check_in_time(self, key: str, constraint: ConstraintSpec, delay: int, every: str) -> None:
        """Raise ValueError if a delay is no shorter than a refresh interval, an expression."""
        interval = self.cycles(every)
        if delay >= interval:
            after = ", ".join(constraint.after)
            raise ValueError(
                f"{key}: {constraint.delay} is {delay} cycles, no less than the refresh "
                f"interval {every} of {interval}: {after} could never follow "
                f"{', '.join(constraint.before)} in time"
            )

    def _evaluated(self, key: str, expression: str, least: int | None = None) -> int:
        try:
            value = self.cycles(expression)
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None
        if least is not None and value < least:
            raise ValueError(f"{key}: {expression} is {value}, expected at least {least}")
        return value


@cache
def standard_timings(standard: str) -> frozenset[str]:
    """Names of timings that a shipped standard is written in; none of one's own."""
    files = (data_root() / KINDS["dram"].folder / "standards").glob("*.yaml")
    texts = (file.read_text(encoding="utf-8") for file in files)
    own = (text for text in texts if f"\nstandard: {standard}\n" in text)
    return frozenset(name for text in own for name in names_in(text) if _NAME.match(name))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def level_index(name: str) -> int:
    """Position of a level, from the channel down."""
    return LEVELS.index(name)
