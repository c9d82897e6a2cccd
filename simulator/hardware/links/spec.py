"""How a machine is linked to others of its kind: the `links:` mapping of a machine."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from simulator.config import Spec

Topology = Literal["ring", "switch"]


class LinksSpec(Spec):
    """Links of one device to the others.

    device: the link whose energy the technology prices.
    bandwidth_bytes_per_s: what the device sends, over all its links together; it receives as
        much meanwhile.
    latency_s: from a message's last byte on the link to its being there; of every step of a
        collective.
    topology: `ring`: a device sends to the next one, and collectives go round; `switch`: it
        reaches every other at the full bandwidth, and collectives take a step or two.
    """

    device: str
    bandwidth_bytes_per_s: float = Field(ge=1, le=1e18)
    latency_s: float = Field(ge=0, le=1)
    topology: Topology
