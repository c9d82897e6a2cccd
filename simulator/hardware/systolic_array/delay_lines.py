"""Delay lines at an edge of the array, register by register."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int64]
"""What a word is: an index that travels with it, or EMPTY where there is no word."""

EMPTY = -1


class DelayLines:
    """Lane l delays its words by `depths[l]` registers, each clocked by words only.

    word: shape of one word, () for a number. `entered` counts the words that came in so
    far, `writes` the registers clocked.
    """

    def __init__(
        self, depths: NDArray[np.int64], dtype: np.dtype[Any], word: tuple[int, ...] = ()
    ) -> None:
        shape = (len(depths), int(depths.max(initial=0)))
        self._depths = depths
        self._stages = np.arange(shape[1])[None, :] < depths[:, None]
        self._values = np.zeros((*shape, *word), dtype)
        self._tokens = np.full(shape, EMPTY, np.int64)
        self.entered = self.writes = 0

    def step(self, values: NDArray[Any], tokens: Tokens) -> tuple[NDArray[Any], Tokens]:
        """One cycle: words that enter the lanes, to words that leave them, shape (lanes, *word)."""
        out_values, out_tokens = values.copy(), tokens.copy()
        self.entered += int(np.count_nonzero(tokens != EMPTY))
        delayed = np.flatnonzero(self._depths)
        if not delayed.size:
            return out_values, out_tokens
        ends = self._depths[delayed] - 1
        out_values[delayed] = self._values[delayed, ends]
        out_tokens[delayed] = self._tokens[delayed, ends]
        self._values = np.concatenate([values[:, None], self._values[:, :-1]], axis=1)
        moved = np.concatenate([tokens[:, None], self._tokens[:, :-1]], axis=1)
        self._tokens = np.where(self._stages, moved, EMPTY)
        self.writes += int(np.count_nonzero(self._tokens != EMPTY))
        return out_values, out_tokens
