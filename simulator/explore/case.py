"""A case: settings under a name, which change an experiment that others share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import Field

from simulator.api import overrides_from
from simulator.config import CyclelabError, Document, Spec, nearest
from simulator.config.nodes import Node
from simulator.experiment import Experiment, build_experiment
from simulator.explore.blame import of_case


class CaseSpec(Spec):
    """What is simulated.

    set: key paths of the experiment to values that replace its own. per: the case by
        whose values this one's are divided.
    """

    name: str = Field(pattern=r"\S")
    set: dict[str, Any] = Field(default_factory=dict)
    per: str | None = None


CaseT = TypeVar("CaseT", bound=CaseSpec)


def build_case(
    experiment: Mapping[str, Any] | Document,
    case: CaseSpec,
    overrides: Iterable[str] = (),
    written: Node | None = None,
) -> Experiment:
    """The experiment of a case; `overrides` come after its own settings.

    written: the case as it stands in a file. Raises ConfigError, with the case's name and
    the place of the mistake, for whatever is wrong with it.
    """
    if not isinstance(experiment, Document):
        experiment = Document.from_data(experiment)
    root = experiment.root
    name = Node(case.name, root.origin, root.line)
    try:
        document = experiment.replaced(("name",), name)
        return build_experiment(document, [*overrides_from(case.set), *overrides])
    except CyclelabError as error:
        raise of_case(error, case.name, case.set, written) from None


def named(cases: Sequence[CaseT], name: str, where: str) -> CaseT:
    """The case of a name; raises CyclelabError with the nearest one. where: who asks for it."""
    for case in cases:
        if case.name == name:
            return case
    hint = nearest(name, [case.name for case in cases])
    raise CyclelabError(
        f"{where}: there is no case {name!r}" + (f"; did you mean {hint!r}?" if hint else "")
    )


def check_distinct(cases: Sequence[CaseSpec]) -> None:
    """Raise ValueError if two cases have one name."""
    names = [case.name for case in cases]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ValueError(f"two cases are called {twice!r}")
