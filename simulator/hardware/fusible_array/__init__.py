"""Arrays of Fusion Units, whose 2-bit multipliers join for the width of the operands."""

from simulator.hardware.fusible_array.spec import FusibleArraySpec
from simulator.hardware.fusible_array.unit import FusibleArray

__all__ = ["FusibleArray", "FusibleArraySpec"]
