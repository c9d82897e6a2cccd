"""Collectives as steps: what every device sends and adds, with a pencil."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.config import ConfigError, Document, validate
from simulator.hardware.links.collectives import Step, collective_steps
from simulator.hardware.links.spec import LinksSpec, Topology

TOPOLOGIES: tuple[Topology, ...] = ("ring", "switch")


def test_an_all_reduce_goes_round_a_ring_twice() -> None:
    """1,000 elements on 4 devices: chunks of 250, each added three times, then handed round."""
    steps = collective_steps("all_reduce", "ring", 4, 1000)
    assert steps == (Step(250, 250),) * 3 + (Step(250),) * 3


def test_through_a_switch_it_takes_two_steps() -> None:
    """Each device gets the three chunks of one share, adds them, and sends the sum to three."""
    assert collective_steps("all_reduce", "switch", 4, 1000) == (Step(750, 750), Step(750))


def test_an_all_gather_sends_every_share_to_all_others() -> None:
    assert collective_steps("all_gather", "ring", 3, 100) == (Step(100),) * 2
    assert collective_steps("all_gather", "switch", 3, 100) == (Step(200),)


@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_send_is_one_message(topology: Topology) -> None:
    assert collective_steps("send", topology, 2, 100) == (Step(100),)


@pytest.mark.parametrize("topology", TOPOLOGIES)
@given(devices=st.integers(2, 64), elements=st.integers(1, 10**6))
def test_all_reduces_send_the_least_that_is_possible(
    topology: Topology, devices: int, elements: int
) -> None:
    """2 (p - 1)/p · n of each device, and (p - 1)/p · n additions, chunks rounded up."""
    steps = collective_steps("all_reduce", topology, devices, elements)
    chunk = -(-elements // devices)
    assert sum(step.sent for step in steps) == 2 * (devices - 1) * chunk
    assert sum(step.added for step in steps) == (devices - 1) * chunk
    assert len(steps) == (2 * (devices - 1) if topology == "ring" else 2)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("topology", "rign", "found 'rign', expected one of: ring, switch"),
        ("bandwidth_bytes_per_s", 0, "bandwidth_bytes_per_s: found 0"),
        ("latency_s", -1e-9, "latency_s"),
        ("bandwith", 1e9, "unknown key 'bandwith'; valid keys: device, bandwidth_bytes_per_s"),
    ],
)
def test_links_that_cannot_be(key: str, value: object, message: str) -> None:
    links = {"device": "board", "bandwidth_bytes_per_s": 1e9, "latency_s": 0, "topology": "ring"}
    with pytest.raises(ConfigError, match=message):
        validate(LinksSpec, Document.from_data(links | {key: value}, "links"))
