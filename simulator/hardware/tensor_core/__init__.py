"""Tensor cores: dot products of K activations and K weights, one step per cycle."""

from simulator.hardware.tensor_core.spec import TensorCoreSpec
from simulator.hardware.tensor_core.unit import TensorCore

__all__ = ["TensorCore", "TensorCoreSpec"]
