"""Vector kernels and gathers as problems: rows, work and bytes, whatever runs them."""

from __future__ import annotations

from simulator.mapping.facts import bits_over
from simulator.mapping.lower_vector import VectorPlaces, VectorProblem
from simulator.mapping.nest import Dimension
from simulator.mapping.planning import KernelJob, Planning
from simulator.mapping.regions import pass_bytes
from simulator.workload.operators import Gather, Tensor, Vector


def vector_problem(job: KernelJob) -> VectorProblem:
    """The problem of a kernel of vector work, or of a gather, which has none."""
    kernel, facts = job.kernel, job.facts
    op = kernel.operators[0]
    work: tuple[tuple[str, float, bool], ...] = ()
    if isinstance(op, Gather):
        rows = max(1, op.rows)
    else:
        assert isinstance(op, Vector)
        rows = max(1, op.elements // op.row_elements)
        vectors = [op, *kernel.epilogue]
        work = tuple((v.function, v.elements / rows, v.row_elements > 1) for v in vectors)
    return VectorProblem(
        rows=rows,
        work=work,
        load_bits=bits_over(_loaded(job), rows),
        store_bits=bits_over(facts.stored(), rows),
        read_bits=bits_over(_inputs(job), rows),
        write_bits=bits_over(kernel.outputs, rows),
    )


def vector_places(
    planning: Planning, job: KernelJob, problem: VectorProblem, rows_per_tile: int
) -> VectorPlaces:
    """Where its tensors lie, if it moves tiles of so many rows."""
    facts, place = job.facts, planning.place
    cut, row = Dimension("rows", problem.rows, rows_per_tile), Dimension("row", 1, 1)
    return VectorPlaces(
        inputs=place(job, _loaded(job), pass_bytes(1, cut, row, problem.load_bits)),
        outputs=place(job, facts.stored(), pass_bytes(1, cut, row, problem.store_bits)),
        parameters=place(job, facts.parameters if problem.work else []),
    )


def _inputs(job: KernelJob) -> list[Tensor]:
    if isinstance(job.kernel.operators[0], Gather):
        return job.facts.gather_inputs()
    return job.facts.activation_inputs()


def _loaded(job: KernelJob) -> list[Tensor]:
    return [t for t in _inputs(job) if t.name not in job.facts.resident]
