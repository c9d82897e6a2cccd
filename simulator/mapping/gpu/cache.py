"""What the L2 cache keeps of a GEMM's operands from one wave of blocks to the next.

A wave reads panels: all of k for rows of inputs or columns of weights, slab after slab
in step, so that blocks of one wave share what they read. A later wave finds a panel if
no more than the cache holds has been touched since (least recently used, whole panels:
at the middle of k, where half of either wave's panels has passed). Results pass through
the cache, too. Mattson et al., Evaluation techniques for storage hierarchies, IBM
Systems Journal 9(2), 1970: a line is found if its stack distance is within capacity.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

NEVER = -1


@dataclass(slots=True)
class PanelCache:
    """A cache of panels, by name, that is told what each wave reads (once) and writes.

    _last: the wave that touched a panel last. _held: bytes of the panels that a wave
    was the last to touch. _written: bytes of all results before each wave.
    """

    capacity_bytes: float
    _last: dict[object, int] = field(default_factory=dict)
    _held: dict[int, float] = field(default_factory=dict)
    _written: list[float] = field(default_factory=lambda: [0.0])

    def wave(self, panels: Sequence[tuple[object, float]], written_bytes: float) -> set[object]:
        """Names of panels, given with their bytes, that the next wave fetches from memory."""
        now = len(self._written) - 1
        by_last: defaultdict[int, list[tuple[object, float]]] = defaultdict(list)
        for name, size in panels:
            by_last[self._last.get(name, NEVER)].append((name, size))
        sizes = {last: sum(size for _, size in group) for last, group in by_last.items()}
        missing: set[object] = set()
        for last, group in by_last.items():
            if last == NEVER or self._distance(last, sizes) > self.capacity_bytes:
                missing.update(name for name, _ in group)
        for last, size in sizes.items():
            if last != NEVER:
                self._held[last] -= size
        self._last.update((name, now) for name, _ in panels)
        self._held = {last: held for last, held in self._held.items() if held > 0}
        self._held[now] = sum(sizes.values())
        self._written.append(self._written[-1] + written_bytes)
        return missing

    def _distance(self, last: int, sizes: Mapping[int, float]) -> float:
        """Bytes touched between wave `last` and the present one, at the middle of k.

        sizes: of the present wave's panels, by the wave that touched them last.
        """
        whole = sizes[last] + self._written[-1] - self._written[last]
        whole += sum(held for wave, held in self._held.items() if wave > last)
        only_then = self._held[last] - sizes[last]
        only_now = sum(size for wave, size in sizes.items() if wave < last)
        return whole + (only_then + only_now) / 2
