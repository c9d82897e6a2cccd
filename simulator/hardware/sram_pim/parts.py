"""What an array and its feeding module are made of, and what they do for a tile.

Operands, sums and what holds them are counted; control (row addresses, decoders, valid
bits) is not. Of the array, an access is that of all its columns; of what is beside it,
only outputs that exist are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from simulator.hardware.matrix_unit import Tile
from simulator.hardware.primitives import Action, ActionCounts, Part, Primitive
from simulator.hardware.sram_pim.layouts import ceil_log2
from simulator.hardware.sram_pim.lut_gemv import LutGemv
from simulator.hardware.sram_pim.spec import SramPimSpec

ARRAY = "array"
INPUTS = "feeding.input_register"
INDEX = "feeding.index_select"
CARRY_CHAIN = "feeding.carry_chain"
SHIFTER = "feeding.shifter"
NEGATION = "feeding.negation"
ADDER = "feeding.adder"
SUM = "feeding.sum_register"
SUMS = "feeding.sums"

BITS_PER_BYTE = 8
Did = tuple[str, str]
"""What acted, and how: a path and a verb."""


@dataclass(frozen=True, slots=True)
class Element:
    """A primitive, how many there are in a unit, and how many act together."""

    primitive: Primitive
    count: int
    share: int = 1


def elements(spec: SramPimSpec) -> dict[str, Element]:
    """Everything in a unit, by path."""
    layout, k = spec.array_layout, spec.widest_basis_weights
    array = Primitive(
        "compute_sram",
        bits=spec.columns,
        capacity_bytes=-(-spec.rows * spec.columns // BITS_PER_BYTE),
    )
    planes = layout.input_bits
    found = {
        ARRAY: Element(array, 1),
        INPUTS: Element(Primitive("flip_flop", bits=k * planes), 1),
        # A bit of a for each of k inputs: a - 1 selections of two.
        INDEX: Element(Primitive("mux2", bits=k), planes - 1, planes - 1),
    }
    if spec.layout == "bit_serial":
        return found
    narrowest = spec.basis_weights or 1
    outputs = layout.outputs(narrowest)
    shifted = layout.entry_bits(k) + planes - 1
    stages = ceil_log2(planes)
    sums = layout.sum_bits
    held = spec.batch_sums * sums // BITS_PER_BYTE
    file = Primitive("register_file", bits=sums, capacity_bytes=held)
    adder = Primitive("adder", formats=(spec.accumulator_format,))
    return found | {
        CARRY_CHAIN: Element(Primitive("full_adder", bits=layout.entry_bits(k)), outputs),
        SHIFTER: Element(Primitive("shifter", bits=shifted), outputs * stages, stages),
        NEGATION: Element(Primitive("xor2", bits=shifted), outputs),
        ADDER: Element(adder, outputs),
        SUM: Element(Primitive("flip_flop", bits=sums), outputs),
        SUMS: Element(file, outputs),
    }


def structure(found: Mapping[str, Element]) -> tuple[Part, ...]:
    """Parts of one unit."""
    return tuple(
        Part(path, element.primitive, element.count)
        for path, element in found.items()
        if element.count
    )


def to_actions(found: Mapping[str, Element], counts: Mapping[Did, int]) -> ActionCounts:
    """Name the actions that counts stand for."""
    result = ActionCounts()
    for (path, verb), count in counts.items():
        element = found[path]
        result.add(Action(path, element.primitive, verb), count * element.share)
    return result


def tile_counts(spec: SramPimSpec, gemv: LutGemv, tile: Tile) -> Counter[Did]:
    """What happens for a tile, in closed form."""
    layout, cut, phases = gemv.layout, gemv.blocks(tile), gemv.phases(tile)
    planes = layout.input_bits
    groups = cut.column_blocks * tile.m * cut.groups
    made = cut.column_blocks * cut.passes * cut.groups * gemv.combined_entries
    counts: Counter[Did] = Counter(
        {
            (INPUTS, "write"): groups,
            (INDEX, "operate"): groups * planes,
        }
    )
    if spec.layout == "bit_serial":
        bits = layout.entry_bits(gemv.basis_weights)
        carries = made if layout.entry_cycles(gemv.basis_weights) > bits else 0
        counts[ARRAY, "write"] = phases.load + carries
        counts[ARRAY, "compute"] = made * bits + phases.lookup
        counts[ARRAY, "read"] = phases.read_out
        return counts
    counts[ARRAY, "write"] = phases.load
    counts[ARRAY, "compute"] = made
    counts[ARRAY, "read"] = phases.lookup
    sums = tile.m * tile.n * cut.groups
    counts[CARRY_CHAIN, "operate"] = cut.passes * cut.groups * gemv.combined_entries * tile.n
    counts[NEGATION, "operate"] = sums
    for path, verb in ((SHIFTER, "operate"), (ADDER, "operate"), (SUM, "write")):
        counts[path, verb] = sums * planes
    # Once per group to the file and back; not back for the first, but on their way out.
    counts[SUMS, "write"] = counts[SUMS, "read"] = sums
    return counts
