"""A case: settings under a name, which change an experiment that others share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import Field

from simulator.api import overrides_from
from simulator.config import CyclelabError, Document, Spec, nearest
from simulator.experiment import Experiment, build_experiment


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
    experiment: Mapping[str, Any], case: CaseSpec, overrides: Iterable[str] = ()
) -> Experiment:
    """The experiment of a case; `overrides` come after its own settings.

    Raises CyclelabError, with the case's name, for whatever is wrong with it.
    """
    document = Document.from_data({**experiment, "name": case.name}, "experiment")
    try:
        return build_experiment(document, [*overrides_from(case.set), *overrides])
    except CyclelabError as error:
        raise CyclelabError(f"case {case.name!r}: {error}") from None


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
