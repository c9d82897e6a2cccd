"""The event loop: who acts when, and SimPy's own processes beside actors."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from simpy.events import Event

from simulator.engine.timeline import Timeline


def test_arrivals_come_before_actors_and_actors_by_turn() -> None:
    """Whatever is asked for first: all at 7, then what an actor asks for at once."""
    timeline, seen = Timeline(), []
    timeline.enrol(1 << 2, lambda: seen.append(("late actor", timeline.event_fs)))

    def early() -> None:
        seen.append(("early actor", timeline.event_fs))
        timeline.later(0, lambda: seen.append(("arrival", timeline.event_fs)))

    timeline.enrol(1 << 1, early)
    timeline.wake(1 << 2, 7)
    timeline.wake(1 << 1, 7)
    timeline.later(7, lambda: seen.append(("arrival", timeline.event_fs)))
    timeline.run()
    assert seen == [("arrival", 7), ("early actor", 7), ("arrival", 7), ("late actor", 7)]


def test_a_process_of_simpy_shares_the_timeline() -> None:
    timeline, seen = Timeline(), []

    def process() -> Iterator[Event]:
        for _ in range(3):
            yield timeline.timeout(10)
            seen.append(("process", timeline.now))

    timeline.process(process())
    timeline.enrol(1, lambda: seen.append(("actor", timeline.event_fs)))
    timeline.wake(1, 15)
    timeline.run()
    assert seen == [("process", 10), ("actor", 15), ("process", 20), ("process", 30)]


@given(st.lists(st.integers(0, 50), min_size=1, max_size=30))
def test_time_never_goes_back(delays: list[int]) -> None:
    timeline, seen = Timeline(), []
    for delay in delays:
        timeline.later(delay, lambda: seen.append(timeline.event_fs))
    timeline.run()
    assert seen == sorted(delays)


def test_skipped_time_counts_but_moves_no_event() -> None:
    timeline = Timeline()
    timeline.later(5, lambda: timeline.skip(100))
    timeline.later(8, lambda: None)
    timeline.run()
    assert (timeline.event_fs, timeline.now_fs) == (8, 108)
