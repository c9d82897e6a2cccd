"""A CPU: cores with SIMD units and private caches, behind the slices of one shared cache.

Beside the slices there may be SRAM arrays that compute (`CacheArraysSpec`): a SAIL-style
machine (arXiv:2509.25853), of which what is not published is a parameter.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal

from pydantic import Field, model_validator

from simulator.config import Spec
from simulator.hardware.bill import (
    ARRAYS,
    CONVERSION_ARRAYS,
    LAST_LEVEL_CACHE,
    PRIVATE_CACHE,
    REUSE_TABLES,
)
from simulator.hardware.machine import ClockSpec, CoreSpec, MachineSpec
from simulator.hardware.matrix_unit import MatrixUnit
from simulator.hardware.network import NetworkSpec
from simulator.hardware.primitives import Part
from simulator.hardware.scratchpad.structure import Banked, scratchpad_parts
from simulator.hardware.sram_pim.savings import reuse_table
from simulator.hardware.sram_pim.spec import ArraySpec
from simulator.hardware.sram_pim.unit import SramPim


class PrivateCacheSpec(Spec):
    """What a core has for itself.

    capacity_bytes: of its largest private cache, where blocks of operands are held.
    bytes_per_cycle: from its nearest cache into registers.
    bank_bytes, width_bits: the sram macro it is built from.
    """

    capacity_bytes: int = Field(gt=0)
    bytes_per_cycle: int = Field(gt=0)
    bank_bytes: int = Field(default=32768, gt=0)
    width_bits: int = Field(default=256, gt=0)


class RegisterBlockSpec(Spec):
    """Outputs that a core's inner loop holds in registers.

    Every vector of weights that it loads meets so many rows, every vector of activations
    so many columns.
    """

    rows: int = Field(ge=1, le=64)
    columns: int = Field(ge=1, le=64)


class CpuCoreSpec(CoreSpec):
    """One core: its matrix units are what its SIMD pipes do with products of one format.

    All of them, and the vector unit, are the same pipes: one thing at a time.
    """

    private_cache: PrivateCacheSpec
    register_block: RegisterBlockSpec


class LastLevelCacheSpec(Spec):
    """The cache that all cores share, in slices, with the network between them.

    slice_bytes, slice_bytes_per_cycle: of one slice. core_bytes_per_cycle: to one core.
    slice_latency_cycles: of a hit, besides the way there and back over the network.
    bank_bytes, width_bits: the sram macro it is built from.
    """

    slices: int = Field(ge=1, le=1024)
    slice_bytes: int = Field(gt=0)
    slice_bytes_per_cycle: int = Field(gt=0)
    core_bytes_per_cycle: int = Field(gt=0)
    slice_latency_cycles: int = Field(ge=0, le=10**6)
    network: NetworkSpec
    bank_bytes: int = Field(default=65536, gt=0)
    width_bits: int = Field(default=256, gt=0)

    @property
    def capacity_bytes(self) -> int:
        """Of all slices."""
        return self.slices * self.slice_bytes

    @property
    def bytes_per_cycle(self) -> int:
        """Of all slices together, as far as the network lets it through; one has none to cross."""
        slices = self.slices * self.slice_bytes_per_cycle
        if self.slices == 1:
            return slices
        return min(slices, self.network.bytes_per_cycle(self.slices))

    @property
    def latency_cycles(self) -> int:
        """From a core's request to the data of a hit."""
        return self.slice_latency_cycles + 2 * self.network.mean_latency_cycles(self.slices)


class CacheArraysSpec(Spec):
    """SRAM arrays that compute, beside every slice of the last-level cache, or in it.

    clock: of the arrays. array: one of them; the formats, and the basis weights where none
        are said, are each operator's own.
    arrays_per_slice: that look up. conversion_arrays_per_slice: further ones, which make
        FP32 of sums, times their scales; 0: the cores do.
    in_cache: they are arrays of the cache itself, which has so much less room for data.
    feed_bytes_per_cycle, drain_bytes_per_cycle: between a slice and its arrays, cycles of
        the cores' clock; weights pass the transposer on their way.
    """

    clock: ClockSpec
    array: ArraySpec
    arrays_per_slice: int = Field(ge=1, le=4096)
    conversion_arrays_per_slice: int = Field(default=0, ge=0, le=4096)
    in_cache: bool = False
    feed_bytes_per_cycle: int = Field(gt=0)
    drain_bytes_per_cycle: int = Field(gt=0)

    @property
    def bytes_per_slice(self) -> int:
        """Bits of all arrays of a slice, in bytes."""
        arrays = self.arrays_per_slice + self.conversion_arrays_per_slice
        return arrays * self.array.rows * self.array.columns // 8

    @model_validator(mode="after")
    def _one_array(self) -> CacheArraysSpec:
        if self.array.count != 1:
            raise ValueError(
                f"array.count: found {self.array.count}, expected 1: it is one array, of which "
                "there are arrays_per_slice"
            )
        return self


class CpuSpec(MachineSpec):
    """A machine of CPU cores. barrier_s: all threads have met, and start the next operator."""

    kind: Literal["cpu"] = "cpu"
    core: CpuCoreSpec
    llc: LastLevelCacheSpec
    arrays: CacheArraysSpec | None = None
    barrier_s: float = Field(ge=0, le=1)

    @model_validator(mode="after")
    def _room_for_data(self) -> CpuSpec:
        if self.on_chip_bytes <= 0:
            taken = self.llc.capacity_bytes - self.on_chip_bytes
            raise ValueError(
                f"arrays: in_cache arrays take {taken:,} bytes of a last-level cache of "
                f"{self.llc.capacity_bytes:,}; expected fewer arrays_per_slice, so that data have "
                "room, too"
            )
        return self

    @property
    def on_chip_bytes(self) -> int:
        """What the shared cache holds, besides arrays that compute."""
        taken = self.arrays.bytes_per_slice if self.arrays and self.arrays.in_cache else 0
        return self.llc.slices * (self.llc.slice_bytes - taken)

    def shared_units(self) -> tuple[tuple[MatrixUnit[Any], int, Fraction], ...]:
        """The arrays that look up, for operands in the formats of the spec."""
        if self.arrays is None:
            return ()
        unit, many = SramPim(self.arrays.array), self.llc.slices * self.arrays.arrays_per_slice
        cycles = Fraction(self.clock.period_fs, self.arrays.clock.period_fs)
        return ((unit, many, many * unit.macs_per_cycle * cycles),)

    @property
    def _cache(self) -> LastLevelCacheSpec:
        """The cache without arrays of its own that compute."""
        share = self.on_chip_bytes // self.llc.slices
        return self.llc.model_copy(update={"slice_bytes": share})

    def core_buffers(self) -> dict[str, Banked]:
        """The private cache."""
        return {PRIVATE_CACHE: self.core.private_cache}

    def shared_parts(self) -> tuple[Part, ...]:
        """The shared cache, and the arrays beside it."""
        cache = scratchpad_parts(self._cache, LAST_LEVEL_CACHE)
        if self.arrays is None:
            return cache
        slices, array = self.llc.slices, self.arrays.array
        many = {
            ARRAYS: slices * self.arrays.arrays_per_slice,
            CONVERSION_ARRAYS: slices * self.arrays.conversion_arrays_per_slice,
        }
        if array.reuse is not None:
            table = reuse_table(array.array_layout, array.widest_basis_weights, array.reuse)
            cache = (*cache, Part(REUSE_TABLES, table, many[ARRAYS]))
        return (
            *cache,
            *(
                Part(f"{path}.{part.path}", part.primitive, part.count * arrays)
                for path, arrays in many.items()
                if arrays
                for part in SramPim(array).structure()
            ),
        )
