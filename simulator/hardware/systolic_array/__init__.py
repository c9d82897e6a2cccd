"""Systolic arrays: output, weight and input stationary."""

from simulator.hardware.systolic_array.spec import SystolicArraySpec
from simulator.hardware.systolic_array.unit import SystolicArray

__all__ = ["SystolicArray", "SystolicArraySpec"]
