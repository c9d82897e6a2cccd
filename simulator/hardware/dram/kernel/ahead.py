"""Channels of a memory, found out ahead of time: all that is asked for at once in one call.

Groups of channels that do the same have a row each in `g` and `p`. `p` holds up to `DEPTH`
states of a group, one behind the other in time: the present one first, then those ahead of
it. What will happen if nothing is submitted is so found out once; time that passes makes
states present one by one, and what is submitted goes into those that it finds, as long as
it changes nothing in them but what waits.

`used` are the rows of the groups that there are, `slots` says in which row a channel is,
`heads` which of each client's transfers ends next, `orders` what has been submitted now.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.kernel.layout import (
    A_OPEN_ROW,
    A_PIM_GROUP_OPEN,
    A_PIM_OPEN_ROW,
    A_RING_LENGTH,
    A_ROW_HITS,
    A_TRANSFER_DONE,
    A_TRANSFER_LEFT,
    FAR,
    K_PIM_DOUBLE,
    K_READ_TICKS,
    K_WRITE_TICKS,
    S_ACT2_BANK,
    S_ACTIVE,
    S_COMING,
    S_COMPLETED,
    S_NEXT_REFRESH,
    S_PIM_LENGTH,
    S_PRIORITY,
    S_READS,
    S_TICK,
    S_WRITES,
    Ints,
)
from simulator.hardware.dram.kernel.loop import run, submit
from simulator.hardware.dram.kernel.pim_issue import submit_run

DEPTH, APART_TICKS = 4, 1024
"""States kept of a group, and how far apart at least: those of 32 channels should stay in the
processor's cache. The last one goes on by itself while it is nearer, or all are taken."""

# A group: the tick up to which time has passed, the one up to which the present state has
# been served, the one up to which the last state is known, which is the first state, and how
# many are ahead of it.
G_FIELDS = 5
G_NOW, G_SERVED, G_SEEN, G_FIRST, G_AHEAD = range(G_FIELDS)

# The head of a client's transfers: its number, -1 if there is none, and the only channel that it
# goes to, -1 if it goes to all.
HEAD_FIELDS = 2
HEAD_NUMBER, HEAD_CHANNEL = range(HEAD_FIELDS)
NOBODY, EVERYWHERE = -1, -1

# What is submitted: to which row, EVERYWHERE for all, and the arguments of `submit`, or those of
# `submit_run` if the client is NOBODY.
ORDER_FIELDS = 12
ORDER_ROW, ORDER_CLIENT, ORDER_FIRST = range(3)

BRING, SERVE, LOOK = range(3)
"""What `go_on` is to do."""
BUSY = -1
LOOK_FACTOR, LOOK_MASK = 1_000_003, (1 << 40) - 1


@compiled
def _place(g: Ints, i: int, ahead: int) -> int:
    """Where a state of a group lies; 0 is the present one."""
    return (g[i, G_FIRST] + ahead) % DEPTH


# -- time --------------------------------------------------------------------------
@compiled
def _serve(t: Ints, x: Ints, g: Ints, p: Ints, i: int) -> None:
    """Bring the present state of a group up to its tick."""
    if g[i, G_SERVED] < g[i, G_NOW]:
        run(t, p[i, g[i, G_FIRST]], x, x[:0], g[i, G_NOW], True)
        g[i, G_SERVED] = g[i, G_NOW]


@compiled
def _bring(t: Ints, x: Ints, g: Ints, p: Ints, i: int, now: int) -> None:
    """Let time pass for a group up to tick `now`."""
    if g[i, G_NOW] == now:
        return
    g[i, G_NOW] = now
    while g[i, G_AHEAD] and p[i, _place(g, i, 1), S_TICK] <= now:
        g[i, G_FIRST] = _place(g, i, 1)
        g[i, G_AHEAD] -= 1
        g[i, G_SERVED] = -1
    if not g[i, G_AHEAD]:
        _serve(t, x, g, p, i)
        g[i, G_SEEN] = now


@compiled
def _may_be_idle(g: Ints, p: Ints, i: int) -> bool:
    """Whether nothing known says that a group has work now.

    What waits in a state ahead has waited before.
    """
    first = 1 if g[i, G_AHEAD] else 0
    m = p[i, _place(g, i, first)]
    if m[S_COMING] or m[S_PIM_LENGTH]:
        return False
    if first:
        return True
    return (
        m[S_READS] == 0
        and m[S_WRITES] == 0
        and m[S_ACTIVE] == 0
        and m[S_PRIORITY] == 0
        and m[S_ACT2_BANK] < 0
    )


@compiled
def _look(m: Ints) -> int:
    """A number that is the same for equal idle states, from the rows that are open in them."""
    look = m[S_NEXT_REFRESH]
    for place in range(m[A_OPEN_ROW], m[A_ROW_HITS]):
        look = (look * LOOK_FACTOR + m[place]) & LOOK_MASK
    for place in range(m[A_PIM_OPEN_ROW], m[A_PIM_GROUP_OPEN]):
        look = (look * LOOK_FACTOR + m[place]) & LOOK_MASK
    return look


@compiled
def _is_near(g: Ints, p: Ints, i: int) -> bool:
    """Whether the last state ahead is little ahead of the one before."""
    if not g[i, G_AHEAD]:
        return False
    last, before = _place(g, i, g[i, G_AHEAD]), _place(g, i, g[i, G_AHEAD] - 1)
    return p[i, last, S_TICK] - p[i, before, S_TICK] < APART_TICKS


@compiled
def _look_ahead(t: Ints, x: Ints, g: Ints, p: Ints, i: int, now: int, step: int) -> None:
    """Find out a little more of a group: `step` ticks, or up to where a transfer is complete.

    Time passes up to tick `now` first.
    """
    _bring(t, x, g, p, i, now)
    last = _place(g, i, g[i, G_AHEAD])
    if g[i, G_AHEAD] < DEPTH - 1 and not _is_near(g, p, i):
        before, last = last, (last + 1) % DEPTH
        old, new = p[i, before], p[i, last]
        for place in range(len(old)):
            new[place] = old[place]
        g[i, G_AHEAD] += 1
    m = p[i, last]
    m[S_COMPLETED] = 0
    until = g[i, G_SEEN] + step
    run(t, m, x, x[:0], until, False)
    reached = m[S_TICK] - 1  # more may happen in that tick itself
    g[i, G_SEEN] = reached if m[S_COMPLETED] else max(until, reached)


# -- ends of transfers -------------------------------------------------------------
@compiled
def _end_in_group(t: Ints, g: Ints, p: Ints, i: int, number: int) -> tuple[int, bool]:
    """Tick of a transfer's last data, and True if it is issued; else one before, and False."""
    m = p[i, _place(g, i, g[i, G_AHEAD])]
    if m[m[A_TRANSFER_LEFT] + number]:
        return g[i, G_SEEN] + 1 + min(t[K_READ_TICKS], t[K_WRITE_TICKS]), False
    return m[m[A_TRANSFER_DONE] + number], True


@compiled
def _end(
    t: Ints, g: Ints, p: Ints, used: Ints, slots: Ints, number: int, channel: int
) -> tuple[int, bool]:
    """As `_end_in_group`, on its channel, or the last of all."""
    if channel != EVERYWHERE:
        return _end_in_group(t, g, p, slots[channel], number)
    latest, certain = 0, True
    for i in used:
        tick, known = _end_in_group(t, g, p, i, number)
        latest, certain = max(latest, tick), certain and known
    return latest, certain


@compiled
def _next_end(
    t: Ints, x: Ints, g: Ints, p: Ints, used: Ints, slots: Ints, heads: Ints,
    now: int, limit: int, step: int,
) -> int:  # fmt: skip
    """Tick of the next last data of a client's head; one before, behind `limit`, if not known.

    FAR if nobody waits.
    """
    while True:
        first, end, certain = NOBODY, FAR, False
        for client in range(len(heads)):
            number, channel = heads[client, HEAD_NUMBER], heads[client, HEAD_CHANNEL]
            if number == NOBODY:
                continue
            tick, known = _end(t, g, p, used, slots, number, channel)
            if tick < end or (tick == end and certain and not known):
                first, end, certain = client, tick, known
        if first == NOBODY or certain or end > limit:
            return end
        number, channel = heads[first, HEAD_NUMBER], heads[first, HEAD_CHANNEL]
        for i in used:
            concerned = channel == EVERYWHERE or i == slots[channel]
            if concerned and not _end_in_group(t, g, p, i, number)[1]:
                _look_ahead(t, x, g, p, i, now, step)


@compiled
def ended(
    t: Ints, g: Ints, p: Ints, used: Ints, slots: Ints, heads: Ints, data_by: int, found: Ints
) -> int:
    """Write the clients whose heads had moved their last data by tick `data_by` to `found`.

    Returns how many; -1 if groups have to be brought to the present to know.
    """
    count = 0
    for client in range(len(heads)):
        number = heads[client, HEAD_NUMBER]
        if number == NOBODY:
            continue
        tick, known = _end(t, g, p, used, slots, number, heads[client, HEAD_CHANNEL])
        if tick <= data_by:
            if not known:
                return -1
            found[count] = client
            count += 1
    return count


# -- what is submitted -------------------------------------------------------------
@compiled
def _submit(t: Ints, x: Ints, g: Ints, p: Ints, i: int, order: Ints, now: int) -> None:
    """A transfer, or work for the units, arrives at each channel of a group.

    Where transfers of its client have yet to enter, another one has no effect before;
    nor has a run of the units while they have other work.
    """
    _bring(t, x, g, p, i, now)
    client, count = order[ORDER_CLIENT], order[ORDER_FIRST + 1]
    kept = 0
    while kept < g[i, G_AHEAD]:
        m = p[i, _place(g, i, kept + 1)]
        if client == NOBODY:
            if t[K_PIM_DOUBLE] or not m[S_PIM_LENGTH]:
                break
        elif count and not m[m[A_RING_LENGTH] + client]:
            break
        kept += 1
    if kept < g[i, G_AHEAD]:
        g[i, G_AHEAD] = kept
        g[i, G_SEEN] = p[i, _place(g, i, kept), S_TICK] - 1 if kept else now
    if not kept:
        _serve(t, x, g, p, i)
        m = p[i, g[i, G_FIRST]]
        m[S_TICK] = max(m[S_TICK], now)
    o = order[ORDER_FIRST:]
    for ahead in range(kept + 1):
        m = p[i, _place(g, i, ahead)]
        if client == NOBODY:
            submit_run(
                t, m, o[0], o[1], o[2], o[3], o[4], o[5], o[6], o[7], o[8], o[9], now,
            )  # fmt: skip
        else:
            submit(t, m, client, o[0], o[1], o[2], o[3], now)


@compiled
def go_on(
    t: Ints, x: Ints, g: Ints, p: Ints, used: Ints, slots: Ints, heads: Ints, orders: Ints,
    looks: Ints, now: int, step: int, limit: int, what: int,
) -> int:  # fmt: skip
    """All that lets time pass, in one function: it is compiled with `run` inside it.

    First, at tick `now`, submits `orders`. BRING: lets time pass for the groups; `looks`
    of those that may be idle differ if their states do, others are BUSY. SERVE: also serves
    their present states. LOOK: finds out what happens, `step` ticks at a time, and returns
    as `_next_end`.
    """
    for number in range(len(orders)):
        row = orders[number, ORDER_ROW]
        for i in used:
            if row in (EVERYWHERE, i):
                _submit(t, x, g, p, i, orders[number], now)
    if what == LOOK:
        return _next_end(t, x, g, p, used, slots, heads, now, limit, step)
    for place in range(len(used)):
        i = used[place]
        _bring(t, x, g, p, i, now)
        if what == SERVE:
            _serve(t, x, g, p, i)
        elif _may_be_idle(g, p, i):
            _serve(t, x, g, p, i)
            looks[place] = _look(p[i, g[i, G_FIRST]])
        else:
            looks[place] = BUSY
    return 0
