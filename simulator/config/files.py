"""Reading text files of a user: every way it can fail is one clear message."""

from __future__ import annotations

from pathlib import Path

from simulator.config.errors import ConfigError, nearest

MAX_FILE_BYTES = 4 * 2**20
"""Largest configuration file that is read. The shipped ones are below 100 KiB."""


def display_path(path: Path) -> str:
    """Write `path` as a person would type it: relative if it is below the current folder."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except (OSError, ValueError, RuntimeError):
        return str(path)


def read_text(
    path: Path | str, *, max_bytes: int = MAX_FILE_BYTES, label: str | None = None
) -> str:
    """Read a UTF-8 text file (a byte order mark is dropped).

    label: how messages name the file; by default as `display_path` writes it.
    Raises ConfigError if it is missing (with the nearest name that exists), a
    folder, unreadable, larger than `max_bytes` or not UTF-8.
    """
    path = Path(path)
    label = label or display_path(path)
    try:
        _require_file(path, label)
        size = path.stat().st_size
        if size > max_bytes:
            raise ConfigError(
                f"the file is too large: {size:,} bytes, at most {max_bytes:,} are read",
                file=label,
                found=size,
                expected=f"at most {max_bytes} bytes",
            )
        raw = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"cannot read the file: {reason}", file=label) from None
    return _decode(raw, label)


def _require_file(path: Path, label: str) -> None:
    if path.is_file():
        return
    if path.is_dir():
        raise ConfigError("is a folder, expected a file", file=label, expected="a file")
    if path.exists():
        raise ConfigError("is not a regular file", file=label, expected="a file")
    siblings: list[str] = []
    if path.parent.is_dir():
        siblings = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file())
    similar = nearest(path.name, siblings)
    raise ConfigError(
        "no such file",
        file=label,
        nearest=display_path(path.parent / similar) if similar else None,
    )


def _decode(raw: bytes, label: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"the file is not UTF-8 text (byte 0x{raw[error.start]:02x})",
            file=label,
            line=line,
            expected="UTF-8 text",
        ) from None
