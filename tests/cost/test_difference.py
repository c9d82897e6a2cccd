"""Differences of energies: what cancels, what is shared, and the bounds that remain."""

from __future__ import annotations

import random

import pytest

from simulator.cost import Estimate, load_technology
from simulator.cost.difference import BIT_MILLIMETRE, IDLE, Amounts, difference
from simulator.cost.technology import Technology
from simulator.hardware.primitives import Action, ActionCounts, Part, Primitive

MULTIPLIER = Primitive("multiplier", ("int8", "int8"))
ADDER = Primitive("adder", ("int32",))
REGISTER = Primitive("flip_flop", bits=32)
SRAM = Primitive("sram", bits=256, capacity_bytes=32768)
DRAM = Primitive("dram", device="hbm2")


@pytest.fixture(scope="module")
def technology() -> Technology:
    return load_technology("16nm")


def amounts(**counts: float) -> Amounts:
    """Actions by name of the primitive above."""
    verbs = {"MULTIPLIER": "operate", "ADDER": "operate", "REGISTER": "write"}
    return Amounts({(globals()[key], verbs.get(key, "read")): n for key, n in counts.items()})


def test_equal_energies_do_not_differ(technology: Technology) -> None:
    same = amounts(MULTIPLIER=7, SRAM=3, DRAM=5)
    assert difference(same, same, technology) == Estimate(0.0, 0.0, 0.0)


def test_more_of_one_price_is_that_price(technology: Technology) -> None:
    found = difference(amounts(DRAM=100, ADDER=9), amounts(DRAM=150, ADDER=9), technology)
    price = technology.action_energy_pj(DRAM, "read").scaled(50e-12)
    for bound in ("value", "low", "high"):
        assert getattr(found, bound) == pytest.approx(getattr(price, bound))


def test_less_of_it_has_the_bounds_changed_round(technology: Technology) -> None:
    found = difference(amounts(MULTIPLIER=2), amounts(MULTIPLIER=1), technology)
    price = technology.action_energy_pj(MULTIPLIER, "operate").scaled(1e-12)
    assert found.value == pytest.approx(-price.value)
    assert (found.low, found.high) == pytest.approx((-price.high, -price.low))


def test_node_scaling_is_shared_by_logic(technology: Technology) -> None:
    """Two registers more for an adder less: own bounds first, then one factor for both."""
    first, second = amounts(ADDER=1), amounts(REGISTER=2)
    found = difference(first, second, technology)
    kind, factor = technology.shared_factor(ADDER)
    assert (kind, factor) == technology.shared_factor(REGISTER)
    adder = technology.action_energy_pj(ADDER, "operate")
    register = technology.action_energy_pj(REGISTER, "write").scaled(2)
    least = register.low / factor.low - adder.high / factor.high
    assert least > 0
    assert found.low == pytest.approx(1e-12 * factor.low * least)
    # Without the shared factor nothing could be said.
    assert register.low < adder.high


def test_no_choice_of_prices_leaves_the_bounds(technology: Technology) -> None:
    first = amounts(MULTIPLIER=30, ADDER=30, REGISTER=5, SRAM=2, DRAM=20)
    second = amounts(MULTIPLIER=10, ADDER=60, REGISTER=20, SRAM=3, DRAM=10)
    found = difference(first, second, technology)
    random.seed(5)
    for _ in range(2000):
        total = 0.0
        ends: dict[str, float] = {}
        for price in first.counts:
            kind, shared = technology.shared_factor(price[0])
            factor = ends.setdefault(kind, random.choice((shared.low, shared.high)))
            one = technology.action_energy_pj(*price)
            own = random.choice((one.low / shared.low, one.high / shared.high))
            total += 1e-12 * own * factor * (second.counts[price] - first.counts[price])
        assert found.low <= total * (1 + 1e-9) + 1e-18
        assert total <= found.high + 1e-18


def test_idling_has_the_price_of_leakage(technology: Technology) -> None:
    first, second = Amounts(), Amounts()
    first.add_idle([Part("a", REGISTER, 5), Part("b", SRAM, 1)], 1.0)
    second.add_idle([Part("c", REGISTER, 5), Part("b", SRAM, 1)], 3.0)
    assert first.counts == {(REGISTER, IDLE): 5.0, (SRAM, IDLE): 1.0}
    found = difference(first, second, technology)
    both = (technology.primitive_leakage_w(REGISTER).scaled(10)) + (
        technology.primitive_leakage_w(SRAM).scaled(2)
    )
    assert (found.value, found.low, found.high) == pytest.approx((both.value, both.low, both.high))


def test_other_joules_are_independent(technology: Technology) -> None:
    first = Amounts(other=Estimate(2.0, 1.0, 4.0))
    second = Amounts(other=Estimate(3.0, 2.0, 6.0))
    assert difference(first, second, technology) == Estimate(1.0, -2.0, 5.0)


def test_amounts_add_up() -> None:
    actions = ActionCounts()
    actions.add(Action("x", ADDER), 3)
    actions.add(Action("y", ADDER), 1)
    total = Amounts(other=Estimate(1.0, 1.0, 1.0))
    total.add_actions(actions, 2)
    total.add(total)
    assert total.counts == {(ADDER, "operate"): 16.0}
    assert total.other.value == 2


def test_areas_share_node_scaling(technology: Technology) -> None:
    """Ten registers for a multiplier: the factor between nodes is the same for both."""
    first, second = Amounts(), Amounts()
    first.add_area([Part("a", MULTIPLIER, 2), Part("same", SRAM, 4)])
    second.add_area([Part("a", MULTIPLIER, 1), Part("b", REGISTER, 1), Part("same", SRAM, 4)])
    found = difference(first, second, technology)
    multiplier, register = map(technology.primitive_area_um2, (MULTIPLIER, REGISTER))
    assert found.value == pytest.approx(1e-6 * (register.value - multiplier.value))
    _, factor = technology.shared_factor(REGISTER, "area")
    most = register.high / factor.high - multiplier.low / factor.low
    assert found.high == pytest.approx(1e-6 * most * (factor.high if most > 0 else factor.low))


def test_waits_and_wires_have_prices(technology: Technology) -> None:
    second = Amounts()
    second.add_waits([(REGISTER, 5.0)])
    second.add_wires(7.0)
    found = difference(Amounts(), second, technology)
    wait = technology.action_energy_pj(REGISTER, "wait").value
    wire = technology.action_energy_pj(BIT_MILLIMETRE, "move").value
    assert found.value == pytest.approx(1e-12 * (5 * wait + 7 * wire))
