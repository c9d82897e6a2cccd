"""What commands share: a progress bar, and writing files with messages for a person."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from simulator.config import LARGEST_SIZE, CyclelabError

STANDARD_OUTPUT = "-"
"""The name of a file that stands for the terminal."""
BAR = "{desc} {bar} {percentage:3.0f}% {remaining} left"


class Progress:
    """A bar that appears after a second, so that short runs stay quiet."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.bar: object | None = None

    def update(self, phase: str, share: float | None) -> None:
        """Show that `share` of the run is done; None where nobody knows: only `phase` then."""
        if self.bar is None and time.monotonic() - self.started < 1:
            return
        from tqdm import tqdm

        if self.bar is None:
            self.bar = tqdm(
                total=100,
                unit="%",
                leave=False,
                bar_format="{desc}" if share is None else BAR,
            )
        assert isinstance(self.bar, tqdm)
        self.bar.set_description(phase, refresh=share is None)
        if share is not None:
            self.bar.update(round(100 * share) - self.bar.n)

    def close(self) -> None:
        """Take the bar away."""
        from tqdm import tqdm

        if isinstance(self.bar, tqdm):
            self.bar.close()


def whole_number(text: str, option: str, least: int = 1, most: int = LARGEST_SIZE) -> int:
    """A number that somebody typed, from `least` to `most`; raises CyclelabError."""
    if text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most:
        return int(text)
    raise CyclelabError(
        f"{option}: found {text[:40]!r}, expected a whole number from {least} to {most:,}"
    )


def check_writable(directory: str | None) -> None:
    """Raise CyclelabError before a long run if its results could not be written."""
    if directory is None:
        return
    try:
        Path(directory).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CyclelabError(f"cannot write results to {directory}: {reason}") from None
    if not os.access(directory, os.W_OK):
        raise CyclelabError(f"cannot write results to {directory}: permission denied")


def say_written(paths: list[Path]) -> None:
    """Print which files a folder got."""
    names = ", ".join(path.name for path in paths)
    print(f"wrote to {paths[0].parent}: {names}")


def write_text(path: Path, text: str) -> None:
    """Write a file, and the folders that it lies in; raises CyclelabError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CyclelabError(f"cannot write {path}: {error.strerror or error}") from None


def write_findings(
    options: argparse.Namespace,
    to_json: Callable[[], str],
    write_picture: Callable[[Path], None],
    write_outputs: Callable[[str, bool], list[Path]],
) -> None:
    """Write what `--json`, `--picture` and `--output` ask for, and say so.

    write_outputs: given the folder, and whether to draw. With JSON on the terminal nothing
    else is printed. Raises CyclelabError.
    """
    quiet = options.json == STANDARD_OUTPUT
    if quiet:
        sys.stdout.write(to_json())
    elif options.json:
        write_text(Path(options.json), to_json())
        print(f"wrote {options.json}")
    if options.picture:
        write_picture(Path(options.picture))
        if not quiet:
            print(f"wrote {options.picture}")
    if options.output:
        written = write_outputs(options.output, not options.no_plots)
        if not quiet:
            say_written(written)
