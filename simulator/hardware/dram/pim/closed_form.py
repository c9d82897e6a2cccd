"""How long a tile takes if nothing else happens: no refresh, no other commands.

Tiles follow each other closely. One takes, in cycles of one command each,

    close     the precharges of all banks, of which the first may come nRTP behind the last
              COMP, or behind the results where the timing is `corrected`
    announce  PIM_HEADER
    open      the groups of a rank nFAW apart, ranks side by side a command apart
    compute   nRCD behind the last group: segments of max(COMPs · interval, pipeline), with
              their results, nCCD apart

which the constraint table says too; NeuPIMs' published simulator takes the same within
0.3 cycles (its tiles of `as_published`).

Where one command opens or closes the rows of all banks, and results come out beside the next
tile or stay in registers, a tile takes

    rows      nRP behind its precharge, which is nRTP behind the last COMP of the tile before
    compute   nRCD behind that: COMPs, an interval apart
"""

from __future__ import annotations

from simulator.hardware.dram.pim.gemv import pim_of
from simulator.hardware.dram.spec import DramDeviceSpec, level_index


def tile_cycles(device: DramDeviceSpec, segments: int, comps: int) -> int:
    """Cycles from a tile's first precharge to that of the next one, refresh off.

    For devices with single-cycle commands, rows opened by groups of a rank and closed
    bank by bank, and those that open and close the rows of all banks at once.
    Raises ValueError for others.
    """
    pim = pim_of(device)
    if _all_at_once(device):
        return _all_at_once_cycles(device, segments * comps)
    if device.ticks_per_clock != 1 or pim.precharge_scope != "bank" or pim.results != 1:
        raise ValueError(f"{device.name} opens and closes rows in another way: no closed form")
    sizes = device.organisation.counts
    ranks = sizes.pseudo_channels * sizes.ranks
    below = (sizes.bank_groups, sizes.banks_per_group)
    groups = 1
    for size in below[: max(0, level_index(pim.activate_scope) - level_index("rank"))]:
        groups *= size
    cycles = device.timing.cycles
    opening = 1 + (groups - 1) * cycles["nFAW"] + (ranks - 1)
    return (
        device.banks
        + opening
        + cycles["nRCDRD"]
        + _computing(device, segments, comps)
        + cycles["nRTP"]
    )


def _all_at_once(device: DramDeviceSpec) -> bool:
    pim = pim_of(device)
    scopes = {pim.activate_scope, pim.precharge_scope}
    whole = scopes == {"channel"} and not pim.composite and "PIM_HEADER" not in device.commands
    return whole and device.ticks_per_clock == 1 and (pim.double_buffered or pim.keep_sums)


def _all_at_once_cycles(device: DramDeviceSpec, comps: int) -> int:
    cycles, interval = device.timing.cycles, device.cycles(pim_of(device).comp_interval)
    computing = cycles["nRCDRD"] + (comps - 1) * interval + device.timing_of("nRTP", "nRTPL")
    return max(max(computing, cycles["nRAS"]) + cycles["nRP"], cycles["nRC"])


def _computing(device: DramDeviceSpec, segments: int, comps: int) -> int:
    """From the first COMP to what the next precharge counts from."""
    pim = pim_of(device)
    interval, pipeline = device.cycles(pim.comp_interval), device.cycles(pim.pipeline)
    segment = max(comps * interval, pipeline)
    between = (segments - 1) * (segment + device.timing.cycles["nCCDL"])
    if pim.composite and pim.timing == "as_published":
        return between
    return between + segment
