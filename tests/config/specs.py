"""A small machine, with a part whose spec is chosen by its `kind` while validating."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, model_validator

from simulator.config import Spec


class UnitSpec(Spec):
    """Base of the units."""

    kind: str
    count: int = Field(default=1, ge=1)


class ArraySpec(UnitSpec):
    """A systolic array."""

    kind: Literal["array"] = "array"
    rows: int = Field(ge=1, le=4096)
    dataflow: Literal["output_stationary", "weight_stationary"] = "output_stationary"


class LutSpec(UnitSpec):
    """A table."""

    kind: Literal["lut"] = "lut"
    entries: tuple[int, ...]


def choose(value: Any) -> Any:
    """Validate a unit against the spec of its kind."""
    kinds = {"array": ArraySpec, "lut": LutSpec}
    if not isinstance(value, dict):
        return value
    if value.get("kind") not in tuple(kinds):
        raise ValueError(f"unknown kind {value.get('kind')!r}; known: array, lut")
    return kinds[value["kind"]].model_validate(value)


class BufferSpec(Spec):
    """A buffer."""

    capacity_bytes: int = Field(gt=0)
    ports: int = 2
    shared: bool = False


class MachineSpec(Spec):
    """A machine."""

    name: str
    clock_hz: float = Field(gt=0, le=1e12)
    units: tuple[SerializeAsAny[Annotated[UnitSpec, BeforeValidator(choose)]], ...] = Field(
        min_length=1
    )
    buffer: BufferSpec | None = None
    cycles: dict[str, float] = Field(default_factory=dict)
    shape: tuple[int, int] | None = None
    limit: int | float | None = None
    sizes: int | tuple[int, ...] = 1

    @model_validator(mode="after")
    def _fast_enough(self) -> MachineSpec:
        if self.name == "slow":
            raise ValueError("a machine called slow is not wanted")
        return self


TEXT = """\
name: small
clock_hz: {value: 1e9, source: data sheet, low: 9e8, high: 1.1e9}
units:
  - {kind: array, rows: 16}
  - kind: lut
    entries: [1, 2]
buffer:
  capacity_bytes: 1_024
  ports: 1
cycles: {add: 1, exp: 4.5}
"""
