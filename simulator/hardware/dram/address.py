"""Address mapping: which bits of a burst's number are bank, row and column."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.controller import AddressMappingSpec, split_part
from simulator.hardware.dram.spec import DramDeviceSpec

BANK_FIELD, ROW_FIELD, COLUMN_FIELD = range(3)


class Slice(NamedTuple):
    """`bits` bits of the number from `source` up go to `target`'s bits from `position` up."""

    source: int
    bits: int
    target: int
    position: int


def address_slices(device: DramDeviceSpec, mapping: AddressMappingSpec) -> list[Slice]:
    """The slices of a mapping, every bit of every field once.

    Raises ValueError if the order takes more bits of a field than there are, or less.
    """
    sizes = _field_bits(device)
    taken = dict.fromkeys(sizes, 0)
    places = _places(device)
    slices: list[Slice] = []
    source = 0
    for part in mapping.order:
        name, bits = split_part(part)
        left = sizes[name] - taken[name]
        count = left if bits is None else bits
        if count > left:
            raise ValueError(
                f"address_mapping.order: {part!r} takes {count} bits of {name}, "
                f"{left} of its {sizes[name]} are left"
            )
        if count:
            target, base = places[name]
            slices.append(Slice(source, count, target, base + taken[name]))
        source += count
        taken[name] += count
    missing = [name for name in sizes if taken[name] < sizes[name]]
    if missing:
        raise ValueError(f"address_mapping.order: bits of {', '.join(missing)} are missing")
    return slices


def xor_slices(device: DramDeviceSpec, mapping: AddressMappingSpec) -> list[Slice]:
    """Row bits that are added to the bank's number."""
    bits = mapping.xor_banks_with_row
    counts = device.organisation.counts
    bank_bits = (counts.bank_groups * counts.banks_per_group).bit_length() - 1
    row_bits = counts.rows.bit_length() - 1
    if bits > min(bank_bits, row_bits):
        raise ValueError(
            f"address_mapping.xor_banks_with_row: found {bits}, but the bank has {bank_bits} "
            f"bits and the row {row_bits}"
        )
    return [Slice(0, bits, BANK_FIELD, 0)] if bits else []


def decode(
    slices: list[Slice], xors: list[Slice], bursts: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Bank, row and column (in bursts) of burst numbers."""
    fields = [np.zeros_like(bursts) for _ in range(3)]
    for each in slices:
        fields[each.target] |= ((bursts >> each.source) & ((1 << each.bits) - 1)) << each.position
    for each in xors:
        low = fields[ROW_FIELD] >> each.source & ((1 << each.bits) - 1)
        fields[BANK_FIELD] ^= low << each.position
    return fields[BANK_FIELD], fields[ROW_FIELD], fields[COLUMN_FIELD]


def _field_bits(device: DramDeviceSpec) -> dict[str, int]:
    counts = device.organisation.counts
    sizes = {
        "column": device.bursts_per_row,
        "bank_group": counts.bank_groups,
        "bank": counts.banks_per_group,
        "pseudo_channel": counts.pseudo_channels,
        "rank": counts.ranks,
        "row": counts.rows,
    }
    return {name: size.bit_length() - 1 for name, size in sizes.items()}


def _places(device: DramDeviceSpec) -> dict[str, tuple[int, int]]:
    """Where each field's bits lie: target, lowest bit. A bank's number has four fields."""
    bits = _field_bits(device)
    base = 0
    places = {"row": (ROW_FIELD, 0), "column": (COLUMN_FIELD, 0)}
    for name in ("bank", "bank_group", "rank", "pseudo_channel"):
        places[name] = (BANK_FIELD, base)
        base += bits[name]
    return places
