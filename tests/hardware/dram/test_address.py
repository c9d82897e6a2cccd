"""Address mapping: every burst has one place, every place one burst, whatever the order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.hardware.dram.address import BANK_FIELD, address_slices, decode, xor_slices
from simulator.hardware.dram.controller import FIELDS, AddressMappingSpec, ControllerSpec
from simulator.hardware.dram.kernel import feed, layout
from simulator.hardware.dram.spec import DramDeviceSpec
from simulator.hardware.dram.tables import ChannelTables
from tests.hardware.dram.devices import NAMES, device, organised
from tests.hardware.dram.from_python import from_python

locate = from_python(feed.locate)
SMALL_ROWS = 8
"""So that all bursts of a channel can be decoded."""


def bits_of(spec: DramDeviceSpec) -> dict[str, int]:
    counts = spec.organisation.counts
    sizes = {
        "column": spec.bursts_per_row,
        "bank_group": counts.bank_groups,
        "bank": counts.banks_per_group,
        "pseudo_channel": counts.pseudo_channels,
        "rank": counts.ranks,
        "row": counts.rows,
    }
    return {name: size.bit_length() - 1 for name, size in sizes.items()}


@st.composite
def mappings(draw: st.DrawFn, spec: DramDeviceSpec) -> AddressMappingSpec:
    """Any order of the fields, some of them in pieces, and rows added to banks."""
    parts, last = [], []
    for name, bits in bits_of(spec).items():
        left = bits
        for _ in range(draw(st.integers(0, 2))):
            piece = draw(st.integers(0, left))
            parts.append(f"{name}:{piece}")
            left -= piece
        last.append(name if draw(st.booleans()) or not left else f"{name}:{left}")
    order = draw(st.permutations([*parts, *last]))
    # A field without a number takes all that is left, so its other pieces come before.
    order = [part for part in order if ":" in part] + [part for part in order if ":" not in part]
    rows = min(bits_of(spec)["row"], bits_of(spec)["bank"] + bits_of(spec)["bank_group"])
    return AddressMappingSpec(
        order=tuple(order), xor_banks_with_row=draw(st.sampled_from(range(rows + 1)))
    )


@given(st.sampled_from(NAMES), st.sampled_from([1, 2]), st.data())
@settings(max_examples=80)
def test_every_mapping_is_a_bijection(name: str, ranks: int, data: st.DataObject) -> None:
    spec = organised(name, ranks=ranks, rows=SMALL_ROWS)
    mapping = data.draw(mappings(spec))
    bursts = np.arange(spec.banks * SMALL_ROWS * spec.bursts_per_row)
    slices, xors = address_slices(spec, mapping), xor_slices(spec, mapping)
    bank, row, column = decode(slices, xors, bursts)
    assert bank.min() >= 0 and bank.max() < spec.banks
    assert row.min() >= 0 and row.max() < SMALL_ROWS
    assert column.min() >= 0 and column.max() < spec.bursts_per_row
    places = (bank * SMALL_ROWS + row) * spec.bursts_per_row + column
    assert len(np.unique(places)) == len(bursts)


@given(st.sampled_from(NAMES), st.data())
@settings(max_examples=60)
def test_the_kernel_finds_the_same_places(name: str, data: st.DataObject) -> None:
    """Of mappings with the rows on top, which transfers are located by."""
    spec = device(name)
    drawn = data.draw(mappings(spec))
    order = sorted(drawn.order, key=lambda part: part.startswith("row"))
    mapping = drawn.model_copy(update={"order": tuple(order)})
    most = spec.capacity_bytes // spec.burst_bytes - 1
    bursts = np.array(data.draw(st.lists(st.integers(0, most), min_size=1, max_size=20)))
    tables = ChannelTables(spec, ControllerSpec(address_mapping=mapping))
    state = tables.new_state()
    expected = decode(address_slices(spec, mapping), xor_slices(spec, mapping), bursts)
    for burst, *place in zip(bursts.tolist(), *expected, strict=True):
        locate(tables.packed, state, burst)
        np.testing.assert_array_equal(layout.view(state, layout.A_REQUEST)[1:4], place)


@pytest.mark.parametrize("name", NAMES)
def test_the_usual_mapping_interleaves_pseudo_channels_and_bank_groups(name: str) -> None:
    """Bursts in sequence go to other pseudo channels, then bank groups, then along the row."""
    spec = device(name)
    counts = spec.organisation.counts
    turn = counts.pseudo_channels * counts.bank_groups
    slices = address_slices(spec, AddressMappingSpec())
    bank, row, column = decode(slices, [], np.arange(2 * turn))
    assert len(set(bank[:turn].tolist())) == turn
    np.testing.assert_array_equal(bank[:turn], bank[turn:])
    assert column.tolist() == turn * [0] + turn * [1]
    assert not row.any()


def test_an_order_by_hand() -> None:
    """DDR4: 7 bits of column, 2 of bank group, 2 of bank, 16 of row; banks number groups first."""
    spec = device("ddr4-3200")
    order = ("column:3", "bank", "column", "bank_group", "row", "rank", "pseudo_channel")
    burst = (0x1234 << 11) | (2 << 9) | (0b1011 << 5) | (3 << 3) | 0b101
    bank, row, column = decode(
        address_slices(spec, AddressMappingSpec(order=order)), [], np.array([burst])
    )
    assert (bank[0], row[0], column[0]) == (2 * 4 + 3, 0x1234, 0b1011101)


def test_rows_added_to_the_bank_by_hand() -> None:
    spec = device("ddr4-3200")
    mapping = AddressMappingSpec(
        order=("column", "bank", "bank_group", "rank", "pseudo_channel", "row"),
        xor_banks_with_row=3,
    )
    bursts = (np.arange(16) << 11) | (0b1001 << 7)
    fields = decode(address_slices(spec, mapping), xor_slices(spec, mapping), bursts)
    assert fields[BANK_FIELD].tolist() == [0b1001 ^ (row & 0b111) for row in range(16)]


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (FIELDS[:-1], r"address_mapping\.order: bits of row are missing"),
        (
            ("column:3", "bank_group", "bank", "pseudo_channel", "rank", "row"),
            r"address_mapping\.order: bits of column are missing",
        ),
        (
            ("bank", "column:8", "bank_group", "pseudo_channel", "rank", "row"),
            r"address_mapping\.order: 'column:8' takes 8 bits of column, 7 of its 7 are left",
        ),
        (
            ("bank:1", "bank:2", *FIELDS),
            r"address_mapping\.order: 'bank:2' takes 2 bits of bank, 1 of its 2 are left",
        ),
    ],
)
def test_an_order_that_does_not_fit_says_which_bits(order: tuple[str, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        address_slices(device("ddr4-3200"), AddressMappingSpec(order=order))


def test_more_rows_than_banks_have_bits_for() -> None:
    message = r"address_mapping\.xor_banks_with_row: found 5, but the bank has 4 bits"
    with pytest.raises(ValueError, match=message):
        xor_slices(device("ddr4-3200"), AddressMappingSpec(xor_banks_with_row=5))


def test_a_field_named_twice_takes_nothing_the_second_time() -> None:
    spec = device("ddr4-3200")
    once = address_slices(spec, AddressMappingSpec(order=FIELDS))
    assert address_slices(spec, AddressMappingSpec(order=(*FIELDS, "row"))) == once
