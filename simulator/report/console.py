"""The summary that `cyclelab run` prints: plain text, at most 100 columns."""

from __future__ import annotations

import os
from typing import IO

from simulator.report.aggregate import OperatorGroup, PhaseGroup, operator_groups, phase_groups
from simulator.report.device_words import device_lines
from simulator.report.dram_words import dram_rows, has_dram
from simulator.report.efficiency import HEAD, efficiency_cells, efficiency_of
from simulator.report.lines import BOLD, DIM, WIDTH, styled, wrapped
from simulator.report.machine_facts import (
    bandwidth_bytes_per_second,
    idle_lines,
    machine_line,
    workload_line,
)
from simulator.report.result import ZERO, Estimate, Result
from simulator.report.units import bar, columns, count, estimate, percent, seconds, si
from simulator.report.verdict import phase_verdicts, sentence
from simulator.report.words import cause_label, short_paths

NAME_WIDTH = 20
MIN_NAME_WIDTH = 10
COMPONENT_WIDTH = 18
MIN_GAP = 2
MIN_SHARE = 0.0005
MAX_OPERATORS = 16
MAX_COMPONENTS = 8

NOT_MODELLED = (
    "area and energy are of the parts listed; control, networks, PHYs and glitches are not modelled"
)


def wants_colour(stream: IO[str]) -> bool:
    """True if `stream` is a terminal and NO_COLOR (https://no-color.org) is not set."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def summary(result: Result, colour: bool = False) -> str:
    """The whole summary; `colour` adds bold and dim only, never information."""
    operators = operator_groups(result)
    memory = [_dram_table(result)] if has_dram(result) else []
    tables = [
        _phase_table(result),
        _efficiency_table(result),
        *memory,
        *_operator_tables(result, operators),
        _components(result),
    ]
    blocks = [
        [styled(_clip(result.name, WIDTH), BOLD, colour), *_what_ran(result)],
        _totals(result),
        *([styled(heading, BOLD, colour), *lines] for heading, *lines in tables),
        _closing(result, operators),
        [styled(line, DIM, colour) for line in _provenance(result)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _what_ran(result: Result) -> list[str]:
    return [
        *wrapped("workload  ", " · ".join(workload_line(result))),
        *wrapped("machine   ", " · ".join(machine_line(result))),
        *[line for text in idle_lines(result.machine) for line in wrapped("idle      ", text)],
        *[line for text in device_lines(result) for line in wrapped("devices   ", text)],
    ]


def _totals(result: Result) -> list[str]:
    first, following = result.time_to_first_token_s, result.time_per_output_token_s
    area = estimate(result.area_mm2, "mm²", prefix=False)
    rows = [
        ("cycles", count(result.cycles), "to first token", seconds(first)),
        ("time", seconds(result.seconds), "per output token", seconds(following)),
        ("of peak MACs", percent(result.utilisation), "tokens/s", _rate(result.tokens_per_s)),
        ("energy", estimate(result.energy_j, "J"), "area", area),
        ("power", estimate(result.power_w, "W"), *_value(result)),
    ]
    return [f"{a:<14}{b:<34}{c:<18}{d}".rstrip() for a, b, c, d in rows]


def _value(result: Result) -> tuple[str, str]:
    """What a dollar buys, if the machine has a price."""
    tokens = result.tokens_per_usd
    return ("", "") if tokens is None else ("tokens/$", si(tokens, ""))


def _rate(value: float | None) -> str:
    return "–" if value is None else si(value, "")


def _phase_table(result: Result) -> list[str]:
    header = ("phase", "tokens", "cycles", "time", "tokens/s", "of peak MACs", "DRAM read")
    rows = [_phase_row(result, group) for group in phase_groups(result)]
    return columns((*header, "written", "bandwidth", "energy"), rows, left={0})


def _efficiency_table(result: Result) -> list[str]:
    rows = [
        (_clip(group.label, NAME_WIDTH), *efficiency_cells(efficiency_of(group, result.area_mm2)))
        for group in phase_groups(result)
    ]
    return columns(("phase", *HEAD), rows, left={0})


def _dram_table(result: Result) -> list[str]:
    header, rows = dram_rows(result)
    return columns(header, rows, left={0})


def _phase_row(result: Result, group: PhaseGroup) -> tuple[str, ...]:
    available = bandwidth_bytes_per_second(result) * group.seconds
    return (
        _clip(group.label, NAME_WIDTH),
        count(group.tokens),
        si(group.cycles, "", 4),
        seconds(group.seconds),
        _rate(group.tokens_per_s),
        percent(group.utilisation),
        si(group.dram_read_bytes, "B"),
        si(group.dram_write_bytes, "B"),
        percent(group.dram_bytes / available) if available else "–",
        si(group.energy_j.value, "J"),
    )


def _operator_tables(result: Result, operators: list[OperatorGroup]) -> list[list[str]]:
    tables = []
    for phase in phase_groups(result):
        own = [group for group in operators if group.phase == phase.label]
        shown = [g for g in own if g.share >= MIN_SHARE]
        if len(shown) > MAX_OPERATORS:
            least = sorted((g.share for g in shown), reverse=True)[MAX_OPERATORS - 1]
            shown = [g for g in shown if g.share >= least][:MAX_OPERATORS]
        lines = _fitting_table(_clip(phase.label, NAME_WIDTH), shown)
        hidden = [g for g in own if g not in shown]
        if hidden:
            share = percent(sum(g.share for g in hidden))
            plural = "s" if len(hidden) > 1 else ""
            lines.append(f"{len(hidden)} smaller operator{plural}: {share} of the time")
        tables.append(lines)
    return tables


def _fitting_table(title: str, groups: list[OperatorGroup]) -> list[str]:
    """The table of some operators, with bars and names cut as the width asks."""
    header = (title, "kind", "cycles", "time", "MACs", "bound", "lost to", "DRAM", "energy")
    widest = max((g.share for g in groups), default=1.0) or 1.0
    lines: list[str] = []
    widths = [(NAME_WIDTH, bar_width) for bar_width in range(6, 2, -1)]
    widths += [(name_width, 3) for name_width in range(NAME_WIDTH - 1, MIN_NAME_WIDTH - 1, -1)]
    for name_width, bar_width in widths:
        rows = [_operator_row(group, widest, name_width, bar_width) for group in groups]
        lines = columns(header, rows, left={0, 1, 3, 5, 6})
        if max(len(line) for line in lines) <= WIDTH:
            break
    return lines


def _operator_row(
    group: OperatorGroup, widest: float, name_width: int, bar_width: int
) -> tuple[str, ...]:
    cause, share = group.main_loss
    times = f" ×{group.count}" if group.count > 1 else ""
    return (
        _clip(group.name, name_width - len(times)) + times,
        _clip(group.kind, 10),
        si(group.exclusive_cycles, ""),
        f"{percent(group.share):>6} {bar(group.share / widest, bar_width)}",
        percent(group.utilisation) if group.macs else "–",
        _clip(group.bound, 7),
        f"{_clip(cause_label(cause), 12)} {percent(share)}" if share >= 0.005 else "–",
        si(group.dram_bytes, "B") if group.dram_bytes else "–",
        si(group.energy_j.value, "J"),
    )


def _components(result: Result) -> list[str]:
    """Energy and area by component, side by side where both fit."""
    left = _component_table("energy", result.energy_by_component, "J")
    right = _component_table("area, mm²", result.area_by_component, "")
    height = max(len(left), len(right))
    used = max(len(line) for line in left) + max(len(line) for line in right)
    if used + MIN_GAP > WIDTH:
        return [*left, "", *right]
    width = max(len(line) for line in left) + min(WIDTH - used, 2 * MIN_GAP)
    left += [""] * (height - len(left))
    right += [""] * (height - len(right))
    return [(a.ljust(width) + b).rstrip() for a, b in zip(left, right, strict=True)]


def _component_table(title: str, parts: dict[str, Estimate], unit: str) -> list[str]:
    """Largest components first; `unit` empty prints plain numbers without prefix."""
    total = sum(part.value for part in parts.values()) or 1.0
    ranked = sorted(parts.items(), key=lambda item: -item[1].value)
    shown = ranked[:MAX_COMPONENTS]
    if len(ranked) > MAX_COMPONENTS:
        rest = sum((part for _, part in ranked[MAX_COMPONENTS:]), ZERO)
        shown.append((f"{len(ranked) - MAX_COMPONENTS} others", rest))
    names = short_paths([name for name, _ in shown], COMPONENT_WIDTH)
    rows = [
        (name, percent(part.value / total), estimate(part, unit, prefix=bool(unit)))
        for name, (_, part) in zip(names, shown, strict=True)
    ]
    return columns((title, "", ""), rows, left={0, 2})


def _closing(result: Result, operators: list[OperatorGroup]) -> list[str]:
    lines: list[str] = []
    for verdict in phase_verdicts(result, operators):
        lines += wrapped("", sentence(result, verdict))
    return lines


def _provenance(result: Result) -> list[str]:
    technology = result.technology.get("name", "")
    parts = [f"cyclelab {result.version}", f"configuration {result.configuration_hash[:12]}"]
    parts += [f"technology {technology}"] if technology else []
    parts += [f"seed {result.seed}"]
    warning = result.technology.get("warning", "")
    notes = [warning, NOT_MODELLED] if warning else [NOT_MODELLED]
    return [line for text in (" · ".join(parts), *notes) for line in wrapped("", text)]


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"
