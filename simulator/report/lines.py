"""Lines for the terminal: wrapped, styled, and tables next to each other."""

from __future__ import annotations

import textwrap

WIDTH = 100
BOLD, DIM, RESET = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def styled(text: str, style: str, colour: bool) -> str:
    """A text in a style of the terminal, if that is wanted."""
    return f"{style}{text}{RESET}" if colour else text


def wrapped(first: str, text: str) -> list[str]:
    """Lines of a text, the first behind `first`, the others indented as far."""
    following = " " * len(first)
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=following)


def side_by_side(parts: list[list[str]], gap: int) -> list[str]:
    """Tables next to each other, `gap` columns apart; an empty one takes no room."""
    height = max(len(part) for part in parts)
    lines = []
    for place in range(height):
        cells = [part[place] if place < len(part) else "" for part in parts]
        widths = [max(map(len, part), default=-gap) + gap for part in parts]
        text = "".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        lines.append(text.rstrip())
    return lines
