"""SRAM arrays that compute: see `docs/sram_pim.md`."""

from simulator.hardware.sram_pim.spec import SramPimSpec
from simulator.hardware.sram_pim.unit import SramPim

__all__ = ["SramPim", "SramPimSpec"]
