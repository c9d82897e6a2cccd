"""What one pass through the model works on: requests, each with its length."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True, slots=True)
class Sequence:
    """`tokens` new tokens of one request, behind `past` tokens already in the KV cache.

    channel: of the memory that holds its cache, if that is settled.
    """

    tokens: int
    past: int = 0
    channel: int | None = None

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

    def halves(self) -> tuple[Batch, Batch]:
        """Two sub-batches of about the same work.

        Requests whose channels are settled are halved channel by channel, in order; where
        their number is odd, the first half gets one more in every other channel (as in
        NeuPIMs' published simulator). Others are dealt out by length, longest first.
        """
        chosen: tuple[list[Sequence], list[Sequence]] = ([], [])
        settled: dict[int, list[Sequence]] = {}
        for sequence in self.sequences:
            if sequence.channel is not None:
                settled.setdefault(sequence.channel, []).append(sequence)
        odd = 0
        for channel in sorted(settled):
            held = settled[channel]
            middle = (len(held) + 1 - odd % 2) // 2
            odd += len(held) % 2
            chosen[0].extend(held[:middle])
            chosen[1].extend(held[middle:])
        others = [sequence for sequence in self.sequences if sequence.channel is None]
        for index, sequence in enumerate(sorted(others, key=lambda each: -each.context)):
            chosen[index % 2].append(sequence)
        return Batch(tuple(chosen[0])), Batch(tuple(chosen[1]))

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
