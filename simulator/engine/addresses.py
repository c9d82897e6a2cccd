"""Addresses of transfers: tensors are stored tile by tile, in the order they are moved.

Compilers for machines with scratchpads store tensors blocked like this, so that a
tile is one contiguous piece. No table of tiles is needed: a cursor per region says
where the next transfer is.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from simulator.mapping.layout import Position
from simulator.mapping.program import Region


class AddressBook:
    """Where each region's next load and next store are.

    Loads and stores of a region have a cursor each. A transfer starts at its
    cursor, or at 0 when the rest of the region is too small for it: a further pass
    over the tensor. Whenever the instance changes, the cursor starts at 0 again.

    regions: of the program; positions: as `lay_out` gives them.
    """

    def __init__(self, regions: Sequence[Region], positions: Sequence[Position]) -> None:
        self._bases = [position.base_bytes for position in positions]
        self._strides = [position.stride_bytes for position in positions]
        self._sizes = [region.size_bytes for region in regions]
        self._copies = [region.instances for region in regions]
        # Of region r, number 2r is the cursor of loads, and 2r + 1 that of stores.
        self._cursors = [0] * (2 * len(regions))
        self._instances = [0] * (2 * len(regions))

    def take(self, region: int, instance: int, size_bytes: int, is_write: bool) -> int:
        """Byte address of the next transfer, which is at most as large as the region.

        instance: index of the layer; the copies of a region are used in turn.
        """
        number = 2 * region + is_write
        start = self._cursors[number]
        if self._instances[number] != instance:
            self._instances[number] = instance
            start = 0
        size = self._sizes[region]
        if start + size_bytes > size:
            start = 0
        end = start + size_bytes
        self._cursors[number] = end if end < size else 0
        return self._bases[region] + instance % self._copies[region] * self._strides[region] + start

    def signature(self, regions: Iterable[int], instance: int = 0) -> Hashable:
        """What decides the addresses to come in some regions: where cursors are.

        instance: the present one, to which those of the cursors count relative. A cursor at
        0 is at 0 in any instance.
        """
        cursors, instances = self._cursors, self._instances
        return tuple(
            [
                (cursors[number], instance - instances[number]) if cursors[number] else None
                for region in regions
                for number in (2 * region, 2 * region + 1)
            ]
        )

    def skip_instances(self, regions: Iterable[int], count: int) -> None:
        """Be where the same transfers in some regions, `count` instances later, would have led."""
        for region in regions:
            self._instances[2 * region] += count
            self._instances[2 * region + 1] += count
