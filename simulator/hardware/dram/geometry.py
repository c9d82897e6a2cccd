"""Nodes of a channel's tree by number: the channel, pseudo channels, … , banks.

Node 0 is the channel; then come all pseudo channels, all ranks, all bank groups
and all banks, each level counted in order. Banks of any node are contiguous.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from simulator.hardware.dram.names import BANK, LEVELS
from simulator.hardware.dram.spec import OrganisationCounts


@dataclass(frozen=True)
class Geometry:
    """Counts of nodes per level (`counts`), and where each level's numbers start (`bases`)."""

    counts: tuple[int, ...]
    bases: tuple[int, ...]

    @classmethod
    def of(cls, sizes: OrganisationCounts) -> Geometry:
        """The tree of a channel."""
        counts = [1]
        for size in (sizes.pseudo_channels, sizes.ranks, sizes.bank_groups, sizes.banks_per_group):
            counts.append(counts[-1] * size)
        bases = [sum(counts[:level]) for level in range(len(counts))]
        return cls(tuple(counts), tuple(bases))

    @property
    def nodes(self) -> int:
        """Nodes in all."""
        return sum(self.counts)

    @property
    def banks(self) -> int:
        """Banks of the channel."""
        return self.counts[BANK]

    def ancestor(self, bank: int, level: int) -> int:
        """Number of the node of `level` that `bank` is in."""
        return self.bases[level] + bank // (self.banks // self.counts[level])

    def ancestors(self) -> NDArray[np.int64]:
        """Shape [banks, levels]: the nodes above each bank, and its own."""
        levels = range(len(LEVELS))
        rows = [[self.ancestor(bank, level) for level in levels] for bank in range(self.banks)]
        return np.array(rows, dtype=np.int64)
