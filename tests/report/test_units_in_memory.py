"""Reports on a machine whose memory computes: when attention begins, its roof, its stages."""

from __future__ import annotations

from dataclasses import replace
from itertools import groupby, pairwise

import pytest
from matplotlib.colors import to_hex

from simulator.report import plots
from simulator.report.aggregate import operator_groups
from simulator.report.explain import explain
from simulator.report.plots.roofline import IN_MEMORY, roofline_points
from simulator.report.plots.stages import STAGE, stage_bars
from simulator.report.plots.timeline import plot_timeline
from simulator.report.plots.window import (
    Bar,
    Window,
    channels_left_out,
    choose_window,
    rows_of,
    window_bars,
)
from simulator.report.result import MEMORY_UNITS, Result, sub_batch_of, whole_name
from simulator.report.verdict import memory_units_advice, phase_verdicts, sentence
from tests.mapping.turns import in_turns, run, whole

PIPELINE_CYCLES = 16
"""Of the vector unit, behind its last command."""


def both() -> list[Result]:
    return [whole(), in_turns(), run("mapping.pim.barrier=true")]


@pytest.mark.parametrize("number", range(3))
def test_attention_is_under_way_while_its_commands_are(number: int) -> None:
    """From its first command to its last, and all of that is computing or waiting."""
    result = both()[number]
    attention = [op for op in result.operators if op.unit == MEMORY_UNITS]
    assert attention
    for op in attention:
        own = [s for s in result.spans if (s["operator"], s["instance"]) == (op.name, op.instance)]
        assert op.start_cycle == min(span["start_cycle"] for span in own)
        behind = op.start_cycle + op.cycles - max(span["end_cycle"] for span in own)
        assert 0 <= behind <= PIPELINE_CYCLES
        assert op.cycles == op.compute_cycles + sum(op.stall_cycles.values())
        assert min(op.stall_cycles.values(), default=0) >= 0
        assert op.exclusive_cycles <= op.cycles


def test_attention_begins_when_its_queries_are_made() -> None:
    ends = {
        (op.name, op.instance): op.start_cycle + op.cycles
        for op in whole().operators
        if op.name == "qkv_proj"
    }
    starts = {op.instance: op.start_cycle for op in whole().operators if op.name == "attention"}
    assert starts == {layer: ends["qkv_proj", layer] for layer in starts}


def test_a_name_explains_both_sub_batches() -> None:
    assert explain(in_turns(), "attention").count("Mapping on pim") == 2
    assert explain(in_turns(), "attention[2]").count("Mapping on pim") == 1
    assert explain(in_turns(), "*_proj").count("decode[0] / ") == 4
    assert "weights come ahead of its inputs" in explain(in_turns(), "out_proj")


def test_a_summary_says_what_decided_on_turns() -> None:
    chosen = run("workload.sub_batches=2", "mapping.pim.interleave=auto")
    told = str(chosen.workload["sub_batches"])
    assert told.startswith("2, at once (estimated cycles of a layer: ")
    at_once, turns = (
        int(word.replace(",", ""))
        for word in told.split()
        if word[:1].isdigit() and "," in word[1:-1]
    )
    assert at_once <= turns
    never = run("workload.sub_batches=2", "mapping.pim.interleave=never").workload
    assert never["sub_batches"] == "2, at once (mapping.pim.interleave is never)"
    always = in_turns().workload
    assert always["sub_batches"] == "2, in turns (mapping.pim.interleave is always)"
    units = run("workload.sub_batches=2", "mapping.pim.attention=units").workload
    assert units["sub_batches"] == (
        "2, at once (no attention in the memory beside which others could run)"
    )
    assert "sub_batches" not in whole().workload


def test_a_verdict_names_units_in_the_memory() -> None:
    for result in both():
        (verdict,) = phase_verdicts(result)
        assert verdict.units_in_memory is not None
        assert 0 < verdict.units_in_memory.busy < 1
        assert "the units in it have work" in sentence(result, verdict)
        attention = next(g for g in operator_groups(result) if g.unit == MEMORY_UNITS)
        told = sentence(result, replace(verdict, bound="latency", top=attention))
        assert f"{attention.name}, on the units in the memory, takes" in told
        assert "Most of a tile is opening and closing its rows" in told
        assert "No roof is near" not in told
    (plain,) = phase_verdicts(run("mapping.pim.attention=units"))
    assert "units in" not in sentence(whole(), plain)


def test_keys_that_many_heads_share_had_better_be_read() -> None:
    """One head of keys for 32 of queries: each multiplies them by itself in the memory."""
    group = next(g for g in operator_groups(whole()) if g.unit == MEMORY_UNITS)
    streaming = group.mapping["cycles_to_stream_instead"]
    shared = group.mapping | {"estimated_cycles_of_the_busiest": 2 * streaming}
    told = memory_units_advice(replace(group, mapping=shared))
    assert f"come over the data buses in {streaming:,} cycles" in told
    assert "mapping.pim.attention: auto" in told


def test_one_row_buffer_hides_nothing() -> None:
    result = run("machine.memory.device=hbm2-newton-single")
    group = next(g for g in operator_groups(result) if g.unit == MEMORY_UNITS)
    assert "Row buffers of their own would" in memory_units_advice(group)


# -- the roofline ---------------------------------------------------------------------------
def test_attention_is_below_the_roof_of_units_in_the_memory() -> None:
    """Every operand is read for one product: two operations per 2 bytes, at the units' ridge."""
    result = whole()
    units = result.machine["memory_units"]
    peak = 2 * units["macs_per_cycle"] * result.machine["clock_hz"]
    points = [p for p in roofline_points(result) if p.phase.endswith(IN_MEMORY)]
    assert [point.name for point in points] == ["attention"]
    assert points[0].intensity == pytest.approx(1.0)
    assert points[0].value < peak
    (ax,) = plots.plot_roofline(result).axes
    roofs = [line for line in ax.lines if max(line.get_ydata()) == pytest.approx(peak)]  # type: ignore[arg-type]
    assert len(roofs) == 1
    assert any(text.get_text().startswith("units in the memory") for text in ax.texts)


def test_without_work_for_them_units_in_the_memory_have_no_roof() -> None:
    (ax,) = plots.plot_roofline(run("mapping.pim.attention=units")).axes
    assert not any("in the memory" in text.get_text() for text in ax.texts)


@pytest.mark.parametrize("name", ["plot_roofline", "plot_energy_roofline"])
def test_no_mark_of_a_legend_lies_among_the_points(name: str) -> None:
    figure = getattr(plots, name)(whole())
    figure.canvas.draw()
    (ax,) = figure.axes
    assert ax.get_legend() is None
    for legend in figure.legends:
        assert not legend.get_window_extent().overlaps(ax.get_window_extent())


# -- the timeline ---------------------------------------------------------------------------
def everything(result: Result) -> Window:
    return Window(result.phases[0].name, "", 0, result.cycles)


def test_stages_follow_figure_10() -> None:
    """Three layers: A, B, C and D twice, E, F; each begins where the one before ends."""
    bars = stage_bars(in_turns(), everything(in_turns()))
    assert "".join(bar.operator for bar in bars) == "ABCDCDEF"
    assert all(a.end == b.start for a, b in pairwise(bars))
    assert stage_bars(whole(), everything(whole())) == []


def test_work_of_units_outside_the_memory_is_in_its_stage() -> None:
    """A: QKV of the first half; E and F: what is behind attention of the last layer."""
    result = in_turns()
    bars = stage_bars(result, everything(result))
    gemms = [bar for bar in window_bars(result, everything(result)) if "systolic" in bar.row]

    def inside(stage: int) -> set[str]:
        start, end = bars[stage].start, bars[stage].end
        return {bar.operator for bar in gemms if start <= bar.start < end}

    assert inside(0) == {"qkv_proj[1]"}
    assert inside(1) == {"qkv_proj[2]"}
    assert inside(2) == {"out_proj[1]", "fc1[1]", "fc2[1]", "qkv_proj[1]"}
    assert inside(-2) == {"out_proj[1]", "fc1[1]", "fc2[1]"}
    assert {"out_proj[2]", "fc1[2]", "fc2[2]"} <= inside(-1)


def test_every_bar_of_a_timeline_has_a_name() -> None:
    result = in_turns()
    figure = plot_timeline(result)
    (ax,) = figure.axes
    bars = window_bars(result, choose_window(result))
    shown = {bar.operator for bar in bars if bar.row in rows_of(bars)}
    labels = {text.get_text() for legend in figure.legends for text in legend.get_texts()}
    assert shown <= labels | {text.get_text() for text in ax.texts}
    colours = {
        handle.get_label(): to_hex(handle.get_facecolor())  # type: ignore[attr-defined]
        for legend in figure.legends
        for handle in legend.legend_handles
        if handle is not None
    }
    assert len(set(colours.values())) == len(colours)
    pairs = groupby(sorted(filter(sub_batch_of, map(str, colours))), key=whole_name)
    assert any(len(list(pair)) == 2 for _, pair in pairs), "halves are told apart"


def test_channels_are_in_order_and_counted() -> None:
    """Of as many as have no room, the busiest, by number."""
    (ax,) = plot_timeline(in_turns()).axes
    assert [label.get_text() for label in ax.get_yticklabels()][:2] == [STAGE, "operator"]
    assert ax.get_xlabel().endswith("(µs)"), "all channels have room"
    bars = [Bar(f"memory.channel{n}", "attention", 0, 100 + 7 * n % 32) for n in range(32)]
    rows = rows_of(bars)
    channels = [int(row.removeprefix("memory.channel")) for row in rows[1:]]
    busiest = sorted(range(32), key=lambda n: -(7 * n % 32))[: len(channels)]
    assert channels == sorted(busiest)
    assert channels_left_out(bars, rows) == f"of 32 channels the {len(channels)} busiest here"


def test_a_title_says_which_part_is_shown() -> None:
    result = in_turns()
    (ax,) = plot_timeline(result, start_cycle=10_000, end_cycle=20_000).axes
    total = round(result.seconds * 1e6)
    shown = "Timeline of decode[0], layers.0: 10 to 20 of"
    assert ax.get_title(loc="left") == f"{shown} {total:,} µs"
    (ax,) = plot_timeline(result, start_cycle=0, end_cycle=result.cycles).axes
    assert ax.get_title(loc="left") == "Timeline of decode[0]"
