"""DMA engine of a core: one in-order queue of loads and one of stores."""

from __future__ import annotations

from pydantic import Field

from simulator.config import Spec


class DmaSpec(Spec):
    """outstanding: transfers in flight per direction, which hides memory latency.

    bytes_per_cycle: width of the engine's bus, 0 = never the limit.
    """

    outstanding: int = Field(ge=1, le=4096)
    bytes_per_cycle: int = Field(default=0, ge=0)
