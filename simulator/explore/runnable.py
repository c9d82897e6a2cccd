"""Whether a machine can run an experiment, as far as that is known without simulating it."""

from __future__ import annotations

from simulator.config import CyclelabError
from simulator.experiment import Experiment
from simulator.mapping import Mapper
from simulator.runner import check_capacity
from simulator.workload import load_workload


def refusal(experiment: Experiment) -> CyclelabError | None:
    """Why not, as far as its memory and the mapping of its first and last phase tell."""
    spec = experiment.spec
    folder = experiment.document.locate(("workload",)).origin.directory
    phases = load_workload(spec.workload, folder).phases
    mapper = Mapper(spec.machine, spec.mapping)
    try:
        for phase in phases:
            check_capacity(phase, spec.machine, spec.mapping)
        for phase in (phases[0], *phases[1:][-1:]):
            mapper.map(phase)
    except CyclelabError as error:
        return error
    return None
