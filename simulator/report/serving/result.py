"""What serving found out, as plain data, and what follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from simulator.cost.estimate import ZERO, Estimate

if TYPE_CHECKING:
    import pandas as pd

PERCENTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class IterationRecord:
    """One iteration. cycles: of the machine's clock. simulated: or by likeness to another.

    prompt_tokens: of all prompts in it. decodes: requests that get one more token.
    context_tokens: in the KV cache behind it, of the requests that take part. running,
    waiting: requests while it runs, of all micro-batches. kv_share: of the room for keys and
    values, with what is reserved. macs, memory_macs: on the matrix units, and in a memory
    that computes. micro_batch: of a pipeline's, else 0.
    """

    kind: Literal["prefill", "decode", "mixed"]
    start_s: float
    end_s: float
    cycles: int
    prompts: int
    prompt_tokens: int
    decodes: int
    context_tokens: int
    running: int
    waiting: int
    kv_share: float
    simulated: bool
    energy_j: Estimate
    memory_bytes: int
    macs: int
    memory_macs: int
    micro_batch: int

    @property
    def generated(self) -> int:
        """Tokens that it generates: one for each request that takes part."""
        return self.prompts + self.decodes


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request that has been admitted; times in seconds from the start of the run.

    midway: it was being served when the run began. None: it has not come so far.
    """

    number: int
    prompt_tokens: int
    output_tokens: int
    generated: int
    channel: int | None
    midway: bool
    preemptions: int
    arrival_s: float
    admitted_s: float | None
    first_token_s: float | None
    finished_s: float | None


@dataclass(frozen=True, slots=True)
class LikenessErrors:
    """How good iterations are that were not simulated.

    errors: of their cycles, of those that were simulated as well. layers: that were
    simulated, of all; layers_error: of the cycles of one iteration for that.
    """

    kind: Literal["every", "alike"]
    errors: list[float]
    layers: int
    layers_error: float | None

    @property
    def mean_error(self) -> float | None:
        """With its sign."""
        return sum(self.errors) / len(self.errors) if self.errors else None

    @property
    def largest_error(self) -> float | None:
        """The largest, without sign."""
        return max(map(abs, self.errors), default=None)


@dataclass(frozen=True, slots=True)
class Spread:
    """Mean and percentiles of a time, in seconds; over `count` requests."""

    count: int
    mean: float
    percentiles: dict[int, float]

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread | None:
        """None without values."""
        found = np.fromiter(values, dtype=np.float64)
        if not found.size:
            return None
        points = {p: float(np.percentile(found, p)) for p in PERCENTILES}
        return cls(int(found.size), float(found.mean()), points)


@dataclass(slots=True, repr=False)
class ServingResult:
    """What `cyclelab serve` found; `docs/serving.md` describes every field.

    offered_requests: that would have arrived. requests: those that have been admitted.
    memory_peak_macs_per_cycle: of the units in a memory that computes, 0 without.
    stage_busy_s: how long each stage of a pipeline has worked; of one, if it is none.
    """

    name: str
    machine: dict[str, Any]
    memory_peak_macs_per_cycle: float
    workload: dict[str, Any]
    offered_requests: int
    iterations: list[IterationRecord]
    stage_busy_s: list[float]
    requests: list[RequestRecord]
    preemptions: int
    likeness: LikenessErrors
    technology: str
    sources: dict[str, str]
    configuration: dict[str, Any]
    configuration_hash: str
    version: str

    @property
    def seconds(self) -> float:
        """Until the last iteration has ended."""
        return max((each.end_s for each in self.iterations), default=0.0)

    @property
    def busy_seconds(self) -> float:
        """Time in which iterations are under way; the rest is waiting for requests."""
        busy, until = 0.0, 0.0
        for each in self.iterations:
            busy += max(0.0, each.end_s - max(each.start_s, until))
            until = max(until, each.end_s)
        return busy

    @property
    def generated(self) -> int:
        """Tokens that iterations have generated."""
        return sum(each.generated for each in self.iterations)

    @property
    def tokens_per_s(self) -> float:
        """Generated per second of the whole run."""
        return self.generated / self.seconds if self.seconds else 0.0

    @property
    def finished(self) -> list[RequestRecord]:
        """Requests that are done."""
        return [each for each in self.requests if each.finished_s is not None]

    @property
    def energy_j(self) -> Estimate:
        """Of one device of each stage in all iterations; waiting between them is left out."""
        return sum((each.energy_j for each in self.iterations), ZERO)

    @property
    def energy_per_token_j(self) -> Estimate:
        """Of all devices, per token that iterations have generated."""
        devices = self.workload["tensor_parallel"]
        return self.energy_j.scaled(devices / max(1, self.generated))

    @property
    def devices(self) -> int:
        """That share the model, layers and stages."""
        return int(self.workload["tensor_parallel"]) * len(self.stage_busy_s)

    @property
    def mean_batch(self) -> float:
        """Requests that decode, on average over the iterations in which some do."""
        counts = [each.decodes for each in self.iterations if each.decodes]
        return sum(counts) / len(counts) if counts else 0.0

    @property
    def utilisations(self) -> dict[str, float]:
        """Shares of the whole time: of the peaks of MACs, and of the memory's bandwidth.

        On average over the stages of a pipeline, whose own shares come last.
        """
        stages = len(self.stage_busy_s)
        cycles = stages * self.seconds * self.machine["clock_hz"]
        if not cycles:
            return {}
        shares = {
            "matrix units": sum(i.macs for i in self.iterations)
            / (cycles * self.machine["peak_macs_per_cycle"])
        }
        if self.memory_peak_macs_per_cycle:
            done = sum(i.memory_macs for i in self.iterations)
            shares["units in memory"] = done / (cycles * self.memory_peak_macs_per_cycle)
        moved = sum(i.memory_bytes for i in self.iterations)
        bandwidth = self.machine["memory_bandwidth_bytes_per_s"]
        shares["memory bandwidth"] = moved / (stages * self.seconds * bandwidth)
        if stages > 1:
            for stage, busy_s in enumerate(self.stage_busy_s):
                shares[f"stage {stage} at work"] = busy_s / self.seconds
        return shares

    @property
    def time_to_first_token(self) -> Spread | None:
        """From arrival to the first token, of requests that got it here."""
        if self.configuration["serving"]["prompts"] == "elsewhere":
            return None
        return Spread.of(
            r.first_token_s - r.arrival_s
            for r in self.requests
            if r.first_token_s is not None and not r.midway
        )

    @property
    def time_per_output_token(self) -> Spread | None:
        """From the first token to the last, per token behind the first; of finished requests."""
        return Spread.of(
            (r.finished_s - r.first_token_s) / (r.output_tokens - 1)
            for r in self.finished
            if r.first_token_s is not None
            and r.finished_s is not None
            and r.output_tokens > 1
            and not r.midway
        )

    @property
    def latency(self) -> Spread | None:
        """From arrival to the last token, of finished requests."""
        return Spread.of(
            r.finished_s - r.arrival_s
            for r in self.finished
            if r.finished_s is not None and not r.midway
        )

    def to_dict(self) -> dict[str, Any]:
        """The document of `result.json`."""
        from simulator.report.serving.document import to_document

        return to_document(self)

    def to_dataframe(self) -> pd.DataFrame:
        """A pandas DataFrame with one row per iteration; raises CyclelabError without pandas."""
        from simulator.report.serving.tables import iteration_frame

        return iteration_frame(self)

    def summary(self) -> str:
        """What `cyclelab serve` prints, without colours."""
        from simulator.report.serving.console import serving_summary

        return serving_summary(self)

    def __repr__(self) -> str:
        return (
            f"<ServingResult {self.name!r} · {self.machine['name']}: "
            f"{len(self.iterations):,} iterations, {self.tokens_per_s:,.0f} tokens/s>"
        )


def kinds_of(iterations: Sequence[IterationRecord]) -> dict[str, int]:
    """How many iterations there are of each kind."""
    found: dict[str, int] = {}
    for each in iterations:
        found[each.kind] = found.get(each.kind, 0) + 1
    return found
