"""What the L2 cache keeps, against a cache that looks at every slab."""

from __future__ import annotations

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from simulator.mapping.gpu.cache import PanelCache

SLABS = 40


def wave(cache: PanelCache, names: str, size: float = 10, written: float = 0) -> str:
    """Panels of one size that are fetched, in order."""
    missing = cache.wave([(name, size) for name in names], written)
    return "".join(name for name in names if name in missing)


def test_by_hand() -> None:
    cache = PanelCache(30)
    assert wave(cache, "ab") == "ab"  # never seen
    # 20 bytes since: a, and half of b (only then) and of c (only now).
    assert wave(cache, "ac") == "c"
    # b was touched two waves ago: itself, a and c whole, d half: 35 bytes.
    assert wave(cache, "bd") == "bd"


def test_results_take_room() -> None:
    cache = PanelCache(30)
    wave(cache, "ab", written=15)
    assert wave(cache, "ab") == "ab"  # 20 + 15 bytes since
    assert wave(cache, "ab") == ""


def slab_by_slab(waves: list[list[int]], capacity: int) -> int:
    """Fetches of a fully associative LRU cache of `capacity` slabs, panels in step."""
    held: OrderedDict[tuple[int, int], None] = OrderedDict()
    fetched = 0
    for panels in waves:
        for slab in range(SLABS):
            for panel in panels:
                if (panel, slab) in held:
                    held.move_to_end((panel, slab))
                    continue
                fetched += 1
                held[panel, slab] = None
                if len(held) > capacity:
                    held.popitem(last=False)
    return fetched


def by_panels(waves: list[list[int]], capacity: float) -> int:
    cache = PanelCache(capacity)
    return SLABS * sum(len(cache.wave([(p, SLABS) for p in panels], 0)) for panels in waves)


WAVES = st.lists(
    st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True), min_size=1, max_size=8
)


@given(WAVES)
def test_everything_fits_or_nothing_does(waves: list[list[int]]) -> None:
    panels = len({panel for each in waves for panel in each})
    assert by_panels(waves, panels * SLABS) == slab_by_slab(waves, panels * SLABS)
    assert by_panels(waves, 0) == SLABS * sum(map(len, waves))


@given(WAVES, st.integers(1, 12))
def test_against_every_slab(waves: list[list[int]], panels: int) -> None:
    """A capacity of whole panels less half a one: no distance is near it but by halves."""
    capacity = panels * SLABS - SLABS // 2 + 1
    exact, ours = slab_by_slab(waves, capacity), by_panels(waves, capacity)
    total = SLABS * sum(map(len, waves))
    first = SLABS * len({panel for each in waves for panel in each})
    assert first <= ours <= total
    # Whole panels are decided by their middle: each can be off by half of itself.
    assert abs(ours - exact) <= (total - first) / 2 + SLABS


@given(WAVES, st.floats(0, 400), st.floats(0, 400))
def test_more_room_never_fetches_more(waves: list[list[int]], one: float, other: float) -> None:
    assert by_panels(waves, max(one, other)) <= by_panels(waves, min(one, other))


def test_two_operands_in_turns() -> None:
    """Eleven panels of one and seven of the other, a pair per wave: 20 waves hold all."""
    cache = PanelCache(200)
    fetched = [len(cache.wave([(("m", i % 7), 10), (("n", i % 11), 10)], 0)) for i in range(77)]
    assert sum(fetched) == 7 + 11
