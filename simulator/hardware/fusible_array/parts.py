"""What a fusible array is made of, and which parts act in a mode.

Registers, adders and selections of sums are those of the systolic array that the units
form, wide enough for the narrowest mode: `Mode.input_words` and `weight_words` words of
max bits, `Mode.sums` sums. In place of a PE's multiplier there are bricks and a tree:

- a brick multiplies digits with a sign bit each, (b + 1) x (b + 1) bits, and a gate per
  digit forms that sign: only the top digit of a signed operand has one;
- where a unit holds more words than one, a digit comes from the word that the mode
  says: for brick p of a row, as many two-way selections as p has bits set;
- the tree adds neighbours along the inputs for each digit of the weights, then along
  the weights, with one two-way selection per adder: the shift, 0 or fixed, where
  products are summed, and the sum or its first operand where they stay apart.

A unit acts as a whole: what is filled up with zeros acts, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from simulator.hardware.fusible_array.mode import Mode
from simulator.hardware.primitives import Action, Part, Primitive
from simulator.hardware.systolic_array import actions, parts
from simulator.hardware.systolic_array.actions import PathActions
from simulator.hardware.systolic_array.multipliers import MULTIPLIER
from simulator.hardware.systolic_array.spec import SystolicArraySpec

TREE = "pe.shift_add"


@dataclass(frozen=True, slots=True)
class Element:
    """`share` copies of a primitive in a unit, of which `active` act for its products."""

    path: str
    primitive: Primitive
    share: int
    active: int


def elements(mode: Mode) -> Iterator[Element]:
    """What forms the products of one unit."""
    side, bits = mode.side, mode.brick_bits
    bricks = side * side
    signed = f"int{bits + 1}"
    yield Element("pe.brick", Primitive("multiplier", (signed, signed)), bricks, bricks)
    yield Element("pe.brick_sign", Primitive("and2", bits=1), 2 * bricks, 2 * bricks)
    selections = side * sum(place.bit_count() for place in range(side))
    select = Primitive("mux2", bits=bits)
    for name, several in (("input", mode.sums_weights), ("weight", mode.sums_inputs)):
        if several:
            yield Element(f"pe.{name}_select", select, selections, selections)
    yield from _input_tree(mode)
    yield from _weight_tree(mode)


def _input_tree(mode: Mode) -> Iterator[Element]:
    """Adders along the inputs, for each digit of the weights."""
    for level in range(1, mode.side.bit_length()):
        bits = _product_bits(mode.brick_bits << level, mode.brick_bits)
        copies = mode.side * mode.side >> level
        acts = mode.sums_inputs or 1 << level <= mode.input_bricks
        yield from _adders(mode, f"input_{level}", level, bits, copies, copies, acts)


def _weight_tree(mode: Mode) -> Iterator[Element]:
    """Adders along the weights, for what is left of the inputs' digits.

    Where inputs stay apart that is a value for every digit, at most as wide as products
    that can start there: an odd place holds one digit, place 2 holds two, place 0 all.
    """
    top = mode.side.bit_length() - 1
    for width in (top,) if mode.sums_inputs else range(top + 1):
        places = 1 if width == top else mode.side >> (width + 1)
        used = places if mode.sums_inputs or 1 << width >= mode.input_bricks else 0
        for level in range(1, top + 1):
            bits = _product_bits(mode.brick_bits << width, mode.brick_bits << level)
            pairs = mode.side >> level
            acts = mode.sums_weights or 1 << level <= mode.weight_bricks
            name = f"weight_{level}"
            yield from _adders(mode, name, level, bits, places * pairs, used * pairs, acts)


def _adders(
    mode: Mode, name: str, level: int, bits: int, share: int, used: int, acts: bool
) -> Iterator[Element]:
    """Adders of one level with `bits` wide sums, and the selection of each."""
    summed = mode.sums_inputs if name.startswith("input") else mode.sums_weights
    # With a fixed shift the lower bits of one operand pass by.
    width = bits if summed else bits - (mode.brick_bits << (level - 1))
    adder = Primitive("adder", formats=(f"int{width}",))
    yield Element(f"{TREE}.{name}", adder, share, used * acts)
    yield Element(f"{TREE}.{name}_select", Primitive("mux2", bits=bits), share, used)


def _product_bits(left: int, right: int) -> int:
    """Of a product in two's complement; a further bit, as operands may be unsigned."""
    return left + right + 1


def copies(mode: Mode, path: str) -> int:
    """How many words or sums of a systolic array's PE a unit has at a path."""
    if path in ("pe.input_register", "skew.input"):
        return mode.input_words
    if path in ("pe.weight_register", "skew.weight", "pe.bank_select"):
        return mode.weight_words
    return mode.sums


def structure(grid: SystolicArraySpec, mode: Mode) -> tuple[Part, ...]:
    """Parts of one array, the same for all modes."""
    narrowest = replace(mode, input_bricks=1, weight_bricks=1)
    units = grid.rows * grid.columns
    found = [Part(each.path, each.primitive, units * each.share) for each in elements(mode)]
    found += [
        replace(part, count=part.count * copies(narrowest, part.path))
        for part in parts.structure(grid)
        if part.path != MULTIPLIER
    ]
    return tuple(found)


def path_actions(grid: SystolicArraySpec, mode: Mode) -> PathActions:
    """Actions in this mode that the counts of the systolic array of units stand for."""
    found = {
        path: [(action, share * copies(mode, path)) for action, share in stated]
        for path, stated in actions.path_actions(grid).items()
    }
    found[MULTIPLIER] = [
        (Action(each.path, each.primitive), each.active) for each in elements(mode)
    ]
    return found
