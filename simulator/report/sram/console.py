"""The summary that `cyclelab sram` prints: plain text, at most 100 columns."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from simulator.hardware.sram_pim.choices import Choice
from simulator.hardware.sram_pim.latencies import latency_table
from simulator.hardware.sram_pim.layouts import combined_entries
from simulator.hardware.sram_pim.lut_gemv import MOST_BASIS_WEIGHTS, LutGemv
from simulator.report.lines import BOLD, DIM, WIDTH, styled, wrapped
from simulator.report.sram.result import PHASES, SramRun
from simulator.report.sram.verdict import verdict
from simulator.report.units import columns, count, percent, si, significant

BITS_PER_BYTE = 8
Shown = Callable[[int], str]
"""How counts are written."""


def sram_summary(run: SramRun, colour: bool = False) -> str:
    """The whole summary; `colour` adds bold and dim only, never information."""
    tile = run.tile
    size = f"{count(tile.m)} × {count(tile.k)} × {count(tile.n)}"
    blocks = [
        [styled(f"LUT-GEMV of {size} on {run.unit.title}", BOLD, colour), *_what_ran(run)],
        _totals(run),
        _phases(run),
        _table(run),
        wrapped("", verdict(run)),
        [*_reuse(run), *_conversion(run), *_values(run)],
        [
            styled(
                f"cyclelab {run.version} · configuration {run.configuration_hash[:12]}", DIM, colour
            )
        ],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


# -- what ran ----------------------------------------------------------------------------
def _what_ran(run: SramRun) -> list[str]:
    spec, layout, tile, chosen = run.spec, run.layout, run.tile, run.chosen
    held = -(-spec.rows * spec.columns // BITS_PER_BYTE)
    array = [
        run.name,
        f"{count(spec.rows)} rows × {count(spec.columns)} columns, {si(held, 'B')}",
        f"latencies {spec.latencies}",
    ]
    product = [
        f"{count(tile.m)} × {count(tile.k)} inputs {spec.input_format}",
        f"weights {spec.weight_format}",
        f"entries of {chosen.entry_bits} bits",
        f"sums of {layout.accumulator_bits(tile.k)} bits"
        if spec.layout == "bit_serial"
        else f"sums {spec.accumulator_format} beside the array",
    ]
    blocks = chosen.blocks
    cut = [
        f"{_some(blocks.groups, 'group')} of {_some(chosen.basis_weights, 'input')}",
        _some(blocks.column_blocks, "block") + f" of {count(chosen.outputs)} outputs",
        _some(blocks.passes, "pass", "passes")
        + f" of {'at most ' if blocks.passes > 1 else ''}{_some(blocks.batch, 'row')} of inputs",
    ]
    return [
        *wrapped("array    ", " · ".join(array)),
        *wrapped("product  ", " · ".join(product)),
        *wrapped("k        ", _why(run)),
        *wrapped("cut      ", " · ".join(cut)),
        *wrapped("rows     ", " · ".join(_rows(run))),
    ]


def _some(number: int, noun: str, plural: str | None = None, shown: Shown = count) -> str:
    return f"{shown(number)} {noun if number == 1 else plural or noun + 's'}"


def _why(run: SramRun) -> str:
    k = run.chosen.basis_weights
    if run.spec.basis_weights is not None:
        return f"{k}, as given"
    near = [c for c in run.choices if c.fits and abs(c.basis_weights - k) == 1]
    others = [
        f"{c.basis_weights} takes {percent(c.phases.total / run.cycles - 1)} more" for c in near
    ]
    return f"{k}, the fewest cycles of those that fit" + (
        f": {', '.join(others)}" if others else ""
    )


def _rows(run: SramRun) -> list[str]:
    """What takes the rows of the array, and what is left."""
    spans, chosen = run.spans, run.chosen
    table = [span for span in spans if span.use in ("weight", "entry")]
    sums = [span for span in spans if span.use == "sum"]
    parts = [f"{_some(len(table), 'entry', 'entries')} × {table[0].rows}"]
    if sums:
        parts += [f"{_some(len(sums), 'sum')} × {sums[0].rows}", "zeros and carries 2"]
    else:
        parts += ["zeros 1", f"next weights {chosen.basis_weights}"]
    free = sum(span.rows for span in spans if span.use == "free")
    more = chosen.largest_batch - chosen.blocks.batch
    room = f" ({_some(more, 'more sum')})" if sums and more else ""
    return [*parts, f"free {count(free)} of {count(run.spec.rows)}{room}"]


def _totals(run: SramRun) -> list[str]:
    macs, per_mac = count(run.tile.macs), significant(run.cycles_per_mac)
    cells = [("cycles", count(run.cycles)), ("MACs", macs), ("cycles per MAC", per_mac)]
    return ["".join(f"{name}  {value:<22}" for name, value in cells).rstrip()]


# -- tables ------------------------------------------------------------------------------
def _phases(run: SramRun) -> list[str]:
    return _fitting(lambda shown: _phase_lines(run, shown))


def _fitting(table: Callable[[Shown], list[str]]) -> list[str]:
    """Lines with whole numbers if there is room for them, or with fewer and fewer digits."""
    lines = table(count)
    for digits in (4, 3):
        if max(map(len, lines)) <= WIDTH:
            break
        lines = table(partial(_short, digits=digits))
    return lines


def _short(number: int, digits: int) -> str:
    return count(number) if number < 10_000 else si(number, "", digits)


def _phase_lines(run: SramRun, shown: Shown) -> list[str]:
    made = _made_of(run, shown)
    rows = [
        (name, shown(getattr(run.phases, phase)), percent(run.shares[phase]), made[phase])
        for phase, name in PHASES.items()
    ]
    return columns(("phase", "cycles", "share", "made of"), rows, left={0, 3})


def _made_of(run: SramRun, shown: Shown) -> dict[str, str]:
    """Each phase as a product of counts, to be checked with a pencil."""
    layout, k, tile = run.layout, run.chosen.basis_weights, run.tile
    tables, blocks = _some(run.tables, "table", shown=shown), run.chosen.blocks
    groups = _some(blocks.groups * blocks.column_blocks, "group", shown=shown)
    rows = f"{_some(tile.m, 'row', shown=shown)} of inputs"
    weights, entries = _some(k, "weight"), _some(combined_entries(k), "addition")
    look_up = layout.lookup_cycles(tile.k)
    (count, cycles), *last = LutGemv(layout, k).read_out(tile)
    whole, each_out = _some(count, "block", shown=shown), _some(cycles, "cycle")
    leaving = f"{whole} × {rows} × {each_out}"
    if last:  # a narrower block
        leaving = f"{rows} × ({whole} × {each_out} + {_some(last[0][1], 'cycle')})"
    if run.spec.layout == "bit_serial":
        widest = layout.accumulator_bits(tile.k)
        planes = f"{look_up} cycles, {widest} … {widest - layout.input_bits + 1} for a plane"
        weights += f" × {_some(layout.weight_bits, 'bit')}"
    else:
        planes = _some(look_up, "plane")
    each = layout.entry_cycles(k)
    return {
        "load": f"{tables} × {weights}",
        "build": f"{tables} × {entries} × {_some(each, 'cycle')}",
        "lookup": f"{groups} × {rows} × {planes}",
        "read_out": leaving,
    }


def _table(run: SramRun) -> list[str]:
    """A line per k that fits, with whole cycles if there is room for them."""
    lines = _fitting(lambda shown: _choice_lines(run, shown))
    lacking = [
        f"k = {choice.basis_weights} needs {count(choice.least_rows)}"
        for choice in run.choices
        if not choice.fits
    ]
    if lacking:
        has = f"does not fit {count(run.spec.rows)} rows: "
        lines += wrapped(has, ", ".join(lacking))
    if len(run.choices) < MOST_BASIS_WEIGHTS:
        lines.append(f"entries of k = {len(run.choices) + 1} are wider than a row of columns")
    return lines


def _choice_lines(run: SramRun, shown: Shown) -> list[str]:
    header = ("k", "rows", "largest batch", "passes", "outputs", *PHASES.values())
    rows = [
        (
            str(choice.basis_weights),
            count(choice.rows_needed),
            count(choice.largest_batch),
            shown(choice.blocks.passes),
            count(choice.outputs),
            *(shown(getattr(choice.phases, phase)) for phase in PHASES),
            shown(choice.phases.total),
            significant(choice.phases.total / run.tile.macs),
            _mark(run, choice),
        )
        for choice in run.choices
        if choice.fits
    ]
    whole = (*header, "cycles", "per MAC", "")
    return columns(whole, rows, left={len(whole) - 1})


def _mark(run: SramRun, choice: Choice) -> str:
    if choice is run.best:
        return "best"
    return "given" if choice is run.chosen else ""


def _reuse(run: SramRun) -> list[str]:
    found = run.reuse
    if found is None:
        return []
    sigma = "" if found.sigma is None else f", deviation {significant(found.sigma)}"
    saved = found.saved_cycles
    share = percent(abs(saved) / run.cycles)
    return wrapped(
        "reuse    ",
        f"{found.distribution} activations (seed {found.seed}{sigma}): {count(found.hits)} of "
        f"{count(found.lookups)} look-ups hit, {percent(found.rate)}; {count(abs(saved))} cycles "
        f"({share}) {'fewer' if saved >= 0 else 'more'}, with {si(found.memory_bytes, 'B')} beside "
        "the array to remember them",
    )


def _conversion(run: SramRun) -> list[str]:
    found = run.conversion
    if found is None:
        return wrapped("to FP32  ", "sums are wider than what is converted")
    origin = latency_table(run.spec.latencies).origins["multiply_float"]
    return wrapped(
        "to FP32  ",
        f"{count(found.convert_cycles)} cycles in columns of another array for all sums, of "
        f"{found.bits} bits; {count(found.scale_cycles)} more to scale and add them up once "
        f"(FP32 of {origin})",
    )


def _values(run: SramRun) -> list[str]:
    check = run.values
    if check is None:
        return []
    agree = "all are numpy's" if check.equal else "NOT ALL ARE NUMPY'S"
    same = (
        "as the closed form says"
        if check.cycles == run.cycles
        else (f"but the closed form says {count(run.cycles)}")
    )
    accesses = (
        f"{count(check.reads)} reads, {count(check.writes)} writes, "
        f"{count(check.computes)} that compute"
    )
    return wrapped(
        "values   ",
        f"{count(check.sums)} sums of random operands (seed {check.seed}), executed access by "
        f"access: {agree}; {count(check.cycles)} cycles ({accesses}), {same}",
    )
