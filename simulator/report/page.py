"""`report.html`: one self-contained page that works offline, light or dark."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from simulator.report.aggregate import OperatorGroup, operator_groups
from simulator.report.device_words import device_lines
from simulator.report.explain import explain
from simulator.report.machine_facts import idle_lines, machine_line, workload_line
from simulator.report.markup import Cell, component_table, operator_table, phase_table, table
from simulator.report.page_assets import cards, details, page
from simulator.report.page_figures import figures
from simulator.report.plots.style import CAUSE_COLOURS, GREY
from simulator.report.result import Estimate, Result
from simulator.report.units import count, percent, seconds, si, significant
from simulator.report.verdict import phase_verdicts, sentence
from simulator.report.words import cause_label, cause_order


def report_page(result: Result, pictures: Mapping[str, str], configuration_yaml: str) -> str:
    """The page's text. pictures: name (`roofline`, …) → SVG document."""
    operators = operator_groups(result)
    sections = [
        _header(result, operators),
        figures(pictures),
        f'<h2>Phases</h2><div class="scroll">{phase_table(result)}</div>',
        _operators(operators),
        _components(result),
        details("In words", f"<pre>{escape(explain(result))}</pre>"),
        details("Resolved configuration", f"<pre>{escape(configuration_yaml)}</pre>"),
        _sources(result),
        _footer(result),
    ]
    return page(f"{result.name} · cyclelab", sections, _cause_styles(operators))


def _header(result: Result, operators: list[OperatorGroup]) -> str:
    machine = escape(" · ".join(machine_line(result)))
    workload = escape(" · ".join(workload_line(result)))
    further = [*idle_lines(result.machine), *device_lines(result)]
    devices = "".join(f"<br>{escape(line)}" for line in further)
    verdicts = "".join(
        f"<p>{escape(sentence(result, verdict))}</p>"
        for verdict in phase_verdicts(result, operators)
    )
    return (
        f"<h1>{escape(result.name)}</h1>\n"
        f'<p class="muted">{workload}<br>{machine}{devices}</p>\n{_cards(result)}\n{verdicts}'
    )


def _cards(result: Result) -> str:
    rate = "–" if result.tokens_per_s is None else si(result.tokens_per_s, "")
    bought = "–" if result.tokens_per_usd is None else si(result.tokens_per_usd, "")
    found = [
        ("time", seconds(result.seconds), f"{count(result.cycles)} cycles"),
        ("to first token", seconds(result.time_to_first_token_s), ""),
        ("per output token", seconds(result.time_per_output_token_s), ""),
        ("tokens per second", rate, ""),
        ("tokens per dollar", bought, ""),
        ("of peak MACs", percent(result.utilisation), ""),
        ("energy", si(result.energy_j.value, "J"), _bounds(result.energy_j, "J")),
        ("mean power", si(result.power_w.value, "W"), _bounds(result.power_w, "W")),
        ("area", f"{significant(result.area_mm2.value)} mm²", _bounds(result.area_mm2, "")),
    ]
    return cards(card for card in found if card[1] != "–")


def _bounds(value: Estimate, unit: str) -> str:
    if not unit:
        return f"{significant(value.low)}–{significant(value.high)} mm²"
    return f"{si(value.low, unit)} – {si(value.high, unit)}"


def _operators(operators: list[OperatorGroup]) -> str:
    legend = "".join(
        f'<span><i class="c-{escape(c)}"></i>{escape(cause_label(c))}</span>'
        for c in _causes(operators)
    )
    return (
        "<h2>Operators</h2>\n"
        '<p class="muted">Summed over layers. Cycles are those by which an operator put off the '
        "end, so they add up to the phase. Click on a heading to sort.</p>\n"
        f'<div class="legend">{legend}</div>\n'
        f'<div class="scroll">{operator_table(operators, "sortable operators")}</div>'
    )


def _causes(operators: list[OperatorGroup]) -> list[str]:
    return sorted({c for g in operators for c in g.time_cycles}, key=cause_order)


def _cause_styles(operators: list[OperatorGroup]) -> str:
    return "".join(
        f".c-{c} {{ background: {CAUSE_COLOURS.get(c, GREY)}; }}\n" for c in _causes(operators)
    )


def _components(result: Result) -> str:
    energy = component_table(result.energy_by_component, "J", prefix=True)
    area = component_table(result.area_by_component, "mm²", prefix=False)
    return (
        f'<h2>Energy and area by component</h2><div class="two"><div class="scroll">{energy}</div>'
        f'<div class="scroll">{area}</div></div><h2>More</h2>'
    )


def _sources(result: Result) -> str:
    rows = [(Cell(name), Cell(source)) for name, source in result.sources.items()]
    return details("Sources", table(("value", "source"), rows, left=2)) if rows else ""


def _footer(result: Result) -> str:
    technology = result.technology.get("name", "")
    parts = [f"cyclelab {result.version}", f"configuration {result.configuration_hash}"]
    parts += [f"technology {technology}"] if technology else []
    parts.append(f"seed {result.seed}")
    return f"<footer>{escape(' · '.join(parts))}</footer>"
