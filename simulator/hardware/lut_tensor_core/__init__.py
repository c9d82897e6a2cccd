"""LUT tensor cores: weights bit by bit, sums of activations looked up or added."""

from simulator.hardware.lut_tensor_core.spec import LutTensorCoreSpec
from simulator.hardware.lut_tensor_core.unit import LutTensorCore

__all__ = ["LutTensorCore", "LutTensorCoreSpec"]
