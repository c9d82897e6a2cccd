"""What the units of a memory that computes do next, and whether requests may go on beside them.

Runs are served in order. A run loads its input (a row of a bank, through that bank's
ordinary row buffer, or bursts over the bus), then goes through its tiles: rows of the
last tile are closed, the tile is announced (PIM_HEADER), its row is opened in all banks,
group by group, and the units multiply and add, segment by segment. Sums come out behind
every segment, or when registers for them are full.

With double buffers, results come out and the next run's input goes in beside the tile at hand.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_BANK_ACTIVE,
    A_OPEN_ROW,
    A_PIM_GROUP_OPEN,
    A_PIM_RUNS,
    COMPUTE,
    DRAIN,
    ENTER,
    FAR,
    HEADER,
    INPUT,
    K_BANKS,
    K_FIT_CLOSE,
    K_FIT_CLOSED_ROW,
    K_FIT_COMP,
    K_FIT_FIRST,
    K_FIT_LEAST_COMPS,
    K_FIT_OPEN,
    K_FIT_OTHER_ROW,
    K_FIT_RESULT,
    K_FIT_TESTS,
    K_PIM_ANNOUNCES,
    K_PIM_BUFFERS,
    K_PIM_COMP_TICKS,
    K_PIM_COMPOSITE,
    K_PIM_CORRECTED,
    K_PIM_DOUBLE,
    K_PIM_FILL_TICKS,
    K_PIM_FINISHES,
    K_PIM_GROUP_BANKS,
    K_PIM_INPUT_FROM_ROW,
    K_PIM_INPUT_TICKS,
    K_PIM_RANKS,
    K_PIM_REGISTER_ROW,
    K_PIM_RING,
    K_SLACK_ACT,
    K_SLACK_ANY,
    K_SLACK_PRE,
    LEAVE,
    RUN_BANK,
    RUN_COMPS,
    RUN_FIELDS,
    RUN_FIRST,
    RUN_INPUTS,
    RUN_KEEPS,
    RUN_ROW,
    RUN_SEGMENTS,
    RUN_SUMS,
    RUN_TILES,
    S_ACTIVE,
    S_FLOOR,
    S_NEXT_REFRESH,
    S_PIM_AHEAD,
    S_PIM_FITS,
    S_PIM_HEAD,
    S_PIM_INPUT_BANK,
    S_PIM_LENGTH,
    S_PIM_OPEN,
    S_PIM_OWED,
    S_PIM_ROW,
    S_PIM_SEGMENT,
    S_PIM_SKIPS,
    S_PIM_SLACK,
    S_PIM_STAGE,
    S_PIM_STEP,
    S_PIM_SUMS,
    S_PIM_TILE,
    S_PRIORITY,
    S_READS,
    S_WRITES,
    Ints,
)
from simulator.hardware.dram.kernel.timing import bus_is_free, earliest
from simulator.hardware.dram.kernel.unit_rows import (
    NO_BANK,
    is_in_the_way,
    is_taken,
    next_to_close,
    next_to_open,
)
from simulator.hardware.dram.names import (
    ACT,
    COMP,
    COMPS_READRES,
    G_ACT,
    GWRITE,
    PIM_HEADER,
    PIM_MODE,
    PIM_PRE,
    PRE,
    RD,
    READRES,
    WR,
)


@compiled
def run_at(m: Ints) -> int:
    """Where the run at the head of the queue lies."""
    return m[A_PIM_RUNS] + m[S_PIM_HEAD] * RUN_FIELDS


@compiled
def following_run_at(t: Ints, m: Ints) -> int:
    """Where the run behind it lies, if there is one."""
    return m[A_PIM_RUNS] + (m[S_PIM_HEAD] + 1) % t[K_PIM_RING] * RUN_FIELDS


@compiled
def pim_waits(m: Ints) -> bool:
    """Whether the units have work, and may do it before the next refresh."""
    return m[S_PIM_LENGTH] > 0 and not m[S_PIM_SKIPS]


@compiled
def gives_way(t: Ints, m: Ints) -> bool:
    """Whether the units wait for a refresh, which itself may have to wait for an open tile."""
    if not m[S_PRIORITY]:
        return False
    in_tile = m[S_PIM_LENGTH] > 0 and m[S_PIM_STAGE] == COMPUTE and m[S_PIM_OPEN] == t[K_BANKS]
    return not (t[K_PIM_FINISHES] and in_tile)


@compiled
def pim_shuts_out(t: Ints, m: Ints) -> bool:
    """Whether the units have all banks to themselves: no request enters before they are done."""
    return t[K_PIM_BUFFERS] == 1 and m[S_PIM_LENGTH] > 0


@compiled
def pim_next(t: Ints, m: Ints) -> tuple[int, int, int]:
    """The next command of the units: first legal tick (FAR if there is none), command, bank."""
    idle = m[S_READS] == 0 and m[S_WRITES] == 0 and m[S_ACTIVE] == 0
    if gives_way(t, m) or not pim_waits(m) or (t[K_PIM_BUFFERS] == 1 and not idle):
        return FAR, 0, 0
    if m[S_PIM_STAGE] in (ENTER, LEAVE):
        return earliest(t, m, PIM_MODE, 0), PIM_MODE, 0
    if m[S_PIM_STAGE] == DRAIN:
        return FAR, 0, 0
    at = run_at(m)
    if m[S_PIM_STAGE] != COMPUTE and not m[S_PIM_FITS]:
        if not _fits(t, m, at):
            m[S_PIM_SKIPS] = 1
            m[S_PIM_SLACK] = 0
            m[S_PIM_INPUT_BANK] = NO_BANK
            return FAR, 0, 0
        if m[S_PIM_STAGE] == INPUT and t[K_PIM_INPUT_FROM_ROW]:
            m[S_PIM_INPUT_BANK] = m[at + RUN_BANK]
    if m[S_PIM_STAGE] == INPUT:
        return _next_of_input(t, m, at)
    row = m[at + RUN_FIRST] + m[S_PIM_TILE]
    if m[S_PIM_STAGE] == HEADER:
        tick, command, bank = _next_of_header(t, m, row)
        if command != PIM_HEADER or t[K_PIM_ANNOUNCES]:
            return tick, command, bank
        begin_tile(t, m, m[S_FLOOR])
    return _next_of_tile(t, m, at)


@compiled
def results_next(t: Ints, m: Ints) -> int:
    """First legal tick of results that come out beside the next tile; FAR if none are owed."""
    if gives_way(t, m) or not m[S_PIM_OWED]:
        return FAR
    return earliest(t, m, READRES, 0)


@compiled
def input_next(t: Ints, m: Ints) -> int:
    """First legal tick of the following run's input beside the tile at hand; FAR if none waits."""
    if not t[K_PIM_DOUBLE] or gives_way(t, m) or not pim_waits(m) or m[S_PIM_LENGTH] < 2:
        return FAR
    if m[S_PIM_STAGE] not in (HEADER, COMPUTE):
        return FAR
    if m[S_PIM_AHEAD] >= m[following_run_at(t, m) + RUN_INPUTS]:
        return FAR
    return earliest(t, m, GWRITE, 0)


@compiled
def begin_tile(t: Ints, m: Ints, tick: int) -> None:
    """The tile at hand is announced at `tick`, or begins without."""
    m[S_PIM_SLACK] = FAR
    if t[K_FIT_TESTS]:
        m[S_PIM_SLACK] = max(m[S_NEXT_REFRESH] - tick - tile_ticks(t, m, run_at(m)), 0)
    m[S_PIM_STAGE] = COMPUTE
    m[S_PIM_INPUT_BANK] = NO_BANK


@compiled
def sums_are_due(m: Ints, at: int) -> bool:
    """Whether sums are read out when the segment at hand has been added up."""
    if m[at + RUN_KEEPS]:
        return False
    last = m[S_PIM_SEGMENT] + 1 == m[at + RUN_SEGMENTS] and m[S_PIM_TILE] + 1 == m[at + RUN_TILES]
    return last or m[S_PIM_SUMS] + 1 >= m[at + RUN_SUMS]


@compiled
def _next_of_input(t: Ints, m: Ints, at: int) -> tuple[int, int, int]:
    """GWRITE, or what opens its row in the ordinary row buffer, or that of the registers."""
    if not t[K_PIM_INPUT_FROM_ROW]:
        if t[K_PIM_REGISTER_ROW] >= 0:
            tick, command, bank = _next_of_header(t, m, t[K_PIM_REGISTER_ROW])
            if command != PIM_HEADER:
                return tick, command, bank
            if m[S_PIM_OPEN] < t[K_BANKS]:
                tick, bank = next_to_open(t, m)
                return tick, G_ACT, bank
        return earliest(t, m, GWRITE, 0), GWRITE, 0
    bank, row = m[at + RUN_BANK], m[at + RUN_ROW]
    opened = m[m[A_OPEN_ROW] + bank]
    if opened >= 0 and opened != row and m[m[A_BANK_ACTIVE] + bank]:
        return FAR, 0, 0  # a request that the row was opened for goes first
    command = PRE
    if opened == row:
        command = GWRITE
    elif opened < 0:
        command = PIM_PRE if is_taken(t, m, bank, row) else ACT
    return earliest(t, m, command, bank), command, bank


@compiled
def _next_of_header(t: Ints, m: Ints, row: int) -> tuple[int, int, int]:
    """PIM_HEADER, or a precharge that has to come before it."""
    best, target = next_to_close(t, m, row)
    command = PIM_PRE if best < FAR else PIM_HEADER
    for bank in range(t[K_BANKS]):
        if is_in_the_way(t, m, bank, row):
            if m[m[A_BANK_ACTIVE] + bank]:
                return FAR, 0, 0  # a request that the row was opened for goes first
            tick = max(earliest(t, m, PRE, bank), bus_is_free(t, m, PRE))
            if tick < best:
                best, command, target = tick, PRE, bank
    if command == PIM_HEADER:
        best = earliest(t, m, PIM_HEADER, 0)
    return best, command, target


@compiled
def _next_of_tile(t: Ints, m: Ints, at: int) -> tuple[int, int, int]:
    """G_ACT while the row is not open everywhere, then what the units do."""
    if m[S_PIM_OPEN] < t[K_BANKS]:
        tick, bank = next_to_open(t, m)
        return tick, G_ACT, bank
    comps = m[at + RUN_COMPS]
    command = COMP if m[S_PIM_STEP] < comps else READRES
    if m[S_PIM_OWED] and m[S_PIM_STEP] + 1 == comps and sums_are_due(m, at):
        return FAR, 0, 0  # the registers for results are still in use
    if t[K_PIM_COMPOSITE]:
        command = COMPS_READRES
    return earliest(t, m, command, 0), command, 0


@compiled
def unit_row(t: Ints, m: Ints) -> int:
    """The row that the units have open, or want: of the tile at hand, or of their registers."""
    if m[S_PIM_STAGE] == INPUT:
        return t[K_PIM_REGISTER_ROW]
    return m[run_at(m) + RUN_FIRST] + m[S_PIM_TILE]


# -- refresh -----------------------------------------------------------------------
@compiled
def _fits(t: Ints, m: Ints, at: int) -> bool:
    """Whether the input or the tile at hand is done before the next refresh falls due.

    Notes what is left over then: the slack.
    """
    if not t[K_FIT_TESTS]:
        m[S_PIM_FITS] = 1
        m[S_PIM_SLACK] = FAR
        return True
    tick = m[S_FLOOR]
    lasts = _input_ticks(t, m, at) if m[S_PIM_STAGE] == INPUT else tile_ticks(t, m, at)
    slack = m[S_NEXT_REFRESH] - tick - lasts
    m[S_PIM_FITS] = int(slack > 0)
    m[S_PIM_SLACK] = max(slack, 0)
    return slack > 0


@compiled
def _input_ticks(t: Ints, m: Ints, at: int) -> int:
    """Ticks that an input is expected to take."""
    if not t[K_PIM_INPUT_FROM_ROW]:
        return m[at + RUN_INPUTS] * t[K_PIM_INPUT_TICKS]
    opened = m[m[A_OPEN_ROW] + m[at + RUN_BANK]]
    ticks = t[K_PIM_INPUT_TICKS]
    if opened < 0:
        ticks += t[K_FIT_CLOSED_ROW]
    elif opened != m[at + RUN_ROW]:
        ticks += t[K_FIT_OTHER_ROW]
    return ticks


@compiled
def tile_ticks(t: Ints, m: Ints, at: int) -> int:
    """Ticks that the tile at hand is expected to take, from its first precharge on."""
    row, size = m[at + RUN_FIRST] + m[S_PIM_TILE], t[K_PIM_GROUP_BANKS]
    closes, opens = 0, 0
    for group in range(t[K_BANKS] // size):
        count = m[m[A_PIM_GROUP_OPEN] + group]
        if count < size or m[S_PIM_ROW] != row:
            closes += count
            opens += 1
    segments, comps = m[at + RUN_SEGMENTS], m[at + RUN_COMPS]
    ticks = closes * t[K_FIT_CLOSE] + t[K_FIT_FIRST]
    ticks += max(0, opens // t[K_PIM_RANKS] - 1) * t[K_FIT_OPEN]
    if t[K_PIM_CORRECTED]:
        segment = max(comps * t[K_PIM_COMP_TICKS], t[K_PIM_FILL_TICKS])
        return ticks + segments * (segment + t[K_FIT_RESULT])
    announced = max(_power_of_two(segments * comps), t[K_FIT_LEAST_COMPS])
    return ticks + announced * t[K_FIT_COMP] + (_power_of_two(segments) - 1) * t[K_FIT_RESULT]


@compiled
def _power_of_two(count: int) -> int:
    """The next power of two: a header has no room for other counts."""
    power = 1
    while power < count:
        power *= 2
    return power


# -- requests ----------------------------------------------------------------------
@compiled
def lets_in(t: Ints, m: Ints) -> bool:
    """Whether the slack before the next refresh leaves room for requests at all."""
    return not pim_waits(m) or t[K_PIM_BUFFERS] == 1 or m[S_PIM_SLACK] >= t[K_SLACK_ANY]


@compiled
def beside_pim(t: Ints, m: Ints, command: int, bank: int, row: int) -> int:
    """What a request's next command becomes beside the units; -1 if it has to wait.

    command: what it would be without them. With one row buffer, units wait for requests
    that have entered, and rows that they left open are in the way.
    """
    if t[K_PIM_BUFFERS] == 1:
        return PIM_PRE if command == ACT and is_taken(t, m, bank, row) else command
    busy = pim_waits(m)
    if m[S_PIM_LENGTH] and m[S_PIM_STAGE] != INPUT:
        at = run_at(m)
        if row == m[at + RUN_FIRST] + m[S_PIM_TILE]:
            return -1
    if m[S_PIM_INPUT_BANK] == bank:
        return -1
    if command in (RD, WR):
        return command
    if command == PRE:
        return -1 if busy and m[S_PIM_SLACK] <= t[K_SLACK_PRE] else command
    if is_taken(t, m, bank, row):
        return -1 if m[S_PIM_LENGTH] else PIM_PRE
    return -1 if busy and m[S_PIM_SLACK] <= t[K_SLACK_ACT] else command
