"""What units have in common whose M x N lanes take a tile K of k at a time."""

from simulator.hardware.block_unit.elements import (
    Element,
    Elements,
    Trigger,
    adder,
    flip_flop,
    mux,
    operands,
)
from simulator.hardware.block_unit.geometry import Geometry
from simulator.hardware.block_unit.registers import BlockModel, Feed, Moving, Stage
from simulator.hardware.block_unit.unit import BlockUnit, Ports

__all__ = [
    "BlockModel",
    "BlockUnit",
    "Element",
    "Elements",
    "Feed",
    "Geometry",
    "Moving",
    "Ports",
    "Stage",
    "Trigger",
    "adder",
    "flip_flop",
    "mux",
    "operands",
]
