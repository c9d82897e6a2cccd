"""Errors of mappings that do not exist, and of choices that cannot be."""

from __future__ import annotations

from simulator.config import CyclelabError


class FixedChoiceError(CyclelabError):
    """What the user fixed for some operators cannot be done.

    path: of the key at fault, from the root of the experiment.
    """

    def __init__(self, pattern: str, key: str, reason: str) -> None:
        self.path = ("mapping", "operators", pattern, *([key] if key else []))
        self.reason = reason
        super().__init__(f"{'.'.join(self.path)}: {reason}")


class NoMappingError(CyclelabError):
    """No tiling of an operator fits: says which buffer, and how many bytes are missing.

    also: what else would help, with `{buffer}` for its name.
    """

    def __init__(
        self,
        operator: str,
        buffer: str,
        needed_bytes: int,
        available_bytes: int,
        pattern: str = "",
        also: str = "lower machine.core.{buffer}.buffers",
    ) -> None:
        self.operator = operator
        self.buffer = buffer
        self.needed_bytes = needed_bytes
        self.available_bytes = available_bytes
        missing = needed_bytes - available_bytes
        fixed = f"the tiles fixed by mapping.operators.{pattern}"
        tiles = fixed if pattern else "its smallest tiles"
        super().__init__(
            f"no mapping fits operator {operator!r}: {tiles} need {needed_bytes:,} "
            f"bytes of the {buffer}, which has {available_bytes:,} free "
            f"({missing:,} bytes missing); "
            f"{'fix smaller ones, ' if pattern else ''}"
            f"raise machine.core.{buffer}.capacity_bytes by at least that, or "
            + also.format(buffer=buffer)
        )
