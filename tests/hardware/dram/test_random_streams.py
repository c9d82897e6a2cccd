"""Random streams on every device under every policy: nothing illegal, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.hardware.dram.checker import violations
from tests.hardware.dram.devices import NAMES, device, logged
from tests.hardware.dram.laws import check_conservation
from tests.hardware.dram.random_streams import Case, cases, controllers, streams


@given(cases())
@settings(max_examples=300)
def test_random_streams_break_no_rule_and_lose_no_request(case: Case) -> None:
    check(case)


@given(st.data())
@settings(max_examples=40)
@pytest.mark.parametrize("name", ["ddr4-3200", "ddr5-4800", "lpddr5-6400", "lpddr4-2400"])
def test_two_ranks(name: str, data: st.DataObject) -> None:
    spec = device(name, "organisation.counts.ranks=2")
    check(Case(spec, data.draw(controllers(spec)), data.draw(streams(spec.banks))))


@given(st.data())
@settings(max_examples=25)
@pytest.mark.parametrize("name", NAMES)
def test_every_device_as_shipped(name: str, data: st.DataObject) -> None:
    spec = device(name)
    check(Case(spec, data.draw(controllers(spec)), data.draw(streams(spec.banks))))


def check(case: Case) -> None:
    result, log = logged(case.device, case.stream, case.controller)
    found = violations(case.device, log)
    assert not found, "\n".join(found[:10])
    check_conservation(case.device, case.stream, result, log)
