"""Accounts: one record per operator instance, kept while commands start and end."""

from __future__ import annotations

from collections import defaultdict

from simulator.engine.record import OperatorRecord
from simulator.mapping.program import Cause, Program

CAUSES = tuple(cause.value for cause in Cause)
PORT = len(CAUSES)
ISSUE = PORT + 1
STALLS = (*CAUSES, "port", "issue")
"""Names of stalls by number; a semaphore's cause is its number among `Cause`."""

NOT_YET = -1


class Account:
    """What is known so far of one operator instance.

    rank: place among the records of its instance, by first command issued.
    start_fs, end_fs: as in `OperatorRecord`, NOT_YET before the start.
    accounted_fs: up to where the primary queue's time has been accounted.
    touches: commands that started or completed, to tell who was active.
    """

    __slots__ = (
        "accounted_fs",
        "compute_cycles",
        "end_fs",
        "executions",
        "instance",
        "operator",
        "rank",
        "stalls",
        "start_fs",
        "touches",
    )

    def __init__(self, operator: int, instance: int, rank: int) -> None:
        self.operator = operator
        self.instance = instance
        self.rank = rank
        self.start_fs = NOT_YET
        self.end_fs = NOT_YET
        self.accounted_fs = NOT_YET
        self.compute_cycles = 0
        self.stalls = [0] * len(STALLS)
        self.executions: defaultdict[int, int] = defaultdict(int)
        self.touches = 0

    def ends(self, end_fs: int) -> None:
        """A command of the operator ends at `end_fs`."""
        self.touches += 1
        if end_fs > self.end_fs:
            self.end_fs = end_fs

    def shifted(self, instances: int, time_fs: int) -> Account:
        """The same account for a later instance, at a later time."""
        copy = Account(self.operator, self.instance, self.rank)
        copy.start_fs, copy.end_fs = self.start_fs, self.end_fs
        copy.accounted_fs = self.accounted_fs
        copy.compute_cycles = self.compute_cycles
        copy.stalls = list(self.stalls)
        copy.executions = self.executions.copy()
        copy.touches = self.touches
        copy.shift(instances, time_fs)
        return copy

    def shift(self, instances: int, time_fs: int) -> None:
        """Make this the account of a later instance, at a later time."""
        self.instance += instances
        for name in ("start_fs", "end_fs", "accounted_fs"):
            value = getattr(self, name)
            if value != NOT_YET:
                setattr(self, name, value + time_fs)

    def record(self, period_fs: int) -> OperatorRecord:
        """The finished record, in cycles of the primary queue's clock."""
        accounted_fs = self.start_fs if self.accounted_fs == NOT_YET else self.accounted_fs
        stalls = {STALLS[cause]: cycles for cause, cycles in enumerate(self.stalls) if cycles}
        drain_cycles = -((accounted_fs - self.end_fs) // period_fs)
        if drain_cycles:
            stalls["drain"] = drain_cycles
        return OperatorRecord(
            operator=self.operator,
            instance=self.instance,
            start_fs=self.start_fs,
            end_fs=self.end_fs,
            compute_cycles=self.compute_cycles,
            stall_cycles=stalls,
            executions=dict(self.executions),
        )


class Ledger:
    """All accounts in program order, and the open one of each operator.

    instance: index of the present iteration of the loop that makes instances.
    ahead: operators that are one instance further on.
    present: by operator, the account that newly issued commands belong to.
    """

    def __init__(self, program: Program) -> None:
        self._program = program
        self.accounts: list[Account] = []
        self.instance = 0
        self.ahead: frozenset[int] = frozenset()
        self.present: list[Account | None] = [None] * len(program.operators)
        self._by_key: dict[tuple[int, int], Account] = {}
        self._opened = 0

    def turn_to(self, instance: int, ahead: frozenset[int] = frozenset()) -> None:
        """Commands issued from now on belong to another instance, or the next if `ahead`."""
        self.instance = instance
        self.ahead = ahead
        self.present[:] = [None] * len(self.present)
        self._opened = 0

    def open(self, operator: int) -> Account:
        """The account of an operator in the present instance."""
        instance = self.instance + (operator in self.ahead)
        account = self._by_key.get((operator, instance))
        if account is None:
            account = Account(operator, instance, self._opened)
            self.accounts.append(account)
            self._by_key[operator, instance] = account
        self._opened += 1
        self.present[operator] = account
        return account

    def insert_skipped(
        self, first: int, finished: list[Account], periods: int, instances: int, time_fs: int
    ) -> None:
        """Add copies of accounts finished in one period for `periods` skipped ones.

        first: where the accounts of the loop begin; they are put in the order of their turns
            again, that is of the iterations that opened them.
        """
        loop = self.accounts[first:]
        for period in range(1, periods + 1):
            for account in finished:
                loop.append(account.shifted(period * instances, period * time_fs))
        ahead = self.ahead
        loop.sort(key=lambda each: (each.instance - (each.operator in ahead), each.rank))
        self.accounts[first:] = loop

    def records(self) -> list[OperatorRecord]:
        """Finished records in program order, with exclusive times."""
        records = []
        latest_fs = 0
        for account in self.accounts:
            primary = self._program.operators[account.operator].primary
            record = account.record(self._program.queues[primary].period_fs)
            record.exclusive_fs = max(0, record.end_fs - latest_fs)
            latest_fs = max(latest_fs, record.end_fs)
            records.append(record)
        return records
