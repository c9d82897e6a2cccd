"""Shorthands for primitives, and the technologies that ship."""

from __future__ import annotations

from functools import cache

from simulator.config import list_presets
from simulator.cost.load import load_technology
from simulator.cost.technology import Technology
from simulator.hardware.primitives import Primitive

PRESETS = list_presets("technologies")


@cache
def technology(name: str) -> Technology:
    """A shipped technology, loaded once per test run."""
    return load_technology(name)


def multiplier(a: str, b: str) -> Primitive:
    """A multiplier of two formats."""
    return Primitive("multiplier", (a, b))


def adder(number_format: str) -> Primitive:
    """An adder of one format."""
    return Primitive("adder", (number_format,))


def flip_flops(bits: int) -> Primitive:
    """A register of so many bits."""
    return Primitive("flip_flop", bits=bits)


def register_file(words: int, bits: int) -> Primitive:
    """Words of a register file."""
    return Primitive("register_file", bits=bits, capacity_bytes=words * bits // 8)


def sram(capacity_bytes: int, bits: int) -> Primitive:
    """A bank."""
    return Primitive("sram", bits=bits, capacity_bytes=capacity_bytes)


def dram(device: str, capacity_bytes: int = 0) -> Primitive:
    """A dram, perhaps with its capacity."""
    return Primitive("dram", device=device, capacity_bytes=capacity_bytes)
