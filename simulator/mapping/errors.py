"""Errors of mappings that do not exist, and of choices that cannot be."""

from __future__ import annotations

from simulator.config import CyclelabError


class SettingError(CyclelabError):
    """A setting of the experiment that cannot be mapped.

    path: of the key at fault, from the root of the experiment.
    """

    def __init__(self, path: tuple[str, ...], reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{'.'.join(path)}: {reason}")


class FixedChoiceError(SettingError):
    """What the user fixed for some operators cannot be done."""

    def __init__(self, pattern: str, key: str, reason: str) -> None:
        super().__init__(("mapping", "operators", pattern, *([key] if key else [])), reason)


class NoLinksError(SettingError):
    """Devices share the work, but nothing is said of the links between them."""

    def __init__(self, machine: str, operator: str) -> None:
        super().__init__(
            ("machine",),
            f"missing key 'links': {machine} shares its work with other devices, and {operator!r} "
            "sends them data; give it links (device, bandwidth_bytes_per_s, latency_s, topology), "
            "or leave out of the count what is sent, with mapping.collectives=free",
        )


class NoMappingError(CyclelabError):
    """No tiling of an operator fits: says which buffer, and how many bytes are missing.

    pattern: under which the user fixed the tiles, if any.
    also: what else would help, with `{buffer}` for its name; nothing if empty.
    key: that the buffer's bytes go with, if they are not its own; then nothing else helps.
    """

    def __init__(
        self,
        operator: str,
        buffer: str,
        needed_bytes: int,
        available_bytes: int,
        pattern: str = "",
        also: str = "lower machine.core.{buffer}.buffers",
        key: str = "",
    ) -> None:
        self.operator = operator
        self.buffer = buffer
        self.needed_bytes = needed_bytes
        self.available_bytes = available_bytes
        self.pattern = pattern
        missing = needed_bytes - available_bytes
        remedies = [f"raise machine.core.{buffer}.capacity_bytes by at least that"]
        if key:
            remedies = [f"raise {key}"]
        elif also:
            remedies.append(also.format(buffer=buffer))
        super().__init__(
            f"no mapping fits operator {operator!r}: {_tiles(pattern)} need {needed_bytes:,} "
            f"bytes of the {buffer}, which has {available_bytes:,} free "
            f"({missing:,} bytes missing); {_alternatives(pattern, remedies)}"
        )


class LimitError(NoMappingError):
    """Every tiling of an operator exceeds a limit of a GPU that is a number, not a buffer.

    what: is counted, such as `registers per thread`; key: that limits it, below
        `machine.core`. also: what else would help; nothing if empty.
    """

    def __init__(
        self, operator: str, what: str, needed: int, key: str, limit: int, pattern: str, also: str
    ) -> None:
        self.operator = operator
        self.pattern = pattern
        remedies = [f"raise machine.core.{key}"] + [also] * bool(also)
        CyclelabError.__init__(
            self,
            f"no mapping fits operator {operator!r}: {_tiles(pattern)} need {needed:,} {what}, "
            f"but machine.core.{key} is {limit:,} ({needed - limit:,} missing); "
            f"{_alternatives(pattern, remedies)}",
        )


def _tiles(pattern: str) -> str:
    return f"the tiles fixed by mapping.operators.{pattern}" if pattern else "its smallest tiles"


def _alternatives(pattern: str, remedies: list[str]) -> str:
    *most, last = ["fix smaller ones"] * bool(pattern) + remedies
    return f"{', '.join(most)}, or {last}" if most else last
