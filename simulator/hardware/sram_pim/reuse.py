"""Reuse of patterns: a module that feeds an array remembers what tables have given lately.

k activation bits of a plane are a pattern, which selects an entry of the table of
weights' sums. If the same pattern comes again while the table is the same, the entry that
was found is at hand, and the array is left alone: values do not change, only cycles. How
often it happens depends on the activations, real or generated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from simulator.config import CyclelabError, Spec
from simulator.numerics import as_format

Patterns = NDArray[np.intp]
Hits = NDArray[np.bool_]

WIDEST_PATTERN = 16
WIDEST_ACTIVATION = 16


class ReuseSpec(Spec):
    """A table of patterns and entries found, beside an array. Whoever was used last goes last.

    entries: patterns that it holds; 32 as second-hand accounts of SAIL have it. scope: who
        has a table: the array, for all rows of inputs of a batch, or each place in the
        batch one of its own. flush: when it is emptied: whenever a new table of sums is
        made, which it must be, as entries have changed; or with every row of inputs, too.
    hit_cycles: of a look-up that the array is spared, an assumption.
    """

    entries: Annotated[int, Field(ge=1, le=1 << WIDEST_PATTERN)] = 32
    scope: Literal["array", "batch"] = "array"
    flush: Literal["table", "row"] = "table"
    hit_cycles: Annotated[int, Field(ge=0, le=1 << 16)] = 0

    @property
    def by_row(self) -> bool:
        """Whether a row of inputs finds only patterns of its own."""
        return self.scope == "batch" or self.flush == "row"


class ActivationSpec(Spec):
    """Activations to draw: integers, as there are none of a real model.

    distribution: uniform over all codes; or gaussian, with deviation `sigma` in codes,
        rounded to whole ones, and those beyond the ends cut off. sigma: 2^(bits - 3) if
        left out, 32 codes of INT8.
    """

    distribution: Literal["uniform", "gaussian"] = "gaussian"
    sigma: Annotated[float, Field(gt=0, le=2.0**WIDEST_ACTIVATION)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)] = 0

    @model_validator(mode="after")
    def _sigma_of_a_gaussian(self) -> ActivationSpec:
        if self.sigma is not None and self.distribution != "gaussian":
            raise ValueError(f"sigma: has no meaning with a {self.distribution} distribution")
        return self

    def draw(self, shape: tuple[int, ...], bits: int) -> NDArray[np.int64]:
        """Signed integers of `bits`, the same for the same seed and shape."""
        check_width("activations", bits, WIDEST_ACTIVATION)
        rng = np.random.default_rng(self.seed)
        low, high = -(1 << bits - 1), (1 << bits - 1) - 1
        if self.distribution == "uniform":
            return rng.integers(low, high, size=shape, endpoint=True)
        sigma = 2.0 ** (bits - 3) if self.sigma is None else self.sigma
        values = np.rint(rng.normal(0.0, sigma, size=shape))
        return np.clip(values, low, high).astype(np.int64)


def check_width(what: str, bits: int, widest: int) -> None:
    """Raise CyclelabError unless `bits` is a width from 1 to `widest`."""
    if not 1 <= bits <= widest:
        raise CyclelabError(f"{what} of {bits} bits: expected 1 to {widest}")


def patterns(activations: NDArray[Any], bits: int, basis_weights: int) -> Patterns:
    """Entries that activations select, [groups, rows x planes].

    activations: integers [rows, K] of `bits`, two's complement. Groups are of k =
    `basis_weights` inputs, the last one filled up with zeros. Of every table the rows come
    one after the other, each with its planes from the lowest on: the order in which the
    array sees them. Bit j of a pattern is that of input j of the group.
    Raises CyclelabError for values outside `bits`.
    """
    check_width("activations", bits, WIDEST_ACTIVATION)
    check_width("patterns", basis_weights, WIDEST_PATTERN)
    if activations.ndim != 2 or not activations.size:
        raise CyclelabError(f"expected activations [rows, K], found shape {activations.shape}")
    codes = as_format(activations, f"int{bits}").astype(np.int32)
    rows, depth = codes.shape
    groups = -(-depth // basis_weights)
    padded = np.zeros((groups * basis_weights, rows), dtype=np.int32)
    padded[:depth] = codes.T
    inputs = padded.reshape(groups, basis_weights, rows)
    found = np.zeros((groups, rows, bits), dtype=np.intp)
    for plane in range(bits):
        for place in range(basis_weights):
            found[:, :, plane] |= (inputs[:, place] >> plane & 1) << place
    return found.reshape(groups, rows * bits)


def hits(found: Patterns, bits: int, spec: ReuseSpec) -> Hits:
    """Which look-ups are spared, in the shape of `patterns`' result; bits as it took.

    A pattern is found again if fewer than `entries` others have come since it was there
    last. The table of patterns is empty whenever a group begins.
    """
    if found.ndim != 2 or found.shape[1] % bits:
        raise CyclelabError(f"expected patterns [groups, rows · {bits}], found {found.shape}")
    streams = found.reshape(-1, bits) if spec.by_row else found
    most = int(streams.max(initial=0)) + 1
    last = np.full((len(streams), most), -1, dtype=np.int32)
    each = np.arange(len(streams))
    hit = np.zeros(streams.shape, dtype=np.bool_)
    for time in range(streams.shape[1]):
        pattern = streams[:, time]
        before = last[each, pattern]
        hit[:, time] = before >= 0
        if spec.entries < most:
            others = np.count_nonzero(last > before[:, None], axis=1)
            hit[:, time] &= others < spec.entries
        last[each, pattern] = time
    return hit.reshape(found.shape)


def saved_cycles(hit: Hits, plane_cycles: Sequence[int], spec: ReuseSpec) -> NDArray[np.int64]:
    """Cycles that hits spare an array, table by table, [groups].

    hit: as `hits` returns it. plane_cycles: of a look-up of each plane without a hit,
    lowest plane first. May be below zero, where a hit takes longer than a look-up.
    """
    per_plane = hit.reshape(len(hit), -1, len(plane_cycles)).sum(axis=1, dtype=np.int64)
    saved: NDArray[np.int64] = per_plane @ (
        np.array(plane_cycles, dtype=np.int64) - spec.hit_cycles
    )
    return saved


def expected_rate(basis_weights: int, batch: int, bits: int) -> float:
    """Share of look-ups that hit, if patterns are uniform and all of them have room.

    1 - E[D] / L: of L = batch · bits patterns, E[D] = 2^k · (1 - (1 - 2^-k)^L) differ, and
    the first of each kind misses.
    """
    count, length = 1 << basis_weights, batch * bits
    return 1 - count * (1 - (1 - 1 / count) ** length) / length
