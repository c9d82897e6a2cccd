"""Settings from the command line that would undo what tells cases apart."""

from __future__ import annotations

from collections.abc import Iterable

from simulator.config import ConfigError, Document
from simulator.explore.case import CaseSpec
from simulator.explore.spec import ComparisonSpec

MACHINE = "machine"
WHOLE_MACHINE = (MACHINE, f"{MACHINE}.extends")
"""Settings that choose a machine; cases of another one would still have their names."""
WITHIN = "expected settings within machines, such as machine.cores=2"


def check_overrides(spec: ComparisonSpec, overrides: Iterable[str]) -> None:
    """Raise ConfigError for a setting that gives one machine to cases that choose their own."""
    chosen = next((case for case in spec.cases if _machine_key(case) is not None), None)
    if chosen is None:
        return
    for text in overrides:
        key = ".".join(part.strip() for part in text.partition("=")[0].split("."))
        if key in WHOLE_MACHINE:
            raise ConfigError(
                f"all cases would have this one machine, but {_choice(spec, chosen)}",
                file=f"--set {key}",
                expected=WITHIN,
            )


def _choice(spec: ComparisonSpec, case: CaseSpec) -> str:
    """Where cases get machines of their own, and what can be set instead."""
    if spec.of_machines:
        return f"{', '.join(each.name for each in spec.cases)} are named; {WITHIN}"
    key, written = _machine_key(case), spec.written(case)
    place = ""
    if written is not None and key is not None:
        node = Document(written).locate(("set", key))
        place = f" ({node.origin.label}:{node.line})"
    return f"case {case.name!r} sets {key}{place}; {WITHIN}"


def _machine_key(case: CaseSpec) -> str | None:
    """The setting of a case that chooses its machine, or changes it."""
    return next((key for key in case.set if key.partition(".")[0] == MACHINE), None)
