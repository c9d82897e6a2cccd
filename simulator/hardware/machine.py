"""A machine: cores of matrix units, a vector unit, buffers and DMA, over one memory.

Everything here is a frozen spec read from YAML; behaviour is in the component
folders, and time passes in `engine`.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from simulator.config import Spec, nearest
from simulator.hardware.dma.spec import DmaSpec
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.matrix_unit import MATRIX_UNITS, MatrixUnit, MatrixUnitSpec
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.hardware.scratchpad.spec import AccumulatorSpec, ScratchpadSpec
from simulator.hardware.vector_unit.spec import VectorUnitSpec

FEMTOSECONDS_PER_SECOND = 10**15


def _matrix_unit_spec(value: Any) -> Any:
    """Validate a matrix unit against the spec of its registered kind."""
    if isinstance(value, MatrixUnitSpec) or not isinstance(value, dict):
        return value
    kind = value.get("kind")
    unit = MATRIX_UNITS.get(kind) if isinstance(kind, str) else None
    if unit is None:
        known = ", ".join(sorted(MATRIX_UNITS))
        hint = nearest(str(kind), MATRIX_UNITS)
        raise ValueError(
            f"unknown matrix unit kind {kind!r}; known: {known}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
    return unit.spec_type.model_validate(value)


MEMORIES: dict[str, type[IdealMemorySpec] | type[DramMemorySpec]] = {
    "ideal": IdealMemorySpec,
    "dram": DramMemorySpec,
}


ONLY_DRAM = DramMemorySpec.model_fields.keys() - IdealMemorySpec.model_fields.keys()


def _memory_spec(value: Any) -> Any:
    """Validate a main memory against the spec of its kind, which is `ideal` if none is given."""
    if not isinstance(value, dict):
        return value
    kind = value.get("kind", "ideal")
    foreign = [key for key in value if key in ONLY_DRAM]
    if "kind" not in value and foreign:
        raise ValueError(f"{foreign[0]} is of a memory at command level: add `kind: dram`")
    if kind not in MEMORIES:
        hint = nearest(str(kind), MEMORIES)
        raise ValueError(
            f"unknown kind of memory {kind!r}; known: {', '.join(MEMORIES)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
    return MEMORIES[kind].model_validate(value)


class ClockSpec(Spec):
    """A clock domain. Its period is rounded to whole femtoseconds."""

    frequency_hz: float = Field(ge=1, le=1e12)

    @property
    def period_fs(self) -> int:
        """Clock period, whole femtoseconds (at 1 GHz the rounding is below 5e-7)."""
        return round(FEMTOSECONDS_PER_SECOND / self.frequency_hz)


class CoreSpec(Spec):
    """One core: units that share a scratchpad, an accumulator and a DMA engine.

    accumulator: None when partial sums live in the scratchpad.
    queue_depth: commands that each unit's queue holds besides the running one.
    """

    matrix_units: tuple[
        SerializeAsAny[Annotated[MatrixUnitSpec, BeforeValidator(_matrix_unit_spec)]], ...
    ] = Field(min_length=1)
    vector_unit: VectorUnitSpec
    scratchpad: ScratchpadSpec
    accumulator: AccumulatorSpec | None = None
    dma: DmaSpec
    queue_depth: int = Field(default=16, ge=1, le=4096)

    def build_matrix_units(self) -> tuple[MatrixUnit[Any], ...]:
        """The units themselves, in the order of the spec."""
        return tuple(MATRIX_UNITS[spec.kind](spec) for spec in self.matrix_units)


class MachineSpec(Spec):
    """A whole machine.

    clock: the cores' clock; cycles in reports are cycles of it.
    vector_clock: clock of the vector units when it differs.
    technology: name of a technology preset for area and energy.
    """

    name: str
    description: str = ""
    clock: ClockSpec
    vector_clock: ClockSpec | None = None
    cores: int = Field(default=1, ge=1, le=1024)
    core: CoreSpec
    memory: Annotated[IdealMemorySpec | DramMemorySpec, BeforeValidator(_memory_spec)]
    technology: str

    @model_validator(mode="after")
    def _unique_units(self) -> MachineSpec:
        names = [unit.kind for unit in self.core.matrix_units]
        if len(names) > 1 and len({repr(u) for u in self.core.matrix_units}) < len(names):
            raise ValueError("two matrix units are identical; use `count` instead")
        return self

    @property
    def peak_macs_per_cycle(self) -> int:
        """Peak of the fastest kind of matrix unit over all cores, rounded up (kinds do not add)."""
        units = self.core.build_matrix_units()
        fastest = max(unit.macs_per_cycle * unit.spec.count for unit in units)
        peak: int = math.ceil(self.cores * fastest)
        return peak
