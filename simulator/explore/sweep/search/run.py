"""Runs a search: points are proposed, looked up in the store or computed, and told.

Proposal i is made when exactly the proposals up to i - at_once have been told, in order. So the
points do not depend on how many workers there are or how fast they are; and a search that is
run again proposes what it proposed before, finds it in the store, and goes on.
"""

from __future__ import annotations

import hashlib
from collections import deque
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.config import CyclelabError
from simulator.explore.sweep.claims import Runner
from simulator.explore.sweep.jobs import Ran
from simulator.explore.sweep.options import Options, Watch, workers_for
from simulator.explore.sweep.point import DONE, FAILED
from simulator.explore.sweep.points import Levels, Sweep, key_of, refused
from simulator.explore.sweep.search.proposals import Proposals
from simulator.explore.sweep.store import Store
from simulator.explore.sweep.work import Work

if TYPE_CHECKING:
    from optuna.trial import Trial

MOST_LEFT_OUT = 1000
"""Proposals in a row that conditions may leave out."""
WRONG_AT_FIRST = 20
"""If so many points are mistakes before the first that is none, the sweep is one."""
LARGEST = 2**63 - 1
"""Numbers of points are stored as 64 bits."""


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """A search that may begin."""

    sweep: Sweep

    def __post_init__(self) -> None:
        if self.sweep.size > LARGEST:
            raise self.sweep.document.error(
                ("axes",), "more than 2^63 points: give axes fewer values"
            )

    @property
    def trials(self) -> int:
        """Points that are proposed."""
        return self.sweep.spec.search.trials or 0


def search(plan: SearchPlan, store: Store, options: Options, watch: Watch | None = None) -> None:
    """Propose points and compute those that the store lacks.

    Raises ConfigError if conditions leave out nearly everything, or if all points are mistakes;
    a single one is recorded as failed. Whatever stops it, what was computed is stored.
    """
    runner = Runner(store, options.time_limit_s)
    with ExitStack() as stack:
        stack.callback(runner.leave)
        _Search(plan, store, runner, options, stack).run(watch)


class _Search:
    def __init__(
        self, plan: SearchPlan, store: Store, runner: Runner, options: Options, stack: ExitStack
    ) -> None:
        self.plan = plan
        self.sweep = sweep = plan.sweep
        self.store = store
        self.runner = runner
        self.options = options
        self.stack = stack
        self.digest = sweep.digest()
        self.id = store.register_sweep(self.digest, sweep.spec.name, sweep.facts())
        self.proposals = Proposals(
            sweep.spec.search, sweep.axes, sweep.spec.objectives, sweep.constraints
        )
        self.under_way: deque[tuple[Trial, bytes]] = deque()
        self.work: Work | None = None
        self.right = False
        self.wrong: dict[str, list[Levels]] = {}

    def run(self, watch: Watch | None) -> None:
        """Until all trials are told."""
        trials, at_once = self.plan.trials, self.sweep.spec.search.at_once
        told = 0
        for _ in range(trials):
            if len(self.under_way) == at_once:
                told += self._tell(watch, told)
            self.under_way.append(self._propose())
        while self.under_way:
            told += self._tell(watch, told)

    def _propose(self) -> tuple[Trial, bytes]:
        """The next point that no condition leaves out, and its key; it is computed or stored."""
        for _ in range(MOST_LEFT_OUT):
            trial, levels = self.proposals.ask()
            try:
                experiment = self.sweep.experiment(levels) if self.sweep.wants(levels) else None
            except CyclelabError as error:
                return trial, self._note_wrong(levels, str(error))
            if experiment is None:
                self.proposals.tell(trial, None)
                continue
            self.right = True
            key = key_of(experiment)
            self.store.add_points(self.id, [(self.sweep.number(levels), levels, key)])
            if not self.runner.known([key]):
                self._compute(key, levels)
            return trial, key
        raise self.sweep.document.error(
            ("when",), f"leaves out {MOST_LEFT_OUT:,} proposals in a row: narrow the axes instead"
        )

    def _note_wrong(self, levels: Levels, message: str) -> bytes:
        """Record a point that is a mistake; raise if there are nothing but such."""
        if not self.right:
            self.wrong.setdefault(message, []).append(levels)
            if sum(map(len, self.wrong.values())) >= min(WRONG_AT_FIRST, self.plan.trials):
                raise refused(self.sweep, self.wrong)
        number = self.sweep.number(levels)
        text = f"{self.digest} {number} {message}"
        key = hashlib.sha256(text.encode()).digest()[:16]
        self.store.add_points(self.id, [(number, levels, key)])
        self.runner.record(key, Ran(FAILED, error=message))
        return key

    def _compute(self, key: bytes, levels: Levels) -> None:
        if self.work is None:
            at_once = self.sweep.spec.search.at_once
            workers = workers_for(self.sweep, at_once, self.runner, self.options)
            self.work = Work(self.sweep, self.stack.enter_context(workers), self.runner)
        self.work.add([(key, levels)])

    def _tell(self, watch: Watch | None, told: int) -> int:
        """Wait for the oldest proposal, and say what came of it."""
        trial, key = self.under_way.popleft()
        while self.work is not None and key in self.work.open:
            self.work.step()
        state, figures = self.store.outcome(key)
        self.proposals.tell(trial, figures if state == DONE else None)
        if watch is not None:
            watch("searching", told + 1, self.plan.trials)
        return 1
