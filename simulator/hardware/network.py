"""The network between the slices of a cache: what all traffic together, and one way, take.

Traffic is uniform: addresses are hashed over all slices. Half of it crosses the middle of
the network, half of that each way, over the links that are cut there (Dally & Towles,
Principles and Practices of Interconnection Networks, 2004, chapter 3).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Literal

from pydantic import Field

from simulator.config import Spec

SHARE_PER_WAY = 4
"""One of so many parts of uniform traffic crosses the middle in each direction."""


class NetworkSpec(Spec):
    """topology: `mesh`, as near to square as the slices allow, or `ring`, both ways round.

    link_bytes_per_cycle: of one link in one direction. hop_cycles: from a stop to the next.
    """

    topology: Literal["mesh", "ring"]
    link_bytes_per_cycle: int = Field(gt=0)
    hop_cycles: int = Field(ge=0, le=1000)

    def bytes_per_cycle(self, stops: int) -> int:
        """Of uniform traffic among so many stops, that the middle lets through.

        A ring is cut in two places, a mesh of r x c stops, r ≤ c, across r links.
        """
        cut = 2 if self.topology == "ring" else _sides(stops)[0]
        return SHARE_PER_WAY * cut * self.link_bytes_per_cycle

    def mean_latency_cycles(self, stops: int) -> int:
        """Hops between two stops on average, each `hop_cycles`, rounded up.

        n/4 on a ring of n (whole hops either way: ⌊n²/4⌋/n); (r - 1/r)/3 + (c - 1/c)/3 on
        a mesh.
        """
        if self.topology == "ring":
            hops = Fraction(stops * stops // 4, stops)
        else:
            hops = sum((Fraction(side * side - 1, 3 * side) for side in _sides(stops)), Fraction(0))
        return math.ceil(hops * self.hop_cycles)


def _sides(stops: int) -> tuple[int, int]:
    """Sides of the mesh that holds so many stops, the shorter one first."""
    short = math.isqrt(stops)
    while stops % short:
        short -= 1
    return short, stops // short
