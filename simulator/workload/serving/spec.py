"""The `serving:` mapping of an experiment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from simulator.config import Spec
from simulator.workload.model import Count, Size
from simulator.workload.traces import MAX_REQUESTS

Share = Annotated[float, Field(ge=0.0, le=1.0)]


class ServedRequestsSpec(Spec):
    """Which requests arrive: drawn from a distribution of lengths, or those of a trace.

    lengths: a shipped distribution, or the path of one. seed: of the draw.
    trace: a shipped trace, or the path of one; offset: its first request.
    skip_too_long: leaves out those that the model's context cannot hold.
    """

    lengths: str | None = None
    trace: str | None = None
    count: Annotated[int, Field(ge=1, le=MAX_REQUESTS)]
    seed: Count = 0
    offset: Count = 0
    skip_too_long: bool = False

    @model_validator(mode="after")
    def _one_origin(self) -> ServedRequestsSpec:
        if (self.lengths is None) == (self.trace is None):
            found = "both" if self.lengths else "neither"
            raise ValueError(f"expected exactly one of lengths and trace, found {found}")
        unused = "offset" if self.lengths and self.offset else ""
        unused = "seed" if self.trace and self.seed else unused
        if unused:
            raise ValueError(
                f"{unused} has no meaning with {'lengths' if self.lengths else 'trace'}"
            )
        return self


class AlikeSpec(Spec):
    """When an iteration is like one that has been simulated (`steps: alike`).

    work: by how much the work of its attention, or the tokens of its prompts, may differ.
    layers: of equal layers so many are simulated, and the last of them stands for the rest.
    check_every: one of so many iterations that need not be simulated is, to see the error.
    """

    work: Annotated[float, Field(ge=0.0, le=1.0)] = 0.05
    layers: Annotated[int, Field(ge=2, le=64)] = 2
    check_every: Annotated[int, Field(ge=2, le=100_000)] = 16


class ServingSpec(Spec):
    """How a model is served: continuous batching, decided anew before every iteration.

    arrivals: `at_once`, `poisson` with `requests_per_s`, or as the `trace` has them.
    batch: most requests that are served at once.
    prompts: `separate` gives prompts an iteration of their own before decoding goes on,
        `mixed` puts them beside the decoded tokens of others; `elsewhere` has them done by
        another machine, whose keys and values are there when a request is admitted.
    prompt_tokens: most tokens of prompts in one iteration; a longer prompt is alone in one.
    start: `midway` has the first `batch` requests at random points of their outputs.
    admission: `reserve` admits a request if the KV cache has room for all that it will
        generate, `grow` if it has for what there is; then requests may have to leave again.
    iterations: where to stop; when all requests are done if left out.
    steps: `every` simulates each iteration, `alike` only those unlike earlier ones.
    """

    requests: ServedRequestsSpec
    arrivals: Literal["at_once", "poisson", "trace"] = "at_once"
    requests_per_s: Annotated[float, Field(gt=0.0, le=1e9)] | None = None
    batch: Annotated[int, Field(ge=1, le=MAX_REQUESTS)]
    prompts: Literal["separate", "mixed", "elsewhere"] = "separate"
    prompt_tokens: Size = 8192
    start: Literal["empty", "midway"] = "empty"
    admission: Literal["reserve", "grow"] = "reserve"
    iterations: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    steps: Literal["every", "alike"] = "every"
    alike: AlikeSpec = AlikeSpec()

    @model_validator(mode="after")
    def _fits_together(self) -> ServingSpec:
        if (self.arrivals == "poisson") != (self.requests_per_s is not None):
            raise ValueError(
                "arrivals: poisson needs requests_per_s"
                if self.arrivals == "poisson"
                else f"requests_per_s has no meaning with arrivals: {self.arrivals}"
            )
        if self.arrivals == "trace" and self.requests.trace is None:
            raise ValueError("arrivals: trace needs requests of a trace (requests.trace)")
        if self.start == "midway" and self.arrivals != "at_once":
            raise ValueError("start: midway needs arrivals: at_once")
        if self.steps == "every" and self.alike != AlikeSpec():
            raise ValueError("alike has no meaning with steps: every")
        return self
