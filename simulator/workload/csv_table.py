"""CSV files with a header, read with messages that name file and line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from simulator.config import ConfigError, nearest, read_text
from simulator.config.files import display_path
from simulator.workload.model import LARGEST_SIZE


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row: cells by column name (lower case), and where it stands."""

    cells: Mapping[str, str]
    file: str
    line: int

    def text(self, column: str) -> str:
        """The cell; raises ConfigError if it is missing or empty."""
        cell = self.cells.get(column, "")
        if not cell:
            raise self.error(f"column {column!r} is empty")
        return cell

    def size(self, column: str, default: int | None = None) -> int:
        """The cell as an integer of 1 or more; an absent column gives the default."""
        if default is not None and not self.cells.get(column):
            return default
        text = self.text(column)
        expected = "an integer of at least 1"
        # isdecimal() alone lets other alphabets' digits through, int() underscores.
        if not (text.isascii() and text.isdecimal() and len(text) <= len(str(LARGEST_SIZE))):
            raise self.error(f"column {column!r}: found {text[:40]!r}, expected {expected}")
        value = int(text)
        if not 1 <= value <= LARGEST_SIZE:
            raise self.error(f"column {column!r}: found {value}, expected {expected}")
        return value

    def error(self, message: str) -> ConfigError:
        """A ConfigError about this row."""
        return ConfigError(message, file=self.file, line=self.line)


@dataclass(frozen=True, slots=True)
class CsvTable:
    """Columns in lower case, rows in order. Trailing commas and blank lines don't count."""

    columns: tuple[str, ...]
    rows: tuple[CsvRow, ...]
    file: str

    @classmethod
    def load(cls, path: Path, aliases: Mapping[str, str] | None = None) -> CsvTable:
        """Read a table; `aliases` renames columns.

        Cells behind the last column may hold a comment that starts with `#`.
        Raises ConfigError for an empty file and for rows that don't fit the header.
        """
        label = display_path(path)
        lines = _split(read_text(path), label)
        if not lines:
            raise ConfigError("the file is empty, expected a header and rows", file=label)
        columns = tuple(
            (aliases or {}).get(name, name)
            for name in (" ".join(cell.lower().split()) for cell in lines[0][1])
        )
        if len(set(columns)) < len(columns):
            raise ConfigError("a column appears twice", file=label, line=lines[0][0])
        rows = tuple(_row(columns, cells, label, line) for line, cells in lines[1:])
        if not rows:
            raise ConfigError("no rows behind the header", file=label, line=lines[0][0])
        return cls(columns, rows, label)

    def require(self, columns: Iterable[str], optional: Iterable[str] = ()) -> None:
        """Raise ConfigError for a missing column, and for one that nobody reads."""
        needed, known = list(columns), [*columns, *optional]
        for column in needed:
            if column not in self.columns:
                raise ConfigError(
                    f"no column {column!r}; the header has: {', '.join(self.columns)}",
                    file=self.file,
                    line=1,
                    nearest=nearest(column, self.columns),
                )
        for column in self.columns:
            if column not in known:
                raise ConfigError(
                    f"unknown column {column!r}; known: {', '.join(known)}",
                    file=self.file,
                    line=1,
                    nearest=nearest(column, known),
                )


def _split(text: str, label: str) -> list[tuple[int, list[str]]]:
    """Line number and stripped cells of each row that isn't blank."""
    reader = csv.reader(text.splitlines())
    lines = []
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            while stripped and not stripped[-1]:
                stripped.pop()
            if stripped:
                lines.append((reader.line_num, stripped))
    except csv.Error as error:
        raise ConfigError(f"not CSV: {error}", file=label, line=reader.line_num) from None
    return lines


def _row(columns: tuple[str, ...], cells: list[str], file: str, line: int) -> CsvRow:
    extra = cells[len(columns) :]
    if extra and not extra[0].startswith("#"):
        raise ConfigError(
            f"{len(cells)} cells, expected {len(columns)} as in the header", file=file, line=line
        )
    return CsvRow(dict(zip(columns, cells, strict=False)), file, line)
