"""The kinds of machine, and the type of a field that holds any of them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, SerializeAsAny

from simulator.config import nearest
from simulator.hardware.cpu import CpuSpec
from simulator.hardware.gpu import GpuSpec
from simulator.hardware.machine import MachineSpec
from simulator.hardware.npu import NpuSpec

MACHINES: dict[str, type[MachineSpec]] = {"npu": NpuSpec, "gpu": GpuSpec, "cpu": CpuSpec}


def _machine_spec(value: Any) -> Any:
    """Validate a machine against the spec of its kind, which is `npu` if none is given."""
    if not isinstance(value, dict):
        return value
    kind = value.get("kind", "npu")
    if kind not in MACHINES:
        hint = nearest(str(kind), MACHINES)
        raise ValueError(
            f"kind: unknown kind of machine {kind!r}; known: {', '.join(MACHINES)}"
            + (f"; did you mean {hint!r}?" if hint else "")
        )
    return MACHINES[kind].model_validate(value)


AnyMachine = SerializeAsAny[Annotated[MachineSpec, BeforeValidator(_machine_spec)]]
