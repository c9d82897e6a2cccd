"""The Result: everything a run found out, as plain data.

Quantities with uncertainty are `Estimate`s. `Result.to_dict()` is what goes to
`result.json`; tables, plots, timeline, HTML and `explain` read only this.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.cost.estimate import ZERO as ZERO
from simulator.cost.estimate import Estimate as Estimate

MEMORY_UNITS = "pim"
"""The unit of operators that run in a memory that computes."""
SUB_BATCHES = ("[1]", "[2]")
"""Behind the names of operators of either of two sub-batches in turns."""
LAYERS = "layers"
"""Blocks of layers are called that, or `layers[3]` where some are unlike others."""

SECONDS_PER_HOUR = 3600

if TYPE_CHECKING:
    import pandas as pd

    from simulator.report.aggregate import OperatorGroup


def sub_batch_of(name: str) -> int:
    """Number of the sub-batch that an operator's name ends with, from 1; 0 without."""
    return next((n for n, mark in enumerate(SUB_BATCHES, start=1) if name.endswith(mark)), 0)


def whole_name(name: str) -> str:
    """An operator's name without the number of its sub-batch."""
    return name[: -len(SUB_BATCHES[0])] if sub_batch_of(name) else name


@dataclass(slots=True)
class OperatorResult:
    """One executed operator instance (`layers.3.qkv_proj`).

    start_cycle, cycles, compute_cycles, stall_cycles: the machine's reference
        clock; `cycles == compute_cycles + sum(stall_cycles.values())`.
        start_cycle counts from the start of the run, not of the phase.
    exclusive_cycles: how much it put off the end; adds up over the phase.
    bytes: by memory level: `dram_read`, `dram_write`, `scratchpad_read`, …
    energy_parts_j: joules by the first two names of a component's path
        (`core.matrix_unit`, `memory`, `wires`, `clock.idle`…); they add up to energy_j.value.
    bound: `compute`, `memory`, `vector` or `latency`: what its time is nearest to.
    utilisation: MACs / (active cycles × peak MACs per cycle of the units it runs on), 0
        for vector work.
    """

    phase: str
    name: str
    block: str
    instance: int
    kind: str
    unit: str
    start_cycle: int
    cycles: int
    compute_cycles: int
    exclusive_cycles: int
    stall_cycles: dict[str, int]
    bytes: dict[str, int]
    macs: int
    utilisation: float
    bound: str
    compute_bound_cycles: int
    memory_bound_cycles: int
    compulsory_bytes: int
    energy_j: Estimate
    energy_parts_j: dict[str, float] = field(default_factory=dict)
    mapping: dict[str, Any] = field(default_factory=dict)

    @property
    def in_layers(self) -> bool:
        """Whether it is part of a layer, not of what comes before or behind all layers."""
        return self.block.startswith(LAYERS)

    @property
    def active_cycles(self) -> int:
        """Cycles in which its unit was at work on it, or it put off the end: no mere waiting."""
        return max(self.compute_cycles, self.exclusive_cycles)

    @property
    def path(self) -> str:
        """`layers.3.qkv_proj`: block, instance and name; the name alone outside blocks."""
        return f"{self.block}.{self.instance}.{self.name}" if self.block else self.name


@dataclass(slots=True)
class PhaseResult:
    """One phase: `start_cycle` places it in the whole run.

    busy_cycles: per queue (`core0.matrix`…), in cycles of the machine's clock.
    dram: commands, row hits and more (`hardware/dram/statistics.py`), where the memory
        is modelled by commands.
    pipeline: of several stages: `stage_cycles`, `between_cycles` of sends, how often each
        of the `micro_batches` comes round (`round_cycles`, `round_seconds`), the `requests`
        of all and of this `micro_batch`.
    sharers: devices that share every layer, of which this is what one does.
    """

    name: str
    kind: str
    tokens: int
    generated: int
    start_cycle: int
    cycles: int
    seconds: float
    macs: int
    dram_read_bytes: int
    dram_write_bytes: int
    busy_cycles: dict[str, int]
    memory_busy_seconds: float
    energy_j: Estimate
    dram: dict[str, Any] | None = None
    pipeline: dict[str, Any] | None = None
    sharers: int = 1

    @property
    def round_seconds(self) -> float:
        """Until the same requests can begin the next phase: more than `seconds` in a pipeline
        whose slowest stage still works on others."""
        return self.pipeline["round_seconds"] if self.pipeline else self.seconds

    @property
    def batches(self) -> float:
        """How many times its tokens all devices take in or make in that time."""
        facts = self.pipeline
        return facts["requests"] / facts["micro_batch"] if facts else 1.0


@dataclass(slots=True, repr=False)
class Result:
    """What `cyclelab run` found. See `docs/results.md` for every field.

    utilisation: share of all cycles that the MACs take at the peak of their units, without
        those of a memory that computes.
    machine: name, clock_hz, peak_macs_per_cycle, memory_bandwidth_bytes_per_s,
        memory_latency_s, memory_capacity_bytes, matrix units, queues…
    area_by_component: mm², path → Estimate; energy_by_component: joules.
    spans: tile-level intervals of a bounded window, for the timeline: dicts with
        phase, queue, operator, instance, label, start_cycle, end_cycle (from the
        run's start).
    devices: that share the workload. Cycles, bytes, energy and area are those of one of
        them; tokens_per_s those of all together.
    configuration: the resolved experiment; its hash and the version name the run.
    """

    name: str
    machine: dict[str, Any]
    workload: dict[str, Any]
    cycles: int
    seconds: float
    time_to_first_token_s: float | None
    time_per_output_token_s: float | None
    tokens_per_s: float | None
    utilisation: float
    area_mm2: Estimate
    energy_j: Estimate
    power_w: Estimate
    phases: list[PhaseResult]
    operators: list[OperatorResult]
    area_by_component: dict[str, Estimate]
    energy_by_component: dict[str, Estimate]
    technology: dict[str, Any]
    sources: dict[str, str]
    configuration: dict[str, Any]
    configuration_hash: str
    version: str
    seed: int
    spans: list[dict[str, Any]] = field(default_factory=list)
    simulation: dict[str, Any] = field(default_factory=dict)
    devices: int = 1

    @property
    def tokens_per_s_per_device(self) -> float | None:
        """Tokens per second over the number of devices."""
        return None if self.tokens_per_s is None else self.tokens_per_s / self.devices

    @property
    def tokens_per_usd(self) -> float | None:
        """Tokens for a dollar, of all devices; None without tokens or without a price."""
        price = self.machine.get("price_usd_per_hour")
        if price is None or self.tokens_per_s is None:
            return None
        return self.tokens_per_s * SECONDS_PER_HOUR / (float(price) * self.devices)

    def to_dict(self) -> dict[str, Any]:
        """The document of `result.json`, plain data in a fixed order of keys."""
        from simulator.report.serialise import to_dict

        return to_dict(self)

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Result:
        """The inverse of `to_dict`; raises CyclelabError for anything else."""
        from simulator.report.serialise import from_dict

        return from_dict(document)

    def to_dataframe(self) -> pd.DataFrame:
        """A pandas DataFrame with one row per operator instance.

        Columns are those of `operators.csv`. Raises CyclelabError without pandas.
        """
        from simulator.report.tables import operator_frame

        return operator_frame(self)

    def by_operator(self) -> list[OperatorGroup]:
        """Operators summed over layers and over phases of one kind, in execution order."""
        from simulator.report.aggregate import operator_groups

        return operator_groups(self)

    def summary(self) -> str:
        """What `cyclelab run` prints, without colours."""
        from simulator.report.console import summary

        return summary(self)

    def __repr__(self) -> str:
        return (
            f"<Result {self.name!r} · {self.machine['name']}: "
            f"{self.cycles:,} cycles, {self.seconds:.4g} s>"
        )

    def _repr_html_(self) -> str:
        from simulator.report.notebook import fragment

        return fragment(self)
