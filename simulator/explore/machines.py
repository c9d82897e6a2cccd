"""Comparisons that a command line makes of names: machines on a workload, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from simulator.config import (
    KINDS,
    ConfigError,
    CyclelabError,
    find,
    list_presets,
    load_document,
    nearest,
)
from simulator.experiment import Experiment, ExperimentSpec
from simulator.explore.case import CaseSpec, build_case
from simulator.explore.spec import FEWEST_CASES, ComparisonSpec, load_comparison
from simulator.hardware.machine import MachineSpec
from simulator.mapping import Mapper
from simulator.runner import check_capacity
from simulator.workload import load_workload

MACHINES, EXPERIMENTS, COMPARISONS = "machines", "experiments", "comparisons"
DEFAULT_EXPERIMENTS = ("llama2_7b_w4a8", "llama2_7b_int8_on_tpuv4i", "llama2_7b_on_a100")
"""What machines run where no workload is named: the first of these that all of them can.
Each is Llama-2-7B, in INT8, BF16 or FP16 activations, and no machine multiplies all three."""
FORM = "cyclelab compare [--experiment NAME] MACHINE MACHINE …"
OTHER_WORKLOADS = "--experiment NAME takes another workload (cyclelab list experiments)"
ONLY_EXPERIMENTS = ExperimentSpec.model_fields.keys() - MachineSpec.model_fields.keys()


def requested(
    names: Sequence[str], experiment: str | None = None, overrides: Sequence[str] = ()
) -> ComparisonSpec:
    """The comparison that names ask for: one comparison, or machines on a workload.

    experiment: what machines run; it may stand before them instead, and is chosen if it
    is not named. Raises CyclelabError for names that mean nothing, or not together.
    """
    kinds = [kind_of(name) for name in names]
    if experiment is None and kinds == [COMPARISONS]:
        return load_comparison(names[0])
    if experiment is None and kinds[0] == EXPERIMENTS:
        if len(names) == 1:
            raise CyclelabError(
                f"{names[0]!r} is an experiment: name two machines or more that are to run it"
            )
        experiment, names, kinds = names[0], names[1:], kinds[1:]
    for name, kind in zip(names, kinds, strict=True):
        if kind != MACHINES:
            raise CyclelabError(_misplaced(name, kind, experiment))
    if experiment is not None:
        _check_experiment(experiment)
        return machines_on(experiment, names)
    _check_several(names)
    chosen = default_experiment(names, overrides)
    note = f"No workload was named: they run {chosen}; {OTHER_WORKLOADS}."
    return machines_on(chosen, names).model_copy(update={"notes": (note,)})


def machines_on(experiment: str, machines: Sequence[str]) -> ComparisonSpec:
    """The comparison of machines, each by preset name or path, on one experiment.

    Raises CyclelabError for fewer than two, or one that is named twice.
    """
    _check_several(machines)
    return ComparisonSpec(
        name=Path(experiment).stem,
        title=f"{', '.join(machines)} on {experiment}",
        experiment={"extends": experiment},
        cases=tuple(CaseSpec(name=name, set={"machine": name}) for name in machines),
    )


def kind_of(name: str) -> str:
    """Whether a preset or file is of `machines`, `experiments` or `comparisons`.

    Raises ConfigError if there is none, with the nearest name of any kind.
    """
    kinds = (MACHINES, EXPERIMENTS, COMPARISONS)
    missing = None
    for kind in kinds:
        if name in list_presets(kind):
            return kind
        try:
            return _kind_of_file(find(kind, name))
        except ConfigError as error:
            missing = missing or error
    assert missing is not None
    if missing.file is not None:
        raise missing
    known = {preset: KINDS[kind].noun for kind in kinds for preset in list_presets(kind)}
    near = nearest(name, known)
    raise ConfigError(
        f"no machine, experiment or comparison is called {name!r}"
        + (f"; did you mean the {known[near]} {near!r}?" if near else "; cyclelab list shows all")
    )


def default_experiment(machines: Sequence[str], overrides: Sequence[str] = ()) -> str:
    """The first of DEFAULT_EXPERIMENTS that all machines can run, with some settings.

    Raises CyclelabError that says which machine cannot run which, and why.
    """
    refusals = []
    for name in DEFAULT_EXPERIMENTS:
        spec = machines_on(name, machines)
        found = (build_case(spec.shared, case, overrides) for case in spec.cases)
        refusal = next(filter(None, map(_refusal, found)), None)
        if refusal is None:
            return name
        refusals.append(f"  {name}: {refusal}")
    raise CyclelabError(
        f"no workload that compare takes by itself runs on all of {', '.join(machines)}; "
        f"{OTHER_WORKLOADS}:\n" + "\n".join(refusals)
    )


def _refusal(experiment: Experiment) -> str | None:
    """Why a machine cannot run an experiment, as far as its memory and its last phase tell."""
    spec = experiment.spec
    folder = experiment.document.locate(("workload",)).origin.directory
    phases = load_workload(spec.workload, folder).phases
    try:
        for phase in phases:
            check_capacity(phase, spec.machine, spec.mapping)
        Mapper(spec.machine, spec.mapping).map(phases[-1])
    except CyclelabError as error:
        return f"not on {spec.name}: {error}"
    return None


def _kind_of_file(path: Path) -> str:
    data = load_document(path).data
    if "cases" in data:
        return COMPARISONS
    builds_on = data.get("extends") in list_presets(EXPERIMENTS)
    return EXPERIMENTS if builds_on or data.keys() & ONLY_EXPERIMENTS else MACHINES


_ARTICLES = {COMPARISONS: "a comparison", EXPERIMENTS: "an experiment", MACHINES: "a machine"}


def _misplaced(name: str, kind: str, experiment: str | None) -> str:
    """What to say of something that stands among machines and is none."""
    what = f"{name!r} is {_ARTICLES[kind]}"
    if kind == COMPARISONS:
        return f"{what}, which names its machines itself: cyclelab compare {name}"
    if experiment is not None:
        return f"{what}, and so is {experiment!r}, expected machines: {FORM}"
    return f"{what}, expected a machine; experiments stand first: {FORM}"


def _check_experiment(name: str) -> None:
    kind = kind_of(name)
    if kind != EXPERIMENTS:
        raise CyclelabError(f"--experiment: {name!r} is {_ARTICLES[kind]}")


def _check_several(machines: Sequence[str]) -> None:
    if len(machines) < FEWEST_CASES:
        raise CyclelabError(
            f"found one machine, {machines[0]!r}, expected two or more to compare: {FORM}"
        )
    twice = next((name for name in machines if machines.count(name) > 1), None)
    if twice is not None:
        raise CyclelabError(f"machine {twice!r} is named twice")
