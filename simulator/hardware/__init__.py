"""Hardware components. Importing this package registers the matrix units."""

from simulator.hardware import fusible_array as fusible_array
from simulator.hardware import lut_tensor_core as lut_tensor_core
from simulator.hardware import sram_pim as sram_pim
from simulator.hardware import systolic_array as systolic_array
from simulator.hardware import tensor_core as tensor_core
