"""The summary that `cyclelab serve` prints: plain text, at most 100 columns."""

from __future__ import annotations

from simulator.report.lines import BOLD, DIM, side_by_side, styled, wrapped
from simulator.report.machine_facts import idle_lines
from simulator.report.serving.result import PERCENTILES, ServingResult, Spread, kinds_of
from simulator.report.units import columns, count, estimate, percent, seconds, si, significant

BETWEEN = 5
"""Columns between tables side by side."""


def serving_summary(result: ServingResult, colour: bool = False) -> str:
    """The whole summary; `colour` adds bold and dim only, never information."""
    provenance = f"cyclelab {result.version} · configuration {result.configuration_hash[:12]}"
    blocks = [
        [styled(result.name, BOLD, colour), *_what_ran(result)],
        _totals(result),
        side_by_side([_times(result), _shares(result)], BETWEEN),
        [styled(provenance, DIM, colour)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _what_ran(result: ServingResult) -> list[str]:
    work, serving = result.workload, result.configuration["serving"]
    wanted = serving["requests"]
    devices = ""
    if len(result.stage_busy_s) > 1:
        each = work["tensor_parallel"]
        devices = f", {len(result.stage_busy_s)} stages of {_plural(each, 'device')}"
    elif result.devices > 1:
        devices = f", one of {result.devices} devices"
    requests = [
        f"{count(result.offered_requests)} of {wanted['lengths'] or wanted['trace']}",
        _arrivals(serving),
        f"at most {count(serving['batch'])} at once",
        {
            "separate": "prompts in iterations of their own",
            "mixed": "prompts beside decoding",
            "elsewhere": "prompts processed elsewhere",
        }[serving["prompts"]],
        {"reserve": "room reserved for whole outputs", "grow": "KV cache grows"}[
            serving["admission"]
        ],
    ]
    kinds = [f"{count(n)} {kind}" for kind, n in kinds_of(result.iterations).items()]
    iterations = [f"{count(len(result.iterations))}: {', '.join(kinds)}", *_likeness(result)]
    return [
        *wrapped("model       ", f"{work['model']} on {result.machine['name']}{devices}"),
        *[line for text in idle_lines(result.machine) for line in wrapped("idle        ", text)],
        *wrapped("requests    ", " · ".join(requests)),
        *wrapped("iterations  ", " · ".join(iterations)),
    ]


def _arrivals(serving: dict[str, object]) -> str:
    if serving["arrivals"] == "poisson":
        return f"{serving['requests_per_s']:g} arrive per second"
    if serving["arrivals"] == "trace":
        return "arriving as in the trace"
    return "the first midway" if serving["start"] == "midway" else "there from the start"


def _likeness(result: ServingResult) -> list[str]:
    """How many iterations were simulated, and how far the others are to be trusted."""
    likeness = result.likeness
    if likeness.kind == "every":
        return ["each simulated"]
    simulated = sum(each.simulated for each in result.iterations)
    others = ", the others like them" if simulated < len(result.iterations) else ""
    said = [f"{count(simulated)} simulated{others}"]
    if likeness.mean_error is not None and likeness.largest_error is not None:
        said.append(
            f"error {_signed(likeness.mean_error)} on average, at most "
            f"{percent(likeness.largest_error)}, over {count(len(likeness.errors))} checked"
        )
    total = result.workload["layers"]
    if likeness.layers < total:
        error = likeness.layers_error
        checked = "" if error is None else f" (error {_signed(error)} in one iteration)"
        stages = len(result.stage_busy_s)
        of = f"{total}" if stages == 1 else f"each stage's {-(-total // stages)}"
        said.append(f"{likeness.layers} of {of} layers stand for all{checked}")
    return said


def _signed(share: float) -> str:
    sign = "−" if share < 0 else "+"
    if abs(share) < 0.001:
        return percent(abs(share))
    return f"{sign}{percent(abs(share))}"


def _totals(result: ServingResult) -> list[str]:
    done, offered = len(result.finished), result.offered_requests
    whose = f", all {result.devices} devices" if result.devices > 1 else ""
    waited = result.seconds - result.busy_seconds
    rows = [
        ("throughput", si(result.tokens_per_s, "tokens/s"), "generated", _tokens(result)),
        (
            "time",
            seconds(result.seconds),
            "requests done",
            f"{count(done)} of {count(offered)}, {_rate(done, result.seconds)}",
        ),
        (
            "batch",
            f"{significant(result.mean_batch)} decode",
            "KV cache",
            f"{percent(max((i.kv_share for i in result.iterations), default=0.0))} of its room at "
            f"most, {_plural(result.preemptions, 'preemption')}",
        ),
    ]
    lines = [f"{a:<14}{b:<24}{c:<16}{d}".rstrip() for a, b, c, d in rows]
    lines.append(f"{'energy':<14}{estimate(result.energy_per_token_j, 'J')} per token{whose}")
    if waited > 0:
        lines.append(f"{'idle':<14}{seconds(waited)} waiting for requests")
    return lines


def _tokens(result: ServingResult) -> str:
    return f"{count(result.generated)} tokens"


def _rate(done: int, elapsed: float) -> str:
    return f"{significant(done / elapsed)} per second" if elapsed else "none"


def _times(result: ServingResult) -> list[str]:
    rows: list[tuple[str, Spread | None]] = [
        ("to the first token", result.time_to_first_token),
        ("per output token", result.time_per_output_token),
        ("until a request is done", result.latency),
    ]
    table = [
        (name, seconds(spread.mean), *(seconds(spread.percentiles[p]) for p in PERCENTILES))
        for name, spread in rows
        if spread is not None
    ]
    if not table:
        return []
    header = ("time of requests", "mean", *(f"p{p}" for p in PERCENTILES))
    return columns(header, table, left={0})


def _shares(result: ServingResult) -> list[str]:
    table = [(name, percent(share)) for name, share in result.utilisations.items()]
    return columns(("utilisation", ""), table, left={0})


def _plural(number: int, noun: str) -> str:
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"
