"""Banks of buffers and lanes of vector units, counted by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError
from simulator.hardware.primitives import Action, Part, Primitive
from simulator.hardware.scratchpad.spec import ScratchpadSpec
from simulator.hardware.scratchpad.structure import (
    accesses,
    bank_count,
    read_action,
    scratchpad_parts,
    write_action,
)
from simulator.hardware.vector_unit.spec import VectorFunctionSpec, VectorUnitSpec
from simulator.hardware.vector_unit.structure import vector_unit_parts
from simulator.hardware.vector_unit.work import VectorWork, vector_actions


def scratchpad(capacity_bytes: int, bank_bytes: int = 32768, width_bits: int = 256):
    return ScratchpadSpec(
        capacity_bytes=capacity_bytes,
        read_bytes_per_cycle=64,
        write_bytes_per_cycle=64,
        bank_bytes=bank_bytes,
        width_bits=width_bits,
    )


def test_a_scratchpad_is_whole_banks():
    # 16 MiB / 32 KiB = 512; one byte more takes another bank.
    bank = Primitive("sram", bits=256, capacity_bytes=32768)
    assert scratchpad_parts(scratchpad(2**24), "core0.scratchpad") == (
        Part("core0.scratchpad", bank, 512),
    )
    assert bank_count(scratchpad(2**24 + 1)) == 513
    assert bank_count(scratchpad(1)) == 1


def test_an_access_moves_the_width_of_a_bank():
    spec = scratchpad(2**20)
    bank = Primitive("sram", bits=256, capacity_bytes=32768)
    assert read_action(spec, "a") == Action("a", bank, "read")
    assert write_action(spec, "a") == Action("a", bank, "write")
    # 256 bits are 32 bytes: 0, 1, 32 and 33 bytes take 0, 1, 1 and 2 accesses.
    assert [accesses(spec, moved) for moved in (0, 1, 32, 33)] == [0, 1, 1, 2]
    with pytest.raises(CyclelabError, match="-1 bytes"):
        accesses(spec, -1)


@given(st.integers(0, 2**60), st.integers(1, 4096))
def test_accesses_carry_every_byte_and_no_spare_one(moved, width_bits):
    count = accesses(scratchpad(2**20, width_bits=width_bits), moved)
    assert count * width_bits >= moved * 8
    assert count == 0 or (count - 1) * width_bits < moved * 8


def test_a_lane_is_a_multiply_add_and_four_registers():
    function = VectorFunctionSpec(cycles_per_element=1, multiplies=1, adds=1)
    spec = VectorUnitSpec(lanes=1024, format="fp32", latency_cycles=8, functions={"add": function})
    parts = vector_unit_parts(spec, "core0.vector")
    assert parts == (
        Part("core0.vector.lane.multiplier", Primitive("multiplier", ("fp32", "fp32")), 1024),
        Part("core0.vector.lane.adder", Primitive("adder", ("fp32",)), 1024),
        Part("core0.vector.lane.registers", Primitive("flip_flop", bits=128), 1024),
    )
    # Energy is counted on parts that have an area, at the same paths.
    actions = vector_actions(spec, [VectorWork("add", 100)], "core0.vector").counts
    built = {(part.path, part.primitive) for part in parts}
    arithmetic = {a for a in actions if a.primitive.kind != "flip_flop"}
    assert arithmetic and {(a.path, a.primitive) for a in arithmetic} <= built


def test_an_unknown_lane_format_is_named():
    function = VectorFunctionSpec(cycles_per_element=1)
    spec = VectorUnitSpec(lanes=4, format="fp31", latency_cycles=1, functions={"add": function})
    with pytest.raises(CyclelabError, match="'fp31'"):
        vector_unit_parts(spec, "v")
