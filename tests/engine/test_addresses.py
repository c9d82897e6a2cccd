"""Addresses of transfers: one after the other, instance by instance, pass by pass."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from simulator.engine.addresses import AddressBook
from simulator.mapping.layout import lay_out
from simulator.mapping.program import Region

ALIGNMENT = 64
REGIONS = (
    Region("w", "weight", 100, 3),
    Region("k", "kv", 64, 3),
    Region("x", "activation", 130, 1),
)
POSITIONS = lay_out(REGIONS, ALIGNMENT)
BASES = [position.base_bytes for position in POSITIONS]
STRIDES = [position.stride_bytes for position in POSITIONS]
WEIGHT, CACHE, BUFFER = ALL = range(len(REGIONS))

Take = tuple[int, int, int, bool]

sizes = st.integers(1, 64)
walks = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), sizes, st.booleans()))
"""Region, instance, bytes, write or not."""


def book() -> AddressBook:
    return AddressBook(REGIONS, POSITIONS)


def test_transfers_follow_each_other_and_start_again_at_the_end() -> None:
    b = book()
    # 40 + 40 of 100 bytes; the third does not fit the 20 that are left: a second pass.
    assert [b.take(WEIGHT, 0, 40, False) for _ in range(4)] == [0, 40, 0, 40]
    assert b.take(WEIGHT, 0, 20, False) == 80
    assert b.take(WEIGHT, 0, 100, False) == 0  # the region was full
    assert b.take(WEIGHT, 0, 1, False) == 0


def test_loads_and_stores_do_not_move_each_other() -> None:
    b, base = book(), BASES[BUFFER]
    assert b.take(BUFFER, 0, 30, True) == base
    assert b.take(BUFFER, 0, 10, False) == base
    assert b.take(BUFFER, 0, 30, True) == base + 30
    assert b.take(BUFFER, 0, 10, False) == base + 10


def test_every_instance_has_its_copy_and_starts_at_its_beginning() -> None:
    b = book()
    # Copies of 100 bytes are 128 apart; the fourth instance has the first copy again.
    assert b.take(WEIGHT, 0, 30, False) == 0
    assert b.take(WEIGHT, 1, 30, False) == 128
    assert b.take(WEIGHT, 1, 30, False) == 158
    assert b.take(WEIGHT, 2, 30, False) == 256
    assert b.take(WEIGHT, 3, 30, False) == 0


def test_layers_share_a_region_with_one_instance() -> None:
    b, base = book(), BASES[BUFFER]
    assert [b.take(BUFFER, layer, 50, True) for layer in (0, 0, 1, 1)] == [
        base, base + 50, base, base + 50,
    ]  # fmt: skip


@given(walks)
def test_every_transfer_lies_inside_its_copy(walk: list[Take]) -> None:
    b = book()
    for region, instance, size, is_write in walk:
        address = b.take(region, instance, size, is_write)
        copy = instance % REGIONS[region].instances
        start = BASES[region] + copy * STRIDES[region]
        assert start <= address <= address + size <= start + REGIONS[region].size_bytes


@given(walks, walks, st.integers(0, 9))
def test_equal_signatures_mean_equal_addresses_from_then_on(
    first: list[Take], after: list[Take], later: int
) -> None:
    """The same a few instances later, after whole passes over everything."""
    one, two = book(), book()
    for region, each in enumerate(REGIONS):
        for is_write in (False, True):
            two.take(region, 1, each.size_bytes, is_write)
    for region, instance, size, is_write in first:
        one.take(region, instance, size, is_write)
        two.take(region, instance + later, size, is_write)
    assert one.signature(ALL, 0) == two.signature(ALL, later)
    for region, instance, size, is_write in after:
        offsets = []
        for b, present in ((one, instance), (two, instance + later)):
            copy = present % REGIONS[region].instances
            address = b.take(region, present, size, is_write)
            offsets.append(address - copy * STRIDES[region])
        assert offsets[0] == offsets[1]


@given(walks, walks, st.integers(0, 9))
def test_skipped_instances_leave_the_cursors_where_they_would_be(
    before: list[Take], after: list[Take], skipped: int
) -> None:
    run, jumped = book(), book()
    for region, instance, size, is_write in before:
        run.take(region, instance + skipped, size, is_write)
        jumped.take(region, instance, size, is_write)
    jumped.skip_instances(ALL, skipped)
    assert run.signature(ALL) == jumped.signature(ALL)
    for region, instance, size, is_write in after:
        take = (region, instance + skipped, size, is_write)
        assert run.take(*take) == jumped.take(*take)


def test_the_signature_forgets_what_no_longer_matters() -> None:
    """Cursors at the beginning are alike, whichever instance they finished."""
    b = book()
    fresh = b.signature(ALL)
    b.take(WEIGHT, 2, 60, False)
    assert b.signature(ALL, 2) != fresh
    assert b.signature(ALL, 2) != b.signature(ALL, 3)
    b.take(WEIGHT, 2, 40, False)
    assert b.signature(ALL, 2) == b.signature(ALL, 3) == fresh


def test_the_signature_knows_only_the_regions_that_it_is_asked_about() -> None:
    b = book()
    fresh = b.signature((WEIGHT, BUFFER), 1)
    b.take(CACHE, 0, 30, True)
    assert b.signature((WEIGHT, BUFFER), 1) == fresh
    assert b.signature((CACHE,), 1) != book().signature((CACHE,), 1)
