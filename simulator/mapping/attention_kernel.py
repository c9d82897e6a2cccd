"""What planning a fused attention kernel needs to know of it, whatever the machine."""

from __future__ import annotations

from simulator.mapping.planning import KernelJob, Planning
from simulator.mapping.spec import ATTENTION_SETTINGS, TileChoice
from simulator.workload.operators import Context, Scores, Vector


class AttentionKernelPlanner:
    """A fused attention kernel's operands and epilogue, and what the user fixed of its mapping.

    fixable: whether anything of it may be fixed.
    """

    def __init__(self, planning: Planning, job: KernelJob, *, fixable: bool = True) -> None:
        scores, softmax, context = job.kernel.operators[:3]
        assert isinstance(scores, Scores) and isinstance(context, Context)
        assert isinstance(softmax, Vector)
        self.planning = planning
        self.job = job
        self.choice, self.pattern = TileChoice(), ""
        if fixable:
            self.choice, self.pattern = planning.fixed(job.kernel.name, ATTENTION_SETTINGS)
        self.scores = scores
        self.keys, self.queries = scores.inputs[:2]
        self.values = context.inputs[0]
        self.probabilities = softmax.outputs[0]
        self.softmax = softmax.function
        self.outputs = sum(
            s.count * s.query_heads * s.query_tokens * s.head_dim for s in scores.shapes
        )
        self.epilogue = tuple((v.function, v.elements / self.outputs) for v in job.kernel.epilogue)
