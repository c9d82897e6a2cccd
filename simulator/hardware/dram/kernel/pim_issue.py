"""What happens when a command of the units of a memory that computes issues."""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_BANK_STAMP,
    A_PIM_GROUP_OPEN,
    A_PIM_OPEN_ROW,
    A_PIM_RUNS,
    A_PIM_SCOPE_OPEN,
    A_RANK_OPEN,
    A_RANK_SINCE,
    A_TRANSFER_DONE,
    A_TRANSFER_LEFT,
    C_BUSY,
    C_PIM_COMPS,
    C_PIM_LAST,
    C_PIM_TICKS,
    C_PIM_TILES,
    C_ROW_OPEN,
    COMPUTE,
    DRAIN,
    ENTER,
    HEADER,
    INPUT,
    K_BANKS,
    K_BURST_TICKS,
    K_PIM_CLOSE_BANKS,
    K_PIM_COMP_TICKS,
    K_PIM_CORRECTED,
    K_PIM_DOUBLE,
    K_PIM_ENTER,
    K_PIM_FILL_TICKS,
    K_PIM_GROUP_BANKS,
    K_PIM_INPUT_FROM_ROW,
    K_PIM_LEAVE,
    K_PIM_RESULTS,
    K_PIM_RING,
    K_READ_TICKS,
    LEAVE,
    RUN_COMPS,
    RUN_FIELDS,
    RUN_FIRST,
    RUN_INPUTS,
    RUN_KEEPS,
    RUN_SEGMENTS,
    RUN_SUMS,
    RUN_TILES,
    RUN_TRANSFER,
    S_FLOOR,
    S_FLOOR_ROW,
    S_PIM_AHEAD,
    S_PIM_FITS,
    S_PIM_HEAD,
    S_PIM_INPUTS,
    S_PIM_LENGTH,
    S_PIM_MODE,
    S_PIM_OPEN,
    S_PIM_OPENING,
    S_PIM_OWED,
    S_PIM_OWED_ROW,
    S_PIM_OWED_TILES,
    S_PIM_OWED_TRANSFER,
    S_PIM_ROW,
    S_PIM_SEGMENT,
    S_PIM_SINCE,
    S_PIM_SKIPS,
    S_PIM_SLACK,
    S_PIM_STAGE,
    S_PIM_STEP,
    S_PIM_SUMS,
    S_PIM_TILE,
    T_RANK_OF_BANK,
    T_SCOPE_OF_BANK,
    Ints,
)
from simulator.hardware.dram.kernel.pim import (
    begin_tile,
    run_at,
    sums_are_due,
    unit_row,
)
from simulator.hardware.dram.kernel.queues import finish
from simulator.hardware.dram.kernel.timing import note_command
from simulator.hardware.dram.kernel.unit_rows import NO_BANK
from simulator.hardware.dram.names import (
    COMP,
    COMPS_DONE,
    COMPS_READRES,
    FIRST_COMP,
    G_ACT,
    GWRITE,
    PIM_HEADER,
    PIM_MODE,
    READRES,
)


@compiled
def submit_run(
    t: Ints,
    m: Ints,
    bank: int,
    row: int,
    first: int,
    tiles: int,
    segments: int,
    comps: int,
    inputs: int,
    sums: int,
    keeps: int,
    transfer: int,
    now: int,
) -> None:
    """Append a run (`RUN_FIELDS`) to the units' queue at tick `now`.

    transfer: whose bursts are the run's tiles; -1 if nobody waits.
    """
    slot = (m[S_PIM_HEAD] + m[S_PIM_LENGTH]) % t[K_PIM_RING]
    at = m[A_PIM_RUNS] + slot * RUN_FIELDS
    m[at] = bank
    m[at + 1] = row
    m[at + RUN_FIRST] = first
    m[at + RUN_TILES] = tiles
    m[at + RUN_SEGMENTS] = segments
    m[at + RUN_COMPS] = comps
    m[at + RUN_INPUTS] = inputs
    m[at + RUN_SUMS] = sums
    m[at + RUN_KEEPS] = keeps
    m[at + RUN_TRANSFER] = transfer
    m[S_PIM_LENGTH] += 1
    if transfer >= 0:
        m[m[A_TRANSFER_LEFT] + transfer] += tiles
        m[m[A_TRANSFER_DONE] + transfer] = now
    if m[S_PIM_LENGTH] == 1:
        m[S_FLOOR] = max(m[S_FLOOR], now + 1)
        m[S_FLOOR_ROW] = max(m[S_FLOOR_ROW], now + 1)
        m[S_PIM_SINCE] = now
        _enter(t, m)
    elif m[S_PIM_STAGE] == DRAIN:  # it only waits for results, which may come out beside this one
        _pop(t, m)
        _start_run(m)


@compiled
def _enter(t: Ints, m: Ints) -> None:
    """The first run begins, when the memory has changed its mode."""
    m[S_PIM_MODE] = t[K_PIM_ENTER]
    if m[S_PIM_MODE]:
        m[S_PIM_STAGE] = ENTER
    else:
        _start_run(m)


@compiled
def _pop(t: Ints, m: Ints) -> None:
    """The run at the head of the queue is done."""
    m[S_PIM_HEAD] = (m[S_PIM_HEAD] + 1) % t[K_PIM_RING]
    m[S_PIM_LENGTH] -= 1


@compiled
def _start_run(m: Ints) -> None:
    """The run at the head of the queue begins; some of its input may be there already."""
    m[S_PIM_INPUTS] = m[run_at(m) + RUN_INPUTS] - m[S_PIM_AHEAD]
    m[S_PIM_STAGE] = INPUT if m[S_PIM_INPUTS] else HEADER
    m[S_PIM_AHEAD] = 0
    m[S_PIM_TILE] = 0
    m[S_PIM_SEGMENT] = 0
    m[S_PIM_STEP] = 0
    m[S_PIM_FITS] = 0


@compiled
def after_pim(t: Ints, m: Ints, command: int, bank: int, tick: int) -> None:
    """What a command of the units changes, rows of the ordinary buffers aside."""
    if command == GWRITE:
        if not t[K_PIM_INPUT_FROM_ROW]:
            m[C_BUSY] += t[K_BURST_TICKS]
        if m[S_PIM_STAGE] != INPUT:
            m[S_PIM_AHEAD] += 1
            return
        m[S_PIM_INPUTS] -= 1
        if not m[S_PIM_INPUTS]:
            m[S_PIM_STAGE] = HEADER
            m[S_PIM_FITS] = 0
    elif command == PIM_HEADER:
        begin_tile(t, m, tick)
    elif command == G_ACT:
        _open_group(t, m, bank, tick)
    elif command == READRES and m[S_PIM_OWED]:
        _read_owed(t, m, tick)
    elif command in (COMPS_READRES, COMP, READRES):
        _compute(t, m, command, tick)
    elif command == PIM_MODE:
        _change_mode(t, m, tick)


@compiled
def _compute(t: Ints, m: Ints, command: int, tick: int) -> None:
    """Segments go on; a tile is done with the last result of its last segment."""
    at = run_at(m)
    comps = m[at + RUN_COMPS]
    out = tick
    if command == COMPS_READRES:
        done = tick + max(comps * t[K_PIM_COMP_TICKS], t[K_PIM_FILL_TICKS])
        note_command(t, m, COMPS_DONE, 0, done)
        if t[K_PIM_CORRECTED]:
            out = done
        m[C_PIM_COMPS] += comps
        m[C_BUSY] += t[K_BURST_TICKS]
        out += t[K_READ_TICKS]
    elif command == COMP:
        if not m[S_PIM_STEP]:
            note_command(t, m, FIRST_COMP, 0, tick)
        m[C_PIM_COMPS] += 1
        m[S_PIM_STEP] += 1
        if m[S_PIM_STEP] < comps:
            return
        if not sums_are_due(m, at):
            m[S_PIM_SUMS] += 1 - m[at + RUN_KEEPS]
        elif t[K_PIM_DOUBLE]:
            m[S_PIM_SUMS] = 0
            m[S_PIM_OWED] = t[K_PIM_RESULTS]
            m[S_PIM_OWED_ROW] = m[at + RUN_FIRST] + m[S_PIM_TILE]
        else:
            return  # the results follow
    else:
        m[S_PIM_STEP] += 1
        m[C_BUSY] += t[K_BURST_TICKS]
        if m[S_PIM_STEP] < comps + t[K_PIM_RESULTS]:
            return
        m[S_PIM_SUMS] = 0
        out += t[K_READ_TICKS]
    m[C_PIM_LAST] = max(m[C_PIM_LAST], out)
    m[S_PIM_STEP] = 0
    m[S_PIM_SEGMENT] += 1
    if m[S_PIM_SEGMENT] == m[at + RUN_SEGMENTS]:
        _finish_tile(t, m, at, tick, out)


@compiled
def _finish_tile(t: Ints, m: Ints, at: int, tick: int, out: int) -> None:
    """The tile's products are added up, and its results out, unless they are owed."""
    m[C_PIM_TILES] += 1
    m[S_PIM_SEGMENT] = 0
    m[S_PIM_TILE] += 1
    m[S_PIM_STAGE] = HEADER
    m[S_PIM_FITS] = 0
    if m[S_PIM_TILE] < m[at + RUN_TILES]:
        finish(m, m[at + RUN_TRANSFER], out)
        return
    if not m[S_PIM_OWED]:
        finish(m, m[at + RUN_TRANSFER], out)
        _finish_run(t, m, tick)
        return
    m[S_PIM_OWED_TILES] = 1
    m[S_PIM_OWED_TRANSFER] = m[at + RUN_TRANSFER]
    if m[S_PIM_LENGTH] > 1:
        _finish_run(t, m, tick)
    else:
        m[S_PIM_STAGE] = DRAIN


@compiled
def _read_owed(t: Ints, m: Ints, tick: int) -> None:
    """A burst of results that come out beside the next tile."""
    m[C_BUSY] += t[K_BURST_TICKS]
    m[S_PIM_OWED] -= 1
    m[C_PIM_LAST] = max(m[C_PIM_LAST], tick + t[K_READ_TICKS])
    if m[S_PIM_OWED] or not m[S_PIM_OWED_TILES]:
        return
    m[S_PIM_OWED_TILES] = 0
    finish(m, m[S_PIM_OWED_TRANSFER], tick + t[K_READ_TICKS])
    if m[S_PIM_STAGE] == DRAIN:
        _finish_run(t, m, tick)


@compiled
def _change_mode(t: Ints, m: Ints, tick: int) -> None:
    """One of the commands that lead to the units, or back to requests."""
    m[S_PIM_MODE] -= 1
    m[C_PIM_LAST] = max(m[C_PIM_LAST], tick + 1)
    if m[S_PIM_MODE]:
        return
    if m[S_PIM_STAGE] == ENTER:
        _start_run(m)
        return
    _pop(t, m)
    if m[S_PIM_LENGTH]:
        _enter(t, m)
    else:
        _rest(t, m, tick)


@compiled
def _finish_run(t: Ints, m: Ints, tick: int) -> None:
    """On to the next run, or back to requests."""
    if m[S_PIM_LENGTH] == 1 and t[K_PIM_LEAVE]:
        m[S_PIM_STAGE] = LEAVE
        m[S_PIM_MODE] = t[K_PIM_LEAVE]
        return
    _pop(t, m)
    if m[S_PIM_LENGTH]:
        _start_run(m)
    else:
        _rest(t, m, tick)


@compiled
def _rest(t: Ints, m: Ints, tick: int) -> None:
    """The units have nothing left to do."""
    m[C_PIM_TICKS] += tick + 1 - m[S_PIM_SINCE]
    m[S_PIM_SLACK] = 0
    for bank in range(t[K_BANKS]):  # what requests need next may have changed everywhere
        m[m[A_BANK_STAMP] + bank] += 1


@compiled
def _open_group(t: Ints, m: Ints, bank: int, tick: int) -> None:
    """The row of the tile at hand is open for the units in the banks of a group."""
    m[S_PIM_OPENING] = NO_BANK
    m[S_PIM_ROW] = unit_row(t, m)
    size = t[K_PIM_GROUP_BANKS]
    for each in range(bank, bank + size):
        m[m[A_PIM_OPEN_ROW] + each] = m[S_PIM_ROW]
        m[m[A_PIM_SCOPE_OPEN] + t[t[T_SCOPE_OF_BANK] + each]] += 1
        rank = t[t[T_RANK_OF_BANK] + each]
        if not m[m[A_RANK_OPEN] + rank]:
            m[m[A_RANK_SINCE] + rank] = tick
        m[m[A_RANK_OPEN] + rank] += 1
    m[m[A_PIM_GROUP_OPEN] + bank // size] = size
    m[S_PIM_OPEN] += size


@compiled
def close_for_pim(t: Ints, m: Ints, bank: int, tick: int) -> None:
    """PIM_PRECHARGE of a bank: it closes the units' rows of as many banks as the device says."""
    size = t[K_PIM_CLOSE_BANKS]
    first = bank // size * size
    m[S_PIM_OPENING] = NO_BANK
    for each in range(first, first + size):
        if m[m[A_PIM_OPEN_ROW] + each] < 0:
            continue
        m[m[A_PIM_OPEN_ROW] + each] = -1
        m[m[A_BANK_STAMP] + each] += 1
        m[m[A_PIM_GROUP_OPEN] + each // t[K_PIM_GROUP_BANKS]] -= 1
        m[m[A_PIM_SCOPE_OPEN] + t[t[T_SCOPE_OF_BANK] + each]] -= 1
        m[S_PIM_OPEN] -= 1
        rank = t[t[T_RANK_OF_BANK] + each]
        m[m[A_RANK_OPEN] + rank] -= 1
        if not m[m[A_RANK_OPEN] + rank]:
            m[C_ROW_OPEN] += tick - m[m[A_RANK_SINCE] + rank]


@compiled
def refreshed(t: Ints, m: Ints) -> None:
    """A refresh has issued: what did not fit before it may be tried again."""
    m[S_PIM_SKIPS] = 0
    if m[S_PIM_STAGE] != COMPUTE:
        m[S_PIM_FITS] = 0
    elif not t[K_PIM_CORRECTED]:
        m[S_PIM_SLACK] = 0
