"""Where tensors lie in main memory: each in a region, found by segment and name.

What one command moves at once lies together: tensors of one kind that share a
command share a region (the keys and values that a projection writes, both addends
of a sum that is not fused). Of tensors of several kinds, only those of the kind
that lives longest decide: queries that are written together with keys and values
take addresses in the KV cache, although they are read from a region of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.mapping.nest import Dimension
from simulator.mapping.program import Region
from simulator.mapping.tiling import tile_bytes
from simulator.workload.bits import Bits
from simulator.workload.graph import RESIDUAL_IN, RESIDUAL_OUT
from simulator.workload.operators import Segment, Tensor, TensorKind

RESIDUAL = "residual"
"""Region of the residual stream, which every segment takes in and hands on."""

LONGEST_LIVED_FIRST: tuple[TensorKind, ...] = ("kv", "weight", "activation")


@dataclass(slots=True, eq=False)
class Place:
    """A region under construction.

    prefix: of its name. sizes_bytes: of the tensors in it, by name.
    least_bytes: what is moved there at once, or in one pass over all of it.
    joined: the place that it has become a part of; index: in the program's table.
    """

    prefix: str
    kind: TensorKind
    instances: int
    sizes_bytes: dict[str, int]
    least_bytes: int = 0
    joined: Place | None = None
    index: int = -1

    def root(self) -> Place:
        """The place itself, or what it is a part of."""
        place = self
        while place.joined is not None:
            place = place.joined
        return place

    def region(self) -> Region:
        """The finished region."""
        size = max(sum(self.sizes_bytes.values()), self.least_bytes)
        return Region(self.prefix + "+".join(self.sizes_bytes), self.kind, size, self.instances)


class RegionTable:
    """The regions of a program under construction.

    Kernels ask for places while they are planned, and for indices when they are
    lowered: by then it is known what lies together.
    """

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], Place] = {}
        self._indexed: list[Place] = []

    def place(
        self, segment: Segment, tensors: Sequence[Tensor], pass_bytes: int = 0
    ) -> Place | None:
        """Where commands that move all these tensors find them; None if there are none.

        pass_bytes: what the commands move in one pass over the tensors.
        """
        if not tensors:
            return None
        kinds = {tensor.kind for tensor in tensors}
        kind = next(kind for kind in LONGEST_LIVED_FIRST if kind in kinds)
        first, *others = [self._place(segment, t) for t in tensors if t.kind == kind]
        for other in others:
            self._join(first, other)
        if len(tensors) == 1:
            name = _name(tensors[0])
            sizes = first.sizes_bytes
            sizes[name] = max(sizes[name], pass_bytes)
        elif len(kinds) == 1:
            first.least_bytes = max(first.least_bytes, pass_bytes)
        return first

    def reserve(self, place: Place | None, size_bytes: int) -> int:
        """Index of the place's region, which has at least so many bytes; -1 for no place."""
        if place is None:
            return -1
        place = place.root()
        place.least_bytes = max(place.least_bytes, size_bytes)
        if place.index < 0:
            place.index = len(self._indexed)
            self._indexed.append(place)
        return place.index

    def regions(self) -> tuple[Region, ...]:
        """All regions that were given an index, by index."""
        return tuple(place.region() for place in self._indexed)

    def _place(self, segment: Segment, tensor: Tensor) -> Place:
        """The place of one tensor, as large as the largest of its name.

        Only the residual stream outlives a segment, so activations of one name
        have one buffer, whichever segment and layer they are in.
        """
        name, lasting = _name(tensor), tensor.kind != "activation"
        prefix = f"{segment.name}." if lasting else ""
        key = (prefix, name)
        if key not in self._places:
            instances = segment.repeat if lasting else 1
            if tensor.kind == "kv":
                instances *= segment.micro_batches
            self._places[key] = Place(prefix, tensor.kind, instances, {name: 0})
        place = self._places[key].root()
        place.sizes_bytes[name] = max(place.sizes_bytes[name], tensor.bytes)
        return place

    def _join(self, place: Place, other: Place) -> None:
        """Make `other` a part of `place`."""
        other = other.root()
        if other is place:
            return
        assert place.index < 0 and other.index < 0, "kernels are planned before they are lowered"
        place.sizes_bytes |= other.sizes_bytes
        place.least_bytes = max(place.least_bytes, other.least_bytes)
        other.joined = place


def _name(tensor: Tensor) -> str:
    return RESIDUAL if tensor.name in (RESIDUAL_IN, RESIDUAL_OUT) else tensor.name


def pass_bytes(count: int, rows: Dimension, columns: Dimension, bits: Bits) -> int:
    """Bytes of `count` matrices that are moved once, each tile rounded up to whole bytes."""
    return count * sum(
        times * others * tile_bytes(size * other, bits)
        for size, times in _cut(rows)
        for other, others in _cut(columns)
    )


def _cut(dimension: Dimension) -> tuple[tuple[int, int], ...]:
    """Sizes of the tiles, and how many there are of each."""
    whole, rest = divmod(dimension.total, dimension.tile)
    return ((dimension.tile, whole), (rest, 1)) if rest else ((dimension.tile, whole),)
