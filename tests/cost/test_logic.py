"""Multipliers, adders, flip-flops: quoted values, the law between them, assemblies."""

from __future__ import annotations

from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import CyclelabError, load_preset
from simulator.cost.laws import ArithmeticLaw, family_and_size
from simulator.cost.operands import operand
from simulator.cost.stated import StatedNumbers
from simulator.hardware.primitives import Primitive
from simulator.numerics import FORMATS
from tests.cost.helpers import adder, flip_flops, multiplier, register_file, technology

NUMBERS = StatedNumbers(load_preset("technologies", "45nm"))


@pytest.mark.parametrize(
    ("primitive", "picojoules"),
    [
        (multiplier("int8", "int8"), 0.2),
        (multiplier("int32", "int32"), 3.1),
        (multiplier("fp16", "fp16"), 1.1),
        (multiplier("fp32", "fp32"), 3.7),
        (adder("int8"), 0.03),
        (adder("int32"), 0.1),
        (adder("fp16"), 0.4),
        (adder("fp32"), 0.9),
    ],
)
def test_horowitz_is_quoted_exactly(primitive, picojoules):
    base = technology("45nm")
    assert base.action_energy_pj(primitive, "operate").value == picojoules
    assert any("Horowitz" in line for line in base.sources_for(primitive, "operate"))


def test_energy_between_and_beyond_quoted_widths():
    base = technology("45nm")
    # 16 x 16 = 256 bit² is half way from 64 to 1024 in logarithm: sqrt(0.2 * 3.1).
    int16 = base.action_energy_pj(multiplier("int16", "int16"), "operate")
    assert int16.value == pytest.approx((0.2 * 3.1) ** 0.5)
    # Below int8 in proportion to the bit product: 16 / 64 of 0.2 pJ.
    int4 = base.action_energy_pj(multiplier("int4", "int4"), "operate")
    assert int4.value == pytest.approx(0.05)
    assert base.action_energy_pj(multiplier("int4", "int8"), "operate").value == pytest.approx(0.1)
    # Half way between adders of 8 and 32 bits: sqrt(0.03 * 0.1).
    assert base.action_energy_pj(adder("int16"), "operate").value == pytest.approx(0.003**0.5)


def test_order_of_the_operands_does_not_matter():
    for pair in (("int4", "int8"), ("int4", "fp16"), ("int8", "bf16"), ("int3", "int9")):
        forth, back = multiplier(*pair), multiplier(*reversed(pair))
        base = technology("45nm")
        assert base.primitive_area_um2(forth).value == base.primitive_area_um2(back).value
        energy = base.action_energy_pj(forth, "operate").value
        assert energy == base.action_energy_pj(back, "operate").value


def test_registers_cost_by_the_bit():
    base = technology("45nm")
    assert base.primitive_area_um2(flip_flops(32)).value == pytest.approx(32 * 4.52)
    # Data, and the clock's pin with its share of the tree.
    clock = 0.0058 * 1.4
    assert base.clock_energy_pj(flip_flops(32)).value == pytest.approx(32 * clock)
    written = base.action_energy_pj(flip_flops(32), "write").value
    assert written == pytest.approx(32 * (0.0039 + clock))
    # A cycle without a write costs a tenth of a clocking: so many are not gated.
    assert base.action_energy_pj(flip_flops(32), "wait").value == pytest.approx(3.2 * clock)


def test_a_register_file_is_flip_flops_and_read_muxes():
    base = technology("45nm")
    file = register_file(16, 16)
    # 256 flip-flops with enable and 16 · 15 two-way muxes; the synthesised rf16x16 has 2099.27.
    assert base.primitive_area_um2(file).value == pytest.approx(256 * 6.38 + 240 * 1.86)
    assert base.primitive_area_um2(file).value == pytest.approx(2099.27, rel=0.02)
    assert base.action_energy_pj(file, "read").value == pytest.approx(240 * 0.0022)
    one_word = base.action_energy_pj(file, "write").value
    assert one_word == pytest.approx(16 * (0.0055 + 0.0058 * 1.4))
    assert base.action_energy_pj(file, "wait").value == pytest.approx(25.6 * 0.0058 * 1.4)
    with pytest.raises(CyclelabError, match="no whole number of 12-bit words"):
        base.primitive_area_um2(Primitive("register_file", bits=12, capacity_bytes=32))


@given(st.integers(1, 63))
def test_wider_is_never_smaller_nor_cheaper(bits):
    base = technology("45nm")
    for narrow, wide in (
        (multiplier(f"int{bits}", f"int{bits}"), multiplier(f"int{bits + 1}", f"int{bits + 1}")),
        (adder(f"int{bits}"), adder(f"int{bits + 1}")),
    ):
        areas = base.primitive_area_um2(narrow), base.primitive_area_um2(wide)
        energies = (base.action_energy_pj(each, "operate") for each in (narrow, wide))
        for small, large in (areas, energies):
            assert small.value < large.value


def test_a_law_needs_a_block_of_the_family():
    table = {"int8*int8": NUMBERS.at("logic_area", "multipliers_um2", "int8*int8")}
    spread = NUMBERS.at("logic_area", "interpolation_spread")
    law = ArithmeticLaw("multiplier", table, spread, spread)
    assert law.cost(("int4", "int4")).estimate.value == pytest.approx(341.28 / 4)
    with pytest.raises(CyclelabError, match=r"no float multiplier to derive .* bf16\*fp32 from"):
        law.cost(("bf16", "fp32"))


def left_out(noun: str, name: str) -> float:
    """Relative error of the area law for a synthesised block that it is not given."""
    table = dict(NUMBERS.table("logic_area", f"{noun}s_um2"))
    truth = table.pop(name).estimate.value
    spread = NUMBERS.at("logic_area", "interpolation_spread")
    law = ArithmeticLaw(noun, table, spread, spread)
    return law.cost(tuple(name.split("*"))).estimate.value / truth - 1.0


def test_the_law_foretells_every_synthesised_block_from_the_others(capsys):
    errors = {
        f"{noun} {name}": left_out(noun, name)
        for noun in ("multiplier", "adder")
        for name in NUMBERS.table("logic_area", f"{noun}s_um2")
    }
    with capsys.disabled():
        listed = ", ".join(f"{name} {error:+.0%}" for name, error in errors.items())
        print(f"\nlaw of areas, one block left out: {listed}")
    assert len(errors) == 19
    assert median(map(abs, errors.values())) <= 0.10
    assert max(map(abs, errors.values())) <= 0.26


def test_formats_agree_with_numerics():
    import ml_dtypes

    for name, number_format in FORMATS.items():
        found = operand(name)
        assert found.is_float == (number_format.kind == "float")
        if found.is_float:
            assert found.bits == ml_dtypes.finfo(number_format.dtype).nmant + 1
        elif number_format.table:  # ±16, and 0 to 64, in binary
            assert found.bits == {"flint4": 6, "uflint4": 7}[name]
        else:  # odd integers up to 2^b - 1 need a sign besides
            assert found.bits == number_format.bits + name.startswith("bipolar")
    assert family_and_size(("int4", "fp16")) == (True, 44)
    assert family_and_size(("bipolar1", "ternary")) == (False, 4)
    assert operand("fp64").bits == 53


@pytest.mark.parametrize(
    ("primitive", "words"),
    [
        (multiplier("int8", "fp17"), ["'fp17'", "did you mean 'fp16'"]),
        (multiplier("int0", "int8"), ["'int0'"]),
        (multiplier("int999", "int8"), ["'int999'", "int128"]),
        (adder("bfloat16"), ["'bfloat16'", "'bf16'"]),
        (flip_flops(0), ["flip_flop", "0 bits"]),
    ],
)
def test_unknown_formats_are_named(primitive, words):
    with pytest.raises(CyclelabError) as caught:
        technology("45nm").primitive_area_um2(primitive)
    for word in words:
        assert word in str(caught.value)
