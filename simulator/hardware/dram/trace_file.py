"""The bytes of a trace: a file or standard input, gzip-compressed or not, block by block."""

from __future__ import annotations

import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from simulator.config import ConfigError, find
from simulator.config.files import display_path

STANDARD_INPUT = "-"
BLOCK_BYTES = 2**20
LONGEST_LINE_BYTES = 2**16
GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class TraceFile:
    """An opened trace, to be used in a `with` block.

    name: a path, the name of a shipped trace, or `-` for standard input. label: how
    messages name it. Raises ConfigError if it cannot be opened or read.
    """

    def __init__(self, name: str) -> None:
        self._size, self._own = 0, name != STANDARD_INPUT
        if self._own:
            path = locate_trace(name)
            self.label = display_path(path)
            raw: BinaryIO = self._opened(path)
        else:
            self.label = "standard input"
            if sys.stdin is None:
                raise ConfigError("is closed, expected a trace", file=self.label)
            raw = sys.stdin.buffer
        if not isinstance(raw, io.BufferedReader):
            raw = io.BufferedReader(raw)  # type: ignore[type-var]
        self._raw = raw
        self._stream = self._unpacked()

    def __enter__(self) -> TraceFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._own:
            self._raw.close()

    @property
    def share_read(self) -> float | None:
        """Share of the file that has been read, None if its size is not known."""
        return min(1.0, self._raw.tell() / self._size) if self._size else None

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
        """Whole lines, about `block_bytes` at a time; the last one ends in a newline too."""
        rest, lines = b"", 0
        while piece := self._read(block_bytes):
            if not lines and not rest:
                piece = piece.removeprefix(BYTE_ORDER_MARK)
            cut = piece.rfind(b"\n") + 1
            if cut:
                block, rest = rest + piece[:cut], piece[cut:]
                lines += block.count(b"\n")
                yield block
            else:
                rest += piece
            if len(rest) > LONGEST_LINE_BYTES:
                raise ConfigError(
                    f"a line is longer than {LONGEST_LINE_BYTES:,} bytes: this is no trace",
                    file=self.label,
                    line=lines + 1,
                )
        if rest:
            yield rest + b"\n"

    def _opened(self, path: Path) -> BinaryIO:
        try:
            file = path.open("rb")
            self._size = os.fstat(file.fileno()).st_size if path.is_file() else 0
        except OSError as error:
            raise self._unreadable(error) from None
        return file

    def _unpacked(self) -> io.BufferedIOBase:
        """The stream of text, whatever the file is called."""
        try:
            head = self._raw.peek(len(GZIP_MAGIC))[: len(GZIP_MAGIC)]
        except OSError as error:
            raise self._unreadable(error) from None
        # A pipe may have handed over one byte only; no text begins with it.
        packed = bool(head) and GZIP_MAGIC.startswith(head)
        return gzip.GzipFile(fileobj=self._raw) if packed else self._raw

    def _read(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except EOFError:
            raise ConfigError(
                "the compressed file is cut off: its end is missing", file=self.label
            ) from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ConfigError(f"the compressed file is damaged: {error}", file=self.label) from None
        except OSError as error:
            raise self._unreadable(error) from None

    def _unreadable(self, error: OSError) -> ConfigError:
        reason = error.strerror or str(error)
        return ConfigError(f"cannot read the file: {reason}", file=self.label)


def locate_trace(name: str) -> Path:
    """The file that a path or the name of a shipped trace means; pipes are files too."""
    if not name:
        raise ConfigError("found no name of a trace, expected a file, a shipped trace or -")
    path = Path(name).expanduser()
    try:
        if path.exists() and not path.is_dir():
            return path
        if path.is_dir():
            raise ConfigError(
                "is a folder, expected a trace", file=display_path(path), expected="a file"
            )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot read the file: {reason}", file=name[:80]) from None
    return find("dram_traces", name)


def trace_title(path: Path) -> str:
    """The comment that a trace begins with, or nothing."""
    with TraceFile(str(path)) as file:
        line = next(file.blocks(), b"").partition(b"\n")[0].decode("utf-8", "replace")
    return line.removeprefix("#").strip() if line.startswith("#") else ""
