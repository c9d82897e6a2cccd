"""Machines that have no format in common: one model, in the formats that each multiplies."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.explore.case import CaseSpec, build_case
from simulator.explore.runnable import refusal
from simulator.explore.spec import ComparisonSpec

EXPERIMENT = "llama2_7b_on_tpu"
"""Whose model and lengths are run: Llama-2-7B, a prompt of 2048 and one decode step."""


def in_own_formats(machines: Sequence[str], overrides: Sequence[str]) -> ComparisonSpec | None:
    """Each machine on EXPERIMENT in the formats of its first matrix unit.

    None if one of them cannot run that, either. Raises CyclelabError for machines and
    overrides that are wrong.
    """
    shared = {"extends": EXPERIMENT}
    cases, formats = [], []
    for name in machines:
        alone = build_case(shared, CaseSpec(name=name, set={"machine": name}))
        inputs, weights = alone.spec.machine.core.build_matrix_units()[0].format_pairs[0]
        precision = {"weights": weights, "activations": inputs, "kv_cache": inputs}
        case = CaseSpec(name=name, set={"machine": name, "workload.precision": precision})
        if refusal(build_case(shared, case, overrides)) is not None:
            return None
        cases.append(case)
        formats.append(f"{name} {inputs} × {weights}")
    return ComparisonSpec(
        name=EXPERIMENT,
        title=f"{', '.join(machines)} on {EXPERIMENT}, each in formats of its own",
        notes=(
            f"No workload was named, and none that compare takes by itself suits all: they run "
            f"{EXPERIMENT} in the formats of their first units, activations × weights: "
            f"{'; '.join(formats)}. So precision differs, too.",
        ),
        experiment=shared,
        cases=tuple(cases),
    )
