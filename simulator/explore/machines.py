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
    load_preset,
    nearest,
)
from simulator.experiment import ExperimentSpec
from simulator.explore.case import CaseSpec, build_case
from simulator.explore.overrides import check_overrides
from simulator.explore.own_formats import in_own_formats
from simulator.explore.runnable import refusal
from simulator.explore.spec import FEWEST_CASES, ComparisonSpec, load_comparison
from simulator.hardware.machines import MACHINES as MACHINE_KINDS

MACHINES, EXPERIMENTS, COMPARISONS = "machines", "experiments", "comparisons"
CASES = "cases"
DEFAULT_EXPERIMENTS = ("llama2_7b_w4a8", "llama2_7b_int8_on_tpuv4i", "llama2_7b_on_a100")
"""What machines run where no workload is named: the first of these that all of them can.
Each is Llama-2-7B, in INT8, BF16 or FP16 activations, and no machine multiplies all three."""
FORM = "cyclelab compare [--experiment NAME] MACHINE MACHINE …"
OTHER_WORKLOADS = "--experiment NAME takes another workload (cyclelab list experiments)"
_MACHINE_KEYS = {key for spec in MACHINE_KINDS.values() for key in spec.model_fields}
_EXPERIMENT_KEYS = set(ExperimentSpec.model_fields)
_COMPARISON_KEYS = set(ComparisonSpec.model_fields)


class NoCommonWorkloadError(CyclelabError):
    """None of DEFAULT_EXPERIMENTS runs on all machines."""


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
    try:
        chosen = default_experiment(names, overrides)
    except NoCommonWorkloadError:
        found = in_own_formats(names, overrides)
        if found is None:
            raise
        return found
    note = f"No workload was named: they run {chosen}; {OTHER_WORKLOADS}."
    return machines_on(chosen, names).model_copy(update={"notes": (note,)})


def machines_on(experiment: str, machines: Sequence[str]) -> ComparisonSpec:
    """The comparison of machines, each by preset name or path, on one experiment.

    Raises CyclelabError for fewer than two, or one that is named twice.
    """
    _check_several(machines)
    spec = ComparisonSpec(
        name=Path(experiment).stem,
        title=f"{', '.join(machines)} on {experiment}",
        experiment={"extends": experiment},
        cases=tuple(CaseSpec(name=name, set={"machine": name}) for name in machines),
    )
    return spec.sharing(load_preset(EXPERIMENTS, experiment))


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

    Raises NoCommonWorkloadError that says which machine cannot run which, and why.
    """
    refusals = []
    for name in DEFAULT_EXPERIMENTS:
        spec = machines_on(name, machines)
        check_overrides(spec, overrides)
        built = [build_case(spec.shared, case, overrides) for case in spec.cases]
        found = ((each, refusal(each)) for each in built)
        refused = next((pair for pair in found if pair[1] is not None), None)
        if refused is None:
            return name
        refusals.append(f"  {name}: not on {refused[0].spec.name}: {refused[1]}")
    raise NoCommonWorkloadError(
        f"no workload that compare takes by itself runs on all of {', '.join(machines)}; "
        f"{OTHER_WORKLOADS}:\n" + "\n".join(refusals)
    )


def _kind_of_file(path: Path) -> str:
    """What a file is meant to be, by the keys that only one kind has; mistakes come later."""
    data = load_document(path).data
    if CASES in data:
        return COMPARISONS
    base = data.get("extends")
    if base in list_presets(EXPERIMENTS) or data.keys() & (_EXPERIMENT_KEYS - _MACHINE_KEYS):
        return EXPERIMENTS
    if base is not None or data.keys() & (_MACHINE_KEYS - _EXPERIMENT_KEYS):
        return MACHINES
    others = _MACHINE_KEYS | _EXPERIMENT_KEYS
    misspelt = any(nearest(key, others | _COMPARISON_KEYS) == CASES for key in data)
    return COMPARISONS if misspelt or data.keys() & (_COMPARISON_KEYS - others) else MACHINES


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
    kinds = [kind for kind in (MACHINES, COMPARISONS) if name in list_presets(kind)]
    if not kinds:
        try:
            kinds = [_kind_of_file(find(EXPERIMENTS, name))]
        except ConfigError as error:
            raise CyclelabError(f"--experiment: {error}") from None
    if kinds != [EXPERIMENTS]:
        raise CyclelabError(f"--experiment: {name!r} is {_ARTICLES[kinds[0]]}")


def _check_several(machines: Sequence[str]) -> None:
    if len(machines) < FEWEST_CASES:
        raise CyclelabError(
            f"found one machine, {machines[0]!r}, expected two or more to compare: {FORM}"
        )
    twice = next((name for name in machines if machines.count(name) > 1), None)
    if twice is not None:
        raise CyclelabError(f"machine {twice!r} is named twice")
