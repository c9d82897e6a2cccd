"""The requests of a run, and when they arrive."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from simulator.config import ConfigError, find
from simulator.config.files import display_path
from simulator.workload.serving.lengths import draw_lengths, load_lengths
from simulator.workload.serving.spec import ServingSpec
from simulator.workload.traces import TraceRequest, TraceSpec, trace_requests

FEMTOSECONDS = 10**15
TICKS_PER_SECOND = 10**7
"""Azure's timestamps have seven decimals."""
TIMESTAMP = re.compile(r"(.+?\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?")
"""Date and time to the second, decimals, time zone."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request: tokens of its prompt, tokens to generate, and when it arrives."""

    prompt_tokens: int
    output_tokens: int
    arrival_fs: int = 0


def arrivals_of(
    spec: ServingSpec, max_context: int, relative_to: Path | None = None
) -> list[Arrival]:
    """Requests in the order of their arrival, the first at time 0 where a trace says when.

    Raises ConfigError for files that are missing or wrong, and for requests of a trace
    that exceed `max_context`.
    """
    wanted = spec.requests
    if wanted.lengths is not None:
        lengths = load_lengths(wanted.lengths, relative_to)
        sizes = draw_lengths(lengths, wanted.count, wanted.seed, max_context)
        times = _drawn_times(spec, len(sizes))
    else:
        assert wanted.trace is not None
        path = find("traces", wanted.trace, relative_to)
        chosen = trace_requests(
            TraceSpec(
                file=wanted.trace,
                requests=wanted.count,
                offset=wanted.offset,
                skip_too_long=wanted.skip_too_long,
            ),
            path,
            max_context,
        )
        sizes = [(each.prompt_tokens, each.generated_tokens) for each in chosen]
        if spec.arrivals == "trace":
            times = _trace_times(chosen, display_path(path))
        else:
            times = _drawn_times(spec, len(sizes))
    return [Arrival(p, o, at) for (p, o), at in zip(sizes, times, strict=True)]


def _drawn_times(spec: ServingSpec, count: int) -> list[int]:
    """All at 0, or with exponentially distributed times between them (a Poisson process)."""
    if spec.requests_per_s is None:
        return [0] * count
    generator = np.random.default_rng([spec.requests.seed, 1])
    between = generator.exponential(1.0 / spec.requests_per_s, count)
    return [round(float(at) * FEMTOSECONDS) for at in np.cumsum(between)]


def _trace_times(requests: list[TraceRequest], file: str) -> list[int]:
    first = _ticks(requests[0], file)
    times: list[int] = []
    for request in requests:
        at = (_ticks(request, file) - first) * (FEMTOSECONDS // TICKS_PER_SECOND)
        if times and at < times[-1]:
            raise ConfigError(
                "the request arrives before the one above it", file=file, line=request.line
            )
        times.append(at)
    return times


def _ticks(request: TraceRequest, file: str) -> int:
    """When a request arrived, in ticks of 100 ns since some moment."""
    text = request.arrived
    try:
        return round(float(text) * TICKS_PER_SECOND)
    except (ValueError, OverflowError):
        pass
    match = TIMESTAMP.fullmatch(text)
    try:
        if match is None:
            raise ValueError
        whole, fraction, zone = match.groups(default="")
        moment = datetime.fromisoformat(whole + zone)
        moment = moment if zone else moment.replace(tzinfo=UTC)
        ticks = int(f"{fraction:0<7}"[:7])
    except ValueError:
        raise ConfigError(
            f"found {text[:40]!r}, expected when the request arrived: a date and time, or seconds",
            file=file,
            line=request.line,
        ) from None
    return int(moment.timestamp()) * TICKS_PER_SECOND + ticks
