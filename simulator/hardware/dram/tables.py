"""A device and its controller as the arrays that the compiled loop reads."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from simulator.hardware.dram.address import address_slices, decode, xor_slices
from simulator.hardware.dram.constraints import (
    Constraint,
    compile_constraints,
    never_issued,
    ticks_between_hits,
)
from simulator.hardware.dram.controller import ControllerSpec, policy_code
from simulator.hardware.dram.geometry import Geometry
from simulator.hardware.dram.kernel.feed import COLUMN_BITS
from simulator.hardware.dram.kernel.layout import (
    A_READY,
    FAR,
    K_COUNT,
    KINDS_OF_BINS,
    LATENCY_BINS,
    P_END,
    S_ACT2_BANK,
    S_FLOOR,
    S_FLOOR_ROW,
    S_FREE,
    S_NEXT_REFRESH,
    S_PAIR_TICK,
    S_PIM_INPUT_BANK,
    S_PIM_OPENING,
    S_PIM_ROW,
    T_ANCESTORS,
    Ints,
    pack,
)
from simulator.hardware.dram.kernel.timing import LEVELS_BELOW
from simulator.hardware.dram.names import COMMAND_COUNT, COMMANDS, PLAIN_COMMAND_COUNT, RD, WR
from simulator.hardware.dram.pim_tables import PIM_RING, new_pim_state, pim_constants
from simulator.hardware.dram.spec import DramDeviceSpec, level_index

STRETCH_BURSTS = 64
"""Bursts of a stream that are remembered together."""
NEAR_STRETCHES, SOON_STRETCHES = 1.5, 8.0
"""How far a refresh is away that a stretch may meet: one at full speed, and a slow one."""


def _ints(values: Iterable[int]) -> Ints:
    return np.array(list(values), dtype=np.int64)


class ChannelTables:
    """Packed tables of one channel, and what its state must have room for.

    clients, ring: of transfers; 0 for traces. turn_bursts: that a client injects in
    its turn. bins: of time, for pictures. log_commands: that are kept one by one.
    every_command: also bind commands that the controller never issues.
    """

    def __init__(
        self,
        device: DramDeviceSpec,
        controller: ControllerSpec,
        *,
        clients: int = 0,
        ring: int = 1,
        turn_bursts: int = 1,
        bins: int = 0,
        log_commands: int = 0,
        every_command: bool = False,
    ) -> None:
        self.device = device
        self.controller = controller
        self.geometry = Geometry.of(device.organisation.counts)
        self.levels = distinct_levels(self.geometry)
        unused = set() if every_command else never_issued(device, controller)
        self.constraints = tuple(
            each
            for each in merge_levels(compile_constraints(device), self.geometry, self.levels)
            if each.after not in unused
        )
        self.clients, self.ring, self.bins = clients, ring, bins
        self.log = 4 * log_commands
        self.turn_bursts = turn_bursts
        scope = level_index(device.refresh_scope)
        self.scopes = self.geometry.counts[scope]
        self.scope_level = merged_level(scope, self.geometry, self.levels)
        self.window = max((c.window for c in self.constraints), default=1)
        self.longest_window_ticks = max(
            (c.delay_ticks for c in self.constraints if c.window > 1), default=0
        )
        self.histories = sorted({(c.before, c.level) for c in self.constraints if c.window > 1})
        arrays = self._arrays()
        self.packed = pack(self._constants(arrays), dict(enumerate(arrays, start=T_ANCESTORS)))

    @property
    def ticks(self) -> int:
        """Ticks per clock."""
        return self.device.ticks_per_clock

    def _arrays(self) -> list[Ints]:
        geometry, scope_banks = self.geometry, self.geometry.banks // self.scopes
        banks = range(geometry.banks)
        pcs, ranks = geometry.counts[1], geometry.counts[2]
        special = [c for c in self.constraints if c.window > 1 or c.siblings]
        plain = [c for c in self.constraints if c not in special]
        deep = {c.after for c in self.constraints if c.level > self.scope_level}
        return [
            self._ancestors(),
            *_rows(plain, ("level", "after", "delay_ticks")),
            *_rows(special, ("level", "after", "delay_ticks", "window", "siblings")),
            _ints(self._history(c) for c in _sorted(special)),
            _starts([before for before, _ in self.histories]),
            _ints(level for _, level in self.histories),
            _ints(geometry.counts[level] for level in self.levels),
            _ints(self._bases()),
            _ints(bank // scope_banks for bank in banks),
            _ints(bank // (geometry.banks // pcs) for bank in banks),
            _ints(bank // (geometry.banks // ranks) for bank in banks),
            self._flags("bus", lambda command: command.bus == "column"),
            self._flags("edge", lambda command: command.falling_edge),
            _ints(int(command in deep) for command in range(COMMAND_COUNT)),
            self._places(),
        ]

    def _places(self) -> Ints:
        """Bank and column, in one number, of the bursts that have row 0.

        Rows must be the highest bits of the address, all together, for transfers to be
        located by it (`DramMemorySpec` sees to it).
        """
        xor_slices(self.device, self.controller.address_mapping)  # raises if there are too many
        per_row = self.device.bursts_per_row * self.geometry.banks
        slices = address_slices(self.device, self.controller.address_mapping)
        banks, _, columns = decode(slices, [], np.arange(per_row, dtype=np.int64))
        return (banks << COLUMN_BITS) | columns

    def _bases(self) -> list[int]:
        """Where the nodes of each level that is kept start."""
        counts = [self.geometry.counts[level] for level in self.levels]
        return [sum(counts[:place]) for place in range(len(counts))]

    def _ancestors(self) -> Ints:
        """[banks, LEVELS_BELOW]: the nodes that each bank is in, then 0, the channel."""
        bases, banks = self._bases(), self.geometry.banks
        nodes = np.zeros((banks, LEVELS_BELOW), dtype=np.int64)
        for place, level in enumerate(self.levels[1:]):
            size = banks // self.geometry.counts[level]
            nodes[:, place] = bases[place + 1] + np.arange(banks) // size
        return nodes.ravel()

    @property
    def counts_row_hits(self) -> bool:
        """Whether a policy asks how often an open row was used."""
        return bool(self.controller.row_hit_cap) or self.controller.page == "closed"

    def _is_plain(self) -> bool:
        """Whether every request may always be served, as far as the scheduler goes."""
        control = self.controller
        return control.scheduler == "fr_fcfs" and not control.row_hit_cap

    def _hit_ticks(self, command: int) -> int:
        """As `ticks_between_hits`; 0 where there is more to a read or write, and for traces."""
        device, control = self.device, self.controller
        simple = self._is_plain() and control.page == "open" and self.ticks == 1
        if not simple or not self.clients or device.split_activation or device.data_clock:
            return 0
        if device.pim is not None and device.pim.double_buffered:
            return 0  # results and vectors move beside the units' next command
        if any(command.bus != "command" for command in device.commands.values()):
            return 0
        nodes = self._ancestors().reshape(-1, LEVELS_BELOW)
        return ticks_between_hits(self.constraints, nodes, command)

    @property
    def asked(self) -> int:
        """Room for refreshes and precharges that wait."""
        return 2 * self.geometry.banks + 4 * self.scopes + 4

    def _constants(self, arrays: list[Ints]) -> Ints:
        device, control = self.device, self.controller
        dual = any(command.bus != "command" for command in device.commands.values())
        clock = device.data_clock
        values = {
            "nodes": self.nodes,
            "banks": self.geometry.banks,
            "scopes": self.scopes,
            "scope_level": self.scope_level,
            "scope_banks": self.geometry.banks // self.scopes,
            "window": self.window,
            "read": self._ticks_of(device.read_latency),
            "write": self._ticks_of(device.write_latency),
            "ticks_per_clock": self.ticks,
            "dual": int(dual),
            "act2": self._ticks_of(device.split_activation.deadline)
            if device.split_activation
            else 0,
            "clock_read": self._ticks_of(clock.read_keeps_running) if clock else 0,
            "clock_write": self._ticks_of(clock.write_keeps_running) if clock else 0,
            "refresh": policy_code("refresh", control.refresh),
            "interval": self.refresh_interval_ticks,
            "scheduler": policy_code("scheduler", control.scheduler),
            "hit_cap": control.row_hit_cap,
            "page": policy_code("page", control.page),
            "page_cap": control.page_cap,
            "read_depth": control.read_queue,
            "write_depth": control.write_queue,
            "write_high": min(
                math.floor(control.write_high * control.write_queue) + 1, control.write_queue
            ),
            "write_low": max(1, math.ceil(control.write_low * control.write_queue)),
            "per_tick": control.requests_per_clock,
            "forward": int(control.forward_writes),
            "burst": device.burst_cycles * self.ticks,
            "clients": self.clients,
            "ring": self.ring,
            "bins": self.bins,
            "log": self.log,
            "turn": self.turn_bursts,
            "asked": self.asked,
            "row_shift": len(arrays[-1]).bit_length() - 1,
            "xor_bits": control.address_mapping.xor_banks_with_row,
            "plain": int(self._is_plain()),
            "longest_window": self.longest_window_ticks,
            "stretch": STRETCH_BURSTS,
            "near": self._ticks_of_stretches(NEAR_STRETCHES),
            "soon": self._ticks_of_stretches(SOON_STRETCHES),
            "counts_hits": int(self.counts_row_hits),
            "read_hit": self._hit_ticks(RD),
            "write_hit": self._hit_ticks(WR),
            **pim_constants(device, self.geometry),
        }
        assert len(values) == K_COUNT
        return _ints(values.values())

    @property
    def refresh_interval_ticks(self) -> int:
        """Ticks between two refreshes that are asked for, FAR without refresh.

        Raises ValueError if the controller wants per-bank refresh and the device has none,
        or so few banks that one is due again before its refresh has ended.
        """
        device, policy = self.device, self.controller.refresh
        if policy == "none":
            return FAR
        if policy == "per_bank":
            if device.bank_refresh_interval is None or "REFpb" not in device.commands:
                raise ValueError(f"refresh: {device.name!r} has no per-bank refresh")
            interval = self._ticks_of(device.bank_refresh_interval)
            self._check_turns(interval)
            return interval
        if policy == "staggered":
            return self._ticks_of(device.refresh_interval) // self.scopes
        return self._ticks_of(device.refresh_interval)

    def _check_turns(self, interval: int) -> None:
        counts, banks = self.geometry.counts, self.geometry.banks
        turn = interval * banks
        lasts = [
            each.delay_ticks
            for each in self.constraints
            if counts[self.levels[each.level]] == banks
            and each.before == each.after == COMMANDS["REFpb"]
        ]
        if max(lasts, default=0) >= turn:
            raise ValueError(
                f"refresh: per-bank refresh of {self.device.name!r} takes a bank "
                f"{max(lasts) // self.ticks} cycles, and with {banks} banks its "
                f"turn comes every {turn // self.ticks}; expected all_bank or none"
            )

    def _ticks_of(self, expression: str) -> int:
        return self.device.cycles(expression) * self.ticks

    def _flags(self, _: str, test: object) -> Ints:
        flags = np.zeros(COMMAND_COUNT, dtype=np.int64)
        for name, command in self.device.commands.items():
            flags[COMMANDS[name]] = int(test(command))  # type: ignore[operator]
        return flags

    def _history(self, constraint: Constraint) -> int:
        key = (constraint.before, constraint.level)
        return self.histories.index(key) if key in self.histories else -1

    def _ticks_of_stretches(self, count: float) -> int:
        """Ticks that the data of so many takes on all buses of a channel; FAR without refresh."""
        if self.controller.refresh == "none":
            return FAR // 2
        ticks = STRETCH_BURSTS * self.device.burst_cycles * self.ticks
        return round(count * ticks / self.geometry.counts[1])

    @property
    def nodes(self) -> int:
        """Channel, banks and all between that have constraints of their own."""
        return sum(self.geometry.counts[level] for level in self.levels)

    @property
    def times(self) -> int:
        """Ticks that constraints make a state remember."""
        return (self.command_count + len(self.histories) * self.window) * self.nodes

    @property
    def command_count(self) -> int:
        """Commands whose legal ticks are kept."""
        return COMMAND_COUNT if self.device.pim else PLAIN_COMMAND_COUNT

    # -- state -----------------------------------------------------------------
    def new_state(self) -> Ints:
        """A channel on which nothing has happened: all rows closed, the first refresh ahead."""
        control, geometry = self.controller, self.geometry
        banks = geometry.banks
        entries = control.read_queue + control.write_queue
        slots = entries + banks + 1
        scalars = np.zeros(P_END, dtype=np.int64)
        scalars[S_FLOOR] = scalars[S_FLOOR_ROW] = 1
        scalars[S_NEXT_REFRESH] = self.refresh_interval_ticks
        scalars[S_FREE] = slots
        scalars[S_ACT2_BANK] = scalars[S_PAIR_TICK] = -1
        scalars[S_PIM_INPUT_BANK] = scalars[S_PIM_ROW] = scalars[S_PIM_OPENING] = -1
        transfers = max(1, self.clients * self.ring + (PIM_RING if self.device.pim else 0))

        def zeros(size: int) -> Ints:
            return np.zeros(size, dtype=np.int64)

        arrays = [
            zeros(self.command_count * self.nodes),
            zeros(len(self.histories) * self.nodes * self.window) - 1,
            zeros(banks) - 1, zeros(banks), zeros(banks), zeros(self.scopes), zeros(self.scopes),
            zeros(banks), zeros(geometry.counts[2]), zeros(geometry.counts[2]),
            *(zeros(slots) for _ in range(7)), np.arange(slots)[::-1].astype(np.int64),
            *(zeros(entries) for _ in range(9)), zeros(banks), zeros(banks + 1), zeros(banks + 1),
            *(zeros(self.asked) for _ in range(3)), zeros(5),
            zeros(self.clients), zeros(self.clients),
            *(zeros(transfers) for _ in range(6)), zeros(0 if self.clients else LATENCY_BINS),
            zeros(KINDS_OF_BINS * banks * self.bins), zeros(self.log),
            *new_pim_state(self.device, self.geometry, self.scopes),
        ]  # fmt: skip
        return pack(scalars, dict(enumerate(arrays, start=A_READY)))


def distinct_levels(geometry: Geometry) -> list[int]:
    """Levels with nodes of their own: a single rank is its channel, for all that binds it."""
    counts = geometry.counts
    return [level for level in range(len(counts)) if not level or counts[level] > counts[level - 1]]


def merged_level(level: int, geometry: Geometry, levels: list[int]) -> int:
    """Place among `levels` of the one that has the same nodes as `level`."""
    return max(place for place, kept in enumerate(levels) if kept <= level)


def merge_levels(
    constraints: tuple[Constraint, ...], geometry: Geometry, levels: list[int]
) -> tuple[Constraint, ...]:
    """Constraints at the levels that are kept, of several alike the longest."""
    longest: dict[Constraint, int] = {}
    for row in constraints:
        if row.siblings and row.level not in levels:
            continue  # the only node of its parent
        level = merged_level(row.level, geometry, levels)
        key = row._replace(level=level, delay_ticks=0)
        longest[key] = max(longest.get(key, 0), row.delay_ticks)
    return tuple(key._replace(delay_ticks=delay) for key, delay in longest.items())


def _sorted(rows: list[Constraint]) -> list[Constraint]:
    return sorted(rows, key=lambda row: row.before)


def _rows(rows: list[Constraint], fields: tuple[str, ...]) -> list[Ints]:
    """Where each preceding command's rows start, then the rows field by field."""
    ordered = _sorted(rows)
    columns = [_ints(int(getattr(row, field)) for row in ordered) for field in fields]
    return [_starts([row.before for row in ordered]), *columns]


def _starts(commands: list[int]) -> Ints:
    """Of sorted command numbers: where each command's start, and the end."""
    return _ints(np.searchsorted(commands, range(COMMAND_COUNT + 1)).tolist())
