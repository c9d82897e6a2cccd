"""Operators onto engines: kernels, tilings, residency, and the program that results."""

from simulator.mapping.errors import NoMappingError
from simulator.mapping.mapper import Mapper
from simulator.mapping.program import Program
from simulator.mapping.spec import MappingSpec, TileChoice

__all__ = ["Mapper", "MappingSpec", "NoMappingError", "Program", "TileChoice"]
