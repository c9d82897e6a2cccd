"""What a sweep is, in words: its experiment, conditions, objectives, how to run it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from simulator.explore.sweep.outcome import SweepResult
from simulator.explore.sweep.store import StoredSweep
from simulator.explore.sweep.table import goal_words

EQUAL = {"area": "the area (mm²)", "peak": "the peak (MACs per cycle)", "power": "the power (W)"}


def swept(sweep: StoredSweep) -> list[tuple[str, str]]:
    """Names with what stands behind them, those that the sweep has."""
    written = sweep.written
    lines = {
        "experiment": _experiment(written.get("experiment")),
        "settings": ", ".join(sweep.settings),
        "left out unless": " and ".join(written.get("when", ())),
        "constraints": " and ".join(sweep.constraints),
        "objectives": ", ".join(goal_words(*each) for each in sweep.objectives.items()),
        "equal": _equal(written.get("equal")),
        "baseline": ", ".join(f"{name} {label}" for name, label in sweep.baseline.items()),
    }
    return [(name, text) for name, text in lines.items() if text]


def _experiment(given: Any) -> str:
    """`llama2_7b_on_tpu`; of a mapping, its machine and its model, or what it extends."""
    if not isinstance(given, Mapping):
        return str(given or "")
    parts = [str(given[key]) for key in ("extends",) if key in given]
    machine, workload = given.get("machine"), given.get("workload")
    if isinstance(machine, Mapping):
        machine = machine.get("name") or machine.get("extends")
    parts += [f"machine {machine}"] if machine else []
    if isinstance(workload, Mapping):
        parts += [
            f"{key.replace('_', ' ')} {value}"
            for key, value in workload.items()
            if isinstance(value, str | int | float)
        ]
    return ", ".join(parts)


def _equal(given: Any) -> str:
    if not isinstance(given, Mapping):
        return ""
    ((what, labels),) = given.items()
    names = ", ".join(f"{name} {label}" for name, label in labels.items())
    return f"main units of all points have {EQUAL[what]} of those with {names}"


def command_lines(found: SweepResult) -> list[str]:
    """Commands that run a sweep again, and a point of it."""
    settings = "".join(f" --set {shlex.quote(each)}" for each in found.sweep.settings)
    name = f"{found.sweep.name}.yaml"
    return [
        f"# with cyclelab {found.version}, and {name} as it stands below",
        f"cyclelab sweep {shlex.quote(name)}{settings} --output report",
        "# without running anything, from what is stored",
        f"cyclelab sweep {shlex.quote(found.store.name)} --output report",
    ]
