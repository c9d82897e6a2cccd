"""Pictures of comparisons: what they stack, how they scale, where names go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from simulator.explore.compare import compare
from simulator.explore.outcome import CaseOutcome, Outcome, PhaseOutcome
from simulator.explore.pictures import PICTURES, plot_efficiency, plot_overview
from simulator.explore.pictures.area import MAIN, OTHERS, area_stack
from simulator.explore.pictures.bars import legend_of
from simulator.explore.pictures.efficiency import MOST_WITH_BOUNDS
from simulator.explore.pictures.labels import Box, place_names
from simulator.explore.pictures.point_names import gathered, needs_leader
from simulator.explore.spec import load_comparison
from simulator.report.result import Estimate
from tests.docs.pages import ROOT
from tests.explore.comparisons import written

PANEL: Box = (0.0, 0.0, 4.6, 5.0)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    return compare(load_comparison(written(tmp_path_factory.mktemp("small"))))


def test_stacks_are_the_area(outcome: Outcome) -> None:
    first, narrow, _ = outcome.cases
    for case in outcome.cases:
        stack = area_stack(case)
        assert sum(stack.values()) == pytest.approx(case.area_mm2.value)
        assert stack[MAIN] == case.units.area_mm2.value
    # npu_w4a8 has an INT8 array for attention besides; npu_w8a8 has one kind of unit.
    assert OTHERS not in area_stack(first) or area_stack(first)[OTHERS] > 0
    assert area_stack(narrow)[OTHERS] > 0


def test_all_are_drawn(outcome: Outcome) -> None:
    for draw in PICTURES.values():
        figure = draw(outcome)
        names = {text.get_text() for text in figure.findobj() if hasattr(text, "get_text")}
        assert {case.name for case in outcome.cases} <= names


def _with(case: CaseOutcome, name: str, factor: float) -> CaseOutcome:
    """The case under another name, so many times as efficient."""

    def better(phase: PhaseOutcome) -> PhaseOutcome:
        exact = Estimate(factor, factor, factor)
        found = replace(phase.efficiency, tops_per_w=exact, tops_per_mm2=exact)
        return replace(phase, efficiency=found)

    return replace(case, name=name, phases=tuple(map(better, case.phases)))


@pytest.mark.parametrize(("largest", "scale"), [(9.9, "linear"), (10.1, "log")])
def test_axes_are_logarithmic_over_a_decade(outcome: Outcome, largest: float, scale: str) -> None:
    first, second, _ = outcome.cases
    cases = (_with(first, first.name, 1.0), _with(second, second.name, largest))
    (ax,) = plot_efficiency(replace(outcome, cases=cases)).axes
    assert (ax.get_xscale(), ax.get_yscale()) == (scale, scale)


def timed(case: CaseOutcome, times: float, joules: float = 1.0, base: str = "") -> CaseOutcome:
    """The case, its times so many times the baseline's, and its energy."""
    energies = {"core.scratchpad": Estimate(joules, joules, joules)}
    return replace(
        case,
        baseline=base or case.baseline,
        energy_by_component=energies,
        phases=tuple(replace(phase, seconds_ratio=times) for phase in case.phases),
    )


def texts(axes: Axes) -> list[str]:
    return [text.get_text() for text in axes.texts]


def test_ratios_name_another_baseline(outcome: Outcome) -> None:
    """`tables` is compared with `narrow`; the panel is wider, and the label is within it."""
    first, narrow, tables = outcome.cases
    cases = (timed(first, 1.0), timed(narrow, 0.5), timed(tables, 0.73, base="narrow"))
    plain, named = (
        plot_overview(replace(outcome, cases=each)).axes[0] for each in (outcome.cases, cases)
    )
    assert texts(named) == ["1.00×", "0.50×", "0.73× of narrow"]
    widths = [ax.get_position().width * ax.figure.get_figwidth() for ax in (plain, named)]
    assert widths[1] > widths[0] + 0.3
    ends = [text.get_window_extent().x1 for text in named.texts]
    assert max(ends) < named.get_window_extent().x1


@pytest.mark.parametrize(
    ("times", "scale"), [((1.0, 9.9, 2.0), "linear"), ((1.0, 0.2, 2.1), "log"), ((1, 30, 5), "log")]
)
def test_times_far_apart(outcome: Outcome, times: tuple[float, ...], scale: str) -> None:
    """Bars from the baseline's 1 then, to either side, and labels within the panel."""
    pairs = zip(outcome.cases, times, strict=True)
    cases = tuple(timed(case, value) for case, value in pairs)
    ax = plot_overview(replace(outcome, cases=cases)).axes[0]
    assert ax.get_xscale() == scale
    start = 1.0 if scale == "log" else 0.0
    bars = [bar for bar in ax.patches if isinstance(bar, Rectangle)]
    for bar, value in zip(bars, times, strict=True):
        assert sorted((bar.get_x(), bar.get_x() + bar.get_width())) == pytest.approx(
            sorted((start, value))
        )
    low, high = ax.get_xlim()
    assert low < min(times) and high > max(times)
    assert max(text.get_window_extent().x1 for text in ax.texts) < ax.get_window_extent().x1


def test_small_ratios_keep_their_digits(outcome: Outcome) -> None:
    first, narrow, tables = outcome.cases
    cases = (timed(first, 1.0), timed(narrow, 0.0021), timed(tables, 0.4))
    assert texts(plot_overview(replace(outcome, cases=cases)).axes[0])[1] == "0.0021×"


def test_small_energies_have_a_unit_of_their_own(outcome: Outcome) -> None:
    """On a linear axis still, with no edge that would hide the bar."""
    first, narrow, tables = outcome.cases
    cases = (timed(first, 1, 5.0), timed(narrow, 1, 12e-6), timed(tables, 1, 0.5))
    ax = plot_overview(replace(outcome, cases=cases)).axes[-1]
    assert texts(ax) == ["5.00", "12.0\N{NO-BREAK SPACE}µJ", "0.500"]
    assert ax.get_xscale() == "linear"
    edges = [bar.get_linewidth() for bar in ax.patches if isinstance(bar, Rectangle)]
    assert edges[1] == 0 < min(edges[0], edges[2])


def test_points_in_one_place_have_one_name(outcome: Outcome) -> None:
    first, narrow, tables = outcome.cases
    cases = (
        _with(first, "a", 1.0),
        _with(narrow, "b", 3.0),
        _with(tables, "c", 3.0001),
    )
    (ax,) = plot_efficiency(replace(outcome, cases=cases)).axes
    assert sorted(texts(ax)) == ["a", "b, c"]
    named = (*cases[:2], replace(cases[2], name="c, again"))
    (ax,) = plot_efficiency(replace(outcome, cases=named)).axes
    assert sorted(texts(ax)) == ["a", "b; c, again"]


def test_what_lies_in_one_place() -> None:
    """Within a radius of the first there, not of any: chains do not grow."""
    places = [(0.0, 0.0), (0.03, 0.0), (1.0, 1.0), (0.06, 0.0)]
    assert gathered(places, 0.04) == [((0, 0), [0, 1]), ((1, 1), [2]), ((0.06, 0), [3])]


@pytest.mark.parametrize(
    ("box", "others", "needed"),
    [
        ((1.07, 0.95, 2.0, 1.05), [], False),
        ((1.14, 0.95, 2.0, 1.05), [], True),  # far from its point
        ((1.07, 0.95, 2.0, 1.05), [(2.05, 1.0)], True),  # nearer to another
        ((1.07, 0.95, 2.0, 1.05), [(2.08, 1.0)], True),  # hardly nearer to its own
        ((1.07, 0.95, 2.0, 1.05), [(2.2, 1.0)], False),
    ],
)
def test_leaders(box: Box, others: list[tuple[float, float]], needed: bool) -> None:
    assert needs_leader(box, (1.0, 1.0), [(1.0, 1.0), *others]) is needed


def test_kinds_of_units_are_named_as_in_the_documentation(outcome: Outcome) -> None:
    (legend,) = plot_efficiency(outcome).legends
    names = [text.get_text() for text in legend.get_texts()]
    assert names[:2] == ["systolic array", "LUT tensor core"]
    page = (ROOT / "docs" / "lut_tensor_cores.md").read_text("utf-8")
    assert "LUT tensor core" in page


def test_of_many_only_the_baseline_has_bounds(outcome: Outcome) -> None:
    first, second, _ = outcome.cases
    several = [replace(second, name=f"case {i}") for i in range(MOST_WITH_BOUNDS)]
    few, many = (
        len(plot_efficiency(replace(outcome, cases=(first, *several[:n]))).axes[0].lines)
        for n in (2, MOST_WITH_BOUNDS)
    )
    leaders = MOST_WITH_BOUNDS  # at most, from points to names
    assert few >= 2 * 3 and many <= 2 + leaders


def test_colours_of_one_thing_are_one_entry() -> None:
    legend = legend_of({"scratchpad": "red", "shared memory": "red", "L2 cache": "blue"}, 8.0)
    assert legend.entries == {"scratchpad, shared memory": "red", "L2 cache": "blue"}
    assert legend.columns == 2
    narrow = legend_of({f"component {i}": f"C{i}" for i in range(8)}, 4.0)
    assert narrow.columns < 8 and narrow.bottom_inches > legend.bottom_inches


def overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.floats(min_value=0.2, max_value=4.4),
            st.floats(min_value=0.2, max_value=4.8),
            st.floats(min_value=0.2, max_value=1.3),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_names_cover_nothing(points: list[tuple[float, float, float]]) -> None:
    places = [(x, y) for x, y, _ in points]
    boxes = place_names(places, [(width, 0.12) for _, _, width in points], PANEL)
    found = [box for box in boxes if box is not None]
    for index, box in enumerate(found):
        assert PANEL[0] < box[0] and box[2] < PANEL[2] and PANEL[1] < box[1] and box[3] < PANEL[3]
        assert not any(overlap(box, other) for other in found[index + 1 :])
        assert not any(box[0] < x < box[2] and box[1] < y < box[3] for x, y in places)


def test_points_in_one_place_all_get_names() -> None:
    boxes = place_names([(2.0, 2.0)] * 6, [(1.2, 0.12)] * 6, PANEL)
    assert all(box is not None for box in boxes)


def test_no_room_no_name() -> None:
    assert place_names([(0.5, 0.5)], [(2.0, 0.12)], (0.0, 0.0, 1.0, 1.0)) == [None]
