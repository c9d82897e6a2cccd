"""What one pass through the model works on: requests, each with its length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Sequence:
    """`tokens` new tokens of one request, behind `past` tokens already in the KV cache."""

    tokens: int
    past: int = 0

    @property
    def context(self) -> int:
        """Tokens of the request after the pass."""
        return self.past + self.tokens


@dataclass(frozen=True)
class Batch:
    """The requests of one pass."""

    sequences: tuple[Sequence, ...]

    @cached_property
    def tokens(self) -> int:
        """New tokens of all requests: the rows of every projection."""
        return sum(sequence.tokens for sequence in self.sequences)

    @cached_property
    def context(self) -> int:
        """Tokens of all requests after the pass."""
        return sum(sequence.context for sequence in self.sequences)

    def by_length(self) -> list[tuple[Sequence, int]]:
        """Distinct lengths, with the number of requests that have them, in order."""
        return list(Counter(self.sequences).items())

    def distinct_positions(self) -> int:
        """Rows of a position table that the pass reads."""
        return _union_length((s.past, s.context) for s in set(self.sequences))


def _union_length(intervals: Iterable[tuple[int, int]]) -> int:
    total = covered = 0
    for start, end in sorted(intervals):
        if end > covered:
            total += end - max(start, covered)
            covered = end
    return total
