"""Addresses of transfers: tensors are stored tile by tile, in the order they are moved.

Compilers for machines with scratchpads store tensors blocked like this, so that a
tile is one contiguous piece. No table of tiles is needed: a cursor per region says
where the next transfer is.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from simulator.mapping.layout import stride_bytes
from simulator.mapping.program import Region


class AddressBook:
    """Where each region's next load and next store are.

    Loads and stores of a region have a cursor each. A transfer starts at its
    cursor, or at 0 when the rest of the region is too small for it: a further pass
    over the tensor. Whenever the instance changes, the cursor starts at 0 again.

    regions: of the program; bases: their addresses in bytes, as `lay_out` gives
    them for `alignment_bytes`.
    """

    def __init__(
        self, regions: Sequence[Region], bases: Sequence[int], alignment_bytes: int
    ) -> None:
        self._bases = list(bases)
        self._sizes = [region.size_bytes for region in regions]
        self._copies = [region.instances for region in regions]
        self._strides = [stride_bytes(region, alignment_bytes) for region in regions]
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

    def signature(self, instance: int = 0) -> Hashable:
        """What decides the addresses to come: cursors, and how far their instance is behind.

        instance: the present one, to which others count relative. A cursor at 0 is
        at 0 in any instance.
        """
        return tuple(
            [
                (cursor, instance - own) if cursor else None
                for cursor, own in zip(self._cursors, self._instances, strict=True)
            ]
        )

    def skip_instances(self, count: int) -> None:
        """Be where the same transfers, `count` instances later, would have led."""
        self._instances = [instance + count for instance in self._instances]
