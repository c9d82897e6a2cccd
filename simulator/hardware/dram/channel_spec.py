"""What a channel of DRAM consists of: a device, and a controller that fits it."""

from __future__ import annotations

from pydantic import Field, model_validator

from simulator.config import Spec
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.spec import DramDeviceSpec

REMEMBERED_PAIRS = 64
_FITTING: set[tuple[str, str]] = set()


class ChannelSpec(Spec):
    """A channel: the device and the controller that drives it."""

    device: DramDeviceSpec
    controller: ControllerSpec = Field(default_factory=ControllerSpec)

    @model_validator(mode="after")
    def _consistent(self) -> ChannelSpec:
        check_together(self.device, self.controller)
        return self


def check_together(device: DramDeviceSpec, controller: ControllerSpec) -> None:
    """Raise ValueError if the controller asks of the device what it has not.

    The message begins with the key at fault, `controller.…`. Pairs that fit are
    remembered: points of a sweep have the same ones again and again.
    """
    pair = device.model_dump_json(), controller.model_dump_json()
    if pair in _FITTING:
        return
    from simulator.hardware.dram.address import address_slices, xor_slices
    from simulator.hardware.dram.tables import ChannelTables

    try:
        address_slices(device, controller.address_mapping)
        xor_slices(device, controller.address_mapping)
        ChannelTables(device, controller)
    except ValueError as error:
        raise ValueError(f"controller.{error}") from None
    if len(_FITTING) >= REMEMBERED_PAIRS:
        _FITTING.clear()
    _FITTING.add(pair)
