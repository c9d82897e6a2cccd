"""Proposals of optuna, in terms of levels of axes, figures and constraints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError
from simulator.explore.sweep.axis import Axis
from simulator.explore.sweep.expression import Condition
from simulator.explore.sweep.points import Levels
from simulator.explore.sweep.search.spec import POPULATION, SearchSpec

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.trial import Trial

MOST_CATEGORIES = 100
"""Values of an axis without order that are told apart one by one; more are taken as a row."""


class Proposals:
    """A study of optuna. What it proposes depends on the seed, and on what was told before.

    objectives: figure to `min` or `max`.
    """

    def __init__(
        self,
        spec: SearchSpec,
        axes: Sequence[Axis],
        objectives: Mapping[str, str],
        constraints: Sequence[Condition],
    ) -> None:
        try:
            import optuna
        except ImportError as error:
            raise CyclelabError(
                f"a search by {spec.method} needs optuna ({error}): pip install 'cyclelab[search]'"
            ) from None
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.axes = axes
        self.objectives = objectives
        self.constraints = constraints
        self.study = optuna.create_study(
            sampler=_sampler(spec),
            directions=[
                "maximize" if each == "max" else "minimize" for each in objectives.values()
            ],
        )

    def ask(self) -> tuple[Trial, Levels]:
        """The next proposal, and the point that it is."""
        trial = self.study.ask()
        return trial, tuple(_level(trial, axis) for axis in self.axes)

    def tell(self, trial: Trial, figures: Mapping[str, float] | None) -> None:
        """Say what came of a proposal. figures: None if the point is impossible.

        One that lacks an objective counts as impossible, too. Impossible points are worse
        than any that break constraints; of these, those are worse that break them more.
        """
        if figures is None or any(name not in figures for name in self.objectives):
            trial.set_constraint("possible", 1.0 + len(self.constraints))
            values = [0.0 for _ in self.objectives]  # nobody looks at them
        else:
            for constraint in self.constraints:
                trial.set_constraint(constraint.text, _violation(constraint, figures))
            values = [figures[name] for name in self.objectives]
        self.study.tell(trial, values)


def _sampler(spec: SearchSpec) -> BaseSampler:
    from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler

    if spec.method == "tpe":
        return TPESampler(seed=spec.seed, constant_liar=True)
    if spec.method == "nsga2":
        return NSGAIISampler(seed=spec.seed, population_size=spec.population or POPULATION)
    return RandomSampler(seed=spec.seed)


def _level(trial: Trial, axis: Axis) -> int:
    """A level by its place. Values in order are near each other where their places are."""
    count = len(axis.levels)
    if count == 1:
        return 0
    if count > MOST_CATEGORIES or _is_ordered([level.label for level in axis.levels]):
        # A real number, cut off: for whole ones, TPE takes several times as long.
        return min(count - 1, int(trial.suggest_float(axis.name, 0, count)))
    return trial.suggest_categorical(axis.name, range(count))


def _is_ordered(labels: Sequence[Any]) -> bool:
    if not all(isinstance(each, int | float) and not isinstance(each, bool) for each in labels):
        return False
    pairs = list(pairwise(labels))
    return all(a < b for a, b in pairs) or all(a > b for a, b in pairs)


def _violation(constraint: Condition, figures: Mapping[str, float]) -> float:
    """How far a point is from keeping a constraint; 0 if it does, at most 1."""
    if not all(name in figures for name in constraint.names):
        return 1.0
    try:
        return constraint.missed_by(figures.__getitem__)
    except CyclelabError:
        return 1.0
