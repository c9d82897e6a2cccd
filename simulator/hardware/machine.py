"""What all machines share: cores with matrix units and a vector unit, over one memory.

Everything here is a frozen spec read from YAML; behaviour is in the component
folders, and time passes in `engine`. The kinds of machine are `npu.py`, `gpu.py` and `cpu.py`.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from simulator.config import Spec, nearest
from simulator.config.plugins import PluginError
from simulator.hardware.bill import MATRIX_UNIT, VECTOR_UNIT
from simulator.hardware.dram.memory_spec import DramMemorySpec
from simulator.hardware.links.spec import LinksSpec
from simulator.hardware.matrix_unit import MATRIX_UNITS, MatrixUnit, MatrixUnitSpec
from simulator.hardware.memory.spec import IdealMemorySpec
from simulator.hardware.primitives import Part
from simulator.hardware.scratchpad.structure import Banked, scratchpad_parts
from simulator.hardware.vector_unit.spec import VectorUnitSpec
from simulator.hardware.vector_unit.structure import vector_unit_parts

FEMTOSECONDS_PER_SECOND = 10**15


def _matrix_unit_spec(value: Any) -> Any:
    """Validate a matrix unit against the spec of its registered kind."""
    if isinstance(value, MatrixUnitSpec) or not isinstance(value, dict):
        return value
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in MATRIX_UNITS:
        raise ValueError(MATRIX_UNITS.unknown(kind))
    try:
        unit = MATRIX_UNITS[kind]
    except PluginError as error:
        raise ValueError(str(error)) from None
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
    """What a core of any machine has: matrix units and a vector unit."""

    matrix_units: tuple[
        SerializeAsAny[Annotated[MatrixUnitSpec, BeforeValidator(_matrix_unit_spec)]], ...
    ] = Field(min_length=1)
    vector_unit: VectorUnitSpec

    @model_validator(mode="after")
    def _unique_units(self) -> CoreSpec:
        if len({repr(unit) for unit in self.matrix_units}) < len(self.matrix_units):
            raise ValueError("matrix_units: two of them are identical; use `count` instead")
        return self

    def build_matrix_units(self) -> tuple[MatrixUnit[Any], ...]:
        """The units themselves, in the order of the spec."""
        return tuple(_matrix_unit(spec) for spec in self.matrix_units)


@lru_cache(maxsize=256)
def _matrix_unit(spec: MatrixUnitSpec) -> MatrixUnit[Any]:
    """The unit of a spec, one for all equal ones: what is remembered of it serves them all."""
    return MATRIX_UNITS[spec.kind](spec)


@lru_cache(maxsize=256)
def _unit_parts(unit: MatrixUnit[Any]) -> tuple[Part, ...]:
    """All units of a kind in a core, with paths from the machine down."""
    prefix = f"{MATRIX_UNIT}.{unit.spec.kind}"
    return tuple(
        replace(part, path=f"{prefix}.{part.path}", count=part.count * unit.spec.count)
        for part in unit.structure()
    )


class MachineSpec(Spec):
    """What every machine has. `kind` selects the spec of the rest (`hardware.machines`).

    clock: the cores' clock; cycles in reports are cycles of it.
    links: to other devices of its kind, for workloads that several share.
    price_usd_per_hour: of the machine, for tokens per dollar.
    technology: a technology preset for area and energy, or a mapping that extends one.
    """

    kind: str
    name: str
    description: str = ""
    clock: ClockSpec
    cores: int = Field(default=1, ge=1, le=1024)
    core: CoreSpec
    memory: Annotated[IdealMemorySpec | DramMemorySpec, BeforeValidator(_memory_spec)]
    links: LinksSpec | None = None
    price_usd_per_hour: float | None = Field(default=None, gt=0, le=1e9)
    technology: str | dict[str, Any]

    @property
    def peak_macs_per_cycle(self) -> int:
        """Peak of the fastest kind of matrix unit, all of them, rounded up (kinds do not add)."""
        in_cores = (
            self.cores * unit.macs_per_cycle * unit.spec.count
            for unit in self.core.build_matrix_units()
        )
        peak: int = math.ceil(max((*in_cores, *(peak for _, _, peak in self.shared_units()))))
        return peak

    def shared_units(self) -> tuple[tuple[MatrixUnit[Any], int, Fraction], ...]:
        """Units that are in no core, how many, and MACs of all per cycle of the cores' clock."""
        return ()

    @property
    @abstractmethod
    def on_chip_bytes(self) -> int:
        """Capacity of the buffer that holds activations between operators."""

    # -- what it is made of --------------------------------------------------
    @abstractmethod
    def core_buffers(self) -> dict[str, Banked]:
        """Buffers of one core, by path."""

    def shared_parts(self) -> tuple[Part, ...]:
        """Parts that are in no core."""
        return ()

    @property
    def sub_cores(self) -> int:
        """Pieces of a core among which its matrix units are divided evenly."""
        return 1

    def buffer_pieces(self) -> dict[str, int]:
        """Buffers of a core that are divided, each piece beside what it serves, by path."""
        return {}

    def parts(self) -> tuple[Part, ...]:
        """Everything; main memory, control, wires and I/O are not among it."""
        parts: list[Part] = []
        for unit in self.core.build_matrix_units():
            parts.extend(_unit_parts(unit))
        for path, buffer in self.core_buffers().items():
            parts.extend(scratchpad_parts(buffer, path))
        parts.extend(vector_unit_parts(self.core.vector_unit, VECTOR_UNIT))
        in_cores = [replace(part, count=part.count * self.cores) for part in parts]
        return (*in_cores, *self.shared_parts())
