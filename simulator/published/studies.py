"""All studies by name: those in YAML, and those whose method is code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from simulator.config import CyclelabError, nearest
from simulator.published.claims import load_study, study_names
from simulator.published.finding import Study
from simulator.published.mixpe.as_published import as_published

METHODS: dict[str, Callable[[], Study]] = {"mixpe_as_published": as_published}
"""Studies that a method of their own computes, by name."""


def studies() -> list[str]:
    """Names of all studies, sorted."""
    return sorted([*study_names(), *METHODS])


def study_named(name: str) -> Study:
    """A study; raises CyclelabError with the nearest name for an unknown one."""
    if name in METHODS:
        return METHODS[name]()
    if name in study_names() or Path(name).suffix:
        return load_study(name)
    hint = nearest(name, studies())
    raise CyclelabError(
        f"no study is called {name!r}; known: {', '.join(studies())}"
        + (f"; did you mean {hint!r}?" if hint else "")
    )
