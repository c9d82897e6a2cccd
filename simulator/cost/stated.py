"""The numbers a technology's YAML states, with their bounds and sources."""

from __future__ import annotations

from collections.abc import Mapping

from simulator.config import Document, format_path, nearest
from simulator.config.document import Sourced
from simulator.config.errors import KeyPath
from simulator.cost.estimate import Estimate, exact
from simulator.cost.priced import Priced

QUALITIES = ("published", "measured", "derived", "assumed")


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
            return Priced(exact(value), (f"{format_path(path)}: no source given",))
        low = value if sourced.low is None else sourced.low
        high = value if sourced.high is None else sourced.high
        return Priced(Estimate(value, low, high), (self._line(path),))

    def table(self, *path: str) -> Mapping[str, Priced]:
        """Return the numbers of the mapping at `path`, by key."""
        node = self._document.node(path)
        assert node is not None and isinstance(node.value, Mapping), path
        return {key: self.at(*path, key) for key in node.value}

    def lines(self) -> dict[str, str]:
        """Return every sourced value with its bounds and source, by dotted path."""
        return {format_path(path): self._stated(path) for path in self._sources}

    def _line(self, path: KeyPath) -> str:
        return f"{format_path(path)}: {_source(self._sources[path])}"

    def _stated(self, path: KeyPath) -> str:
        sourced = self._sources[path]
        value = "a table" if isinstance(sourced.value, tuple) else f"{sourced.value}"
        known = sourced.low is not None and sourced.high is not None
        bounds = f" ({sourced.low:g}–{sourced.high:g})" if known else ""
        return f"{value}{bounds}: {_source(sourced)}"


def check_facts(document: Document, prefix: KeyPath) -> None:
    """Raise ConfigError for a lower bound below zero, or a quality that is none."""
    for path, sourced in document.sources.items():
        if path[: len(prefix)] != prefix:
            continue
        if sourced.low is not None and sourced.low < 0:
            raise document.error(path, f"found {sourced.low:g} as low, expected at least 0")
        if sourced.quality is not None and sourced.quality not in QUALITIES:
            raise document.error(
                path,
                f"found the quality {sourced.quality!r}, expected one of {', '.join(QUALITIES)}",
                nearest=nearest(sourced.quality, QUALITIES),
            )


def _source(sourced: Sourced) -> str:
    extra = ", ".join(text for text in (sourced.quality, sourced.note) if text)
    return sourced.source + (f" [{extra}]" if extra else "")
