"""How each kind of machine is mapped to: its resources, and who plans its kernels."""

from __future__ import annotations

from typing import Any, NamedTuple

from simulator.hardware.machine import MachineSpec
from simulator.mapping.cpu.plan import CpuPlanner
from simulator.mapping.cpu.resources import CpuResources
from simulator.mapping.gpu.plan import GpuPlanner
from simulator.mapping.gpu.resources import GpuResources
from simulator.mapping.plan_npu import NpuPlanner
from simulator.mapping.planner import KernelPlanner
from simulator.mapping.resources import NpuResources, Resources


class MachineKind(NamedTuple):
    """What maps to machines of a kind."""

    resources: type[Resources[Any]]
    planner: type[KernelPlanner]


MACHINE_KINDS = {
    "npu": MachineKind(NpuResources, NpuPlanner),
    "gpu": MachineKind(GpuResources, GpuPlanner),
    "cpu": MachineKind(CpuResources, CpuPlanner),
}


def resources_of(machine: MachineSpec) -> Resources[Any]:
    """The machine as its kind is mapped to."""
    return MACHINE_KINDS[machine.kind].resources(machine)
