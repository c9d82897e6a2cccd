"""The numbers a technology's YAML states, with their bounds and sources."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.config import Document, format_path
from simulator.config.errors import KeyPath
from simulator.cost.estimate import Estimate
from simulator.cost.priced import Priced


class StatedNumbers:
    """A view of a document in which every number is `Priced`.

    A number without bounds stands for itself: only its author knows better.
    """

    def __init__(self, document: Document) -> None:
        self._document = document
        self._sources = document.sources

    def at(self, *path: str) -> Priced:
        """Return the number at `path`, which must exist."""
        node = self._document.node(path)
        assert node is not None and isinstance(node.value, int | float), path
        value = float(node.value)
        sourced = self._sources.get(path)
        if sourced is None:
            return Priced(Estimate(value, value, value), (f"{format_path(path)}: no source given",))
        low = value if sourced.low is None else sourced.low
        high = value if sourced.high is None else sourced.high
        return Priced(Estimate(value, low, high), (self._line(path),))

    def table(self, *path: str) -> Mapping[str, Priced]:
        """Return the numbers of the mapping at `path`, by key."""
        node = self._document.node(path)
        assert node is not None and isinstance(node.value, Mapping), path
        return {key: self.at(*path, key) for key in node.value}

    def lines(self) -> dict[str, str]:
        """Return the source line of every sourced value, by dotted path."""
        return {format_path(path): self._line(path) for path in self._sources}

    def _line(self, path: KeyPath) -> str:
        sourced = self._sources[path]
        extra = ", ".join(text for text in (sourced.quality, sourced.note) if text)
        return f"{format_path(path)}: {sourced.source}" + (f" [{extra}]" if extra else "")
