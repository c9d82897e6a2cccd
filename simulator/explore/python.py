"""`sim.compare`: what `cyclelab compare` does, from Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.api import overrides_from
from simulator.config import CyclelabError, Document
from simulator.explore.compare import compare as run_cases
from simulator.explore.machines import requested
from simulator.explore.outcome import Outcome
from simulator.explore.spec import ComparisonSpec, equal_named
from simulator.runner import Progress


def compare(
    *names: str | Path | Mapping[str, Any],
    experiment: str | Path | None = None,
    equal: str | None = None,
    set: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """Run cases of one experiment and put them side by side.

    names: machines, presets or paths, of which the first is what others are compared
    with; or one comparison: a preset, a path, or the mapping that the YAML would hold.
    experiment: what machines run, a preset or path; chosen if it is left out.
    equal: what main units are sized to: none, area, peak or power.
    set: settings of all cases. progress: called with the phase and the share that is done.
    Raises CyclelabError with a message for a person, before anything runs if it can.
    """
    overrides = overrides_from(set)
    spec = _requested(names, experiment, overrides)
    if equal is not None:
        spec = spec.model_copy(update={"equal": equal_named(equal, "equal")})
    return run_cases(spec, overrides, progress)


def _requested(
    names: tuple[str | Path | Mapping[str, Any], ...],
    experiment: str | Path | None,
    overrides: list[str],
) -> ComparisonSpec:
    if len(names) == 1 and isinstance(names[0], Mapping):
        if experiment is not None:
            raise CyclelabError("experiment: a comparison has one of its own")
        return ComparisonSpec.read(Document.from_data(names[0], "comparison"))
    wrong = [name for name in names if not isinstance(name, str | Path)]
    if wrong or not names:
        found = repr(wrong[0]) if wrong else "nothing"
        raise CyclelabError(
            f"compare: found {found}, expected names of machines, or one comparison"
        )
    chosen = None if experiment is None else str(experiment)
    return requested([str(name) for name in names], chosen, overrides)
