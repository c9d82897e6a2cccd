"""Two equal states of a loop, what must hold between them, and the jump they allow."""

from __future__ import annotations

from simulator.engine.dma import DmaQueue
from simulator.engine.moment import Moment, Parts, QueueMoment
from simulator.engine.queue import CommandQueue
from simulator.engine.sequencer import Frame


def find_jump(parts: Parts, frame: Frame, then: Moment, now: Moment) -> Jump | None:
    """The longest jump over whole periods, None if something does not repeat after all."""
    jump = Jump(parts, frame, then, now)
    if not (jump.clocks_agree() and jump.queues_agree() and jump.accounts_agree()):
        return None
    jump.periods = min(jump.periods, jump.periods_with_tokens())
    while jump.periods > 0 and not jump.keeps_apart():
        jump.periods -= 1
    return jump if jump.periods > 0 else None


class Jump:
    """`periods` times the `iterations` that lie between two moments of equal state."""

    def __init__(self, parts: Parts, frame: Frame, then: Moment, now: Moment) -> None:
        self.parts = parts
        self.frame = frame
        self.then = then
        self.now = now
        self.duration_fs = now.time_fs - then.time_fs
        self.iterations = now.iteration - then.iteration
        self.periods = (frame.code.count - 1 - now.iteration) // self.iterations

    # -- what must hold --------------------------------------------------------
    def clocks_agree(self) -> bool:
        """Every clock that was used is at the same phase in both moments."""
        used = {
            queue.period_fs
            for queue, old in zip(self.parts.queues, self.then.queues, strict=True)
            if queue.wakes != old.wakes
        }
        if self.now.submitted != self.then.submitted:
            used.add(self.parts.memory.period_fs)
        return all(self.duration_fs % period_fs == 0 for period_fs in used)

    def queues_agree(self) -> bool:
        """The times of every queue have moved along with now, or were not touched.

        Whoever reads such a time also sets it, so one that has not changed was
        not read and will not be read in the periods to come.
        """
        moves = (0, self.duration_fs)
        return all(
            new.free_fs - old.free_fs in moves
            and new.accounted_fs - old.accounted_fs in moves
            and new.moving_since_fs - old.moving_since_fs in moves
            for old, new in zip(self.then.queues, self.now.queues, strict=True)
        )

    def accounts_agree(self) -> bool:
        """Open accounts repeat; accounts that grow have their times at the same distance."""
        if self.frame.code.instances:
            return self.then.open_states == self.now.open_states
        for old, new in zip(self.then.accounts, self.now.accounts, strict=True):
            if old is None or new is None:
                if old is not new:
                    return False
                continue
            if old.account is not new.account or old.start_fs != new.start_fs:
                return False
            if old.touches != new.touches and new.end_fs - old.end_fs != self.duration_fs:
                return False
            if new.accounted_fs - old.accounted_fs not in (0, self.duration_fs):
                return False
        return True

    def periods_with_tokens(self) -> int:
        """Periods until a semaphore that falls steadily might make a difference.

        An unbalanced semaphore makes none while nobody waits for it and it holds,
        at the start of a period, all that the period takes. Commands from outside
        the loop that have yet to take from it don't matter: their queue stands
        still, or its contents would not repeat.
        """
        code = self.frame.code
        periods = self.periods
        for semaphore, earlier in zip(code.unbalanced, self.then.counts, strict=True):
            needed = code.taken[semaphore] * self.iterations
            change = code.balance[semaphore] * self.iterations
            if semaphore.waiters or min(semaphore.count, earlier) < needed:
                return 0
            if change < 0:
                periods = min(periods, (semaphore.count - needed) // -change + 1)
        return periods

    def keeps_apart(self) -> bool:
        """Whether, in main memory, what moves from layer to layer never meets what does not."""
        motion, _ = self.parts.motions.of(self.frame.code)
        open_accounts = self.then.open_accounts
        present = self.parts.ledger.instance
        first = min((account.instance for account in open_accounts), default=present)
        last = present + self.periods * self.iterations + bool(self.frame.code.ahead)
        return self.parts.memory.timing.may_repeat(motion, first, last)

    # -- the jump --------------------------------------------------------------
    def perform(self, level: int) -> None:
        """Bring everything to where it would be `periods` periods later."""
        self._grow_accounts()
        iterations = self.periods * self.iterations
        shift_fs = self.periods * self.duration_fs
        self.parts.timeline.skip(shift_fs)
        self.parts.sequencer.skip_iterations(level, iterations)
        for queue, old, new in zip(
            self.parts.queues, self.then.queues, self.now.queues, strict=True
        ):
            self._move_queue(queue, old, new, shift_fs)
        grown = tuple(new - old for old, new in zip(self.then.memory, self.now.memory, strict=True))
        motion, regions = self.parts.motions.of(self.frame.code)
        self.parts.memory.repeat(grown, self.periods, motion, regions, iterations)
        for semaphore in self.frame.code.unbalanced:
            semaphore.count += iterations * self.frame.code.balance[semaphore]

    def _move_queue(
        self, queue: CommandQueue, old: QueueMoment, new: QueueMoment, shift_fs: int
    ) -> None:
        queue.busy_cycles += self.periods * (new.busy_cycles - old.busy_cycles)
        if new.free_fs != old.free_fs:
            queue.free_fs += shift_fs
        if new.accounted_fs != old.accounted_fs:
            queue.accounted_fs += shift_fs
        if new.moving_since_fs != old.moving_since_fs:
            queue.moving_since_fs += shift_fs
        if new.wakes != old.wakes and isinstance(queue, DmaQueue):
            for transfer in queue.in_flight:
                transfer.start_fs += shift_fs

    def _grow_accounts(self) -> None:
        if self.frame.code.instances:
            self._add_instances()
            return
        shift_fs = self.periods * self.duration_fs
        iterations = self.periods * self.iterations
        for old, new in zip(self.then.accounts, self.now.accounts, strict=True):
            if old is None or new is None:
                continue
            account = new.account
            account.touches += self.periods * (new.touches - old.touches)
            account.compute_cycles += self.periods * (new.compute_cycles - old.compute_cycles)
            for cause, cycles in enumerate(new.stalls):
                account.stalls[cause] += self.periods * (cycles - old.stalls[cause])
            if new.touches != old.touches:
                account.end_fs += shift_fs
            if new.accounted_fs != old.accounted_fs:
                account.accounted_fs += shift_fs
        present = self.parts.ledger.present
        for operation, times in self.frame.code.executions.items():
            owner = present[operation.operator]
            if owner is not None:
                owner.executions[operation.index] += iterations * times

    def _add_instances(self) -> None:
        """Accounts finished in one period are copied; open ones move on to later instances."""
        ledger = self.parts.ledger
        shift_fs = self.periods * self.duration_fs
        still_open = {id(account) for account in self.now.open_accounts}
        finished = {
            id(account): account
            for account in self.then.open_accounts + ledger.accounts[self.then.opened :]
            if id(account) not in still_open
        }
        for account in self.now.open_accounts:
            account.shift(self.periods * self.iterations, shift_fs)
        ledger.insert_skipped(
            self.frame.first_account,
            list(finished.values()),
            self.periods,
            self.iterations,
            self.duration_fs,
        )
