"""Errors that are messages to a person, and the search for the nearest valid name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

MAX_LISTED_PROBLEMS = 10
"""Problems of one file that are listed; the rest is only counted."""

KeyPath = tuple[str | int, ...]
"""Where a value stands in a document: keys of mappings and indices of lists."""


class CyclelabError(Exception):
    """Anything that stops cyclelab and that its user can act upon.

    `str()` is the whole message; the command line prints it without a traceback.
    """


class ConfigError(CyclelabError):
    """A problem in a configuration, with the place where it stands.

    file, line: where it was read; line is 1-based. For values that come from
        the command line `file` is the option as typed and there is no line.
    path: keys that lead to the value, outermost first.
    found, expected, nearest: the value, what would be valid, the likely meaning.
    problems: every single problem if this error lists several, else only itself.

    `str()` gives one line per problem, such as
    `x.yaml:12: core.dma.outstandng: unknown key; did you mean 'outstanding'?`.
    """

    def __init__(
        self,
        message: str,
        *,
        file: str | None = None,
        line: int | None = None,
        path: Sequence[str | int] = (),
        found: Any = None,
        expected: str | None = None,
        nearest: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.file = file
        self.line = line
        self.path: KeyPath = tuple(path)
        self.found = found
        self.expected = expected
        self.nearest = nearest
        self._parts: tuple[ConfigError, ...] = ()

    @classmethod
    def of(cls, problems: Sequence[ConfigError]) -> ConfigError:
        """One error that lists all `problems` (at least one) on a line each."""
        flat = tuple(single for problem in problems for single in problem.problems)
        if len(flat) == 1:
            return flat[0]
        first = flat[0]
        error = cls(
            first.message,
            file=first.file,
            line=first.line,
            path=first.path,
            found=first.found,
            expected=first.expected,
            nearest=first.nearest,
        )
        error._parts = flat
        return error

    @property
    def problems(self) -> tuple[ConfigError, ...]:
        """The single problems this error stands for."""
        return self._parts or (self,)

    def __str__(self) -> str:
        lines = [problem._line() for problem in self.problems[:MAX_LISTED_PROBLEMS]]
        hidden = len(self.problems) - len(lines)
        if hidden:
            lines.append(f"… and {hidden} more")
        return "\n".join(lines)

    def _line(self) -> str:
        place = self.file or ""
        if place and self.line is not None:
            place = f"{place}:{self.line}"
        text = self.message
        if self.nearest is not None:
            text += f"; did you mean {self.nearest!r}?"
        return ": ".join(part for part in (place, format_path(self.path), text) if part)


def format_path(path: Sequence[str | int]) -> str:
    """Write a key path with dots, as `--set` takes it: `core.matrix_units.0.rows`."""
    return ".".join(str(part) for part in path)


def nearest(word: str, candidates: Iterable[str]) -> str | None:
    """Return the candidate that `word` was most likely meant to be, if any is close."""
    names = {str(name).casefold(): str(name) for name in candidates}
    # A word of any length may come from a file; matching is quadratic in it.
    found = get_close_matches(word[:80].casefold(), list(names), n=1, cutoff=0.6)
    return names[found[0]] if found else None
