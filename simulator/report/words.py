"""What causes, bounds and byte counts are called in front of people."""

from __future__ import annotations

COMPUTE = "compute"
OVERHEAD = "overhead"
OTHER = "other"

CAUSE_LABELS = {
    COMPUTE: "compute",
    OVERHEAD: "overhead",
    "port": "port",
    "memory_read": "DRAM read",
    "memory_write": "DRAM write",
    "buffer_space": "buffer space",
    "matrix_unit": "matrix unit",
    "vector_unit": "vector unit",
    "pim": "memory's units",
    "cache": "shared cache",
    "launch": "launch",
    "link": "link latency",
    "drain": "drain",
    "dependency": "dependency",
    "issue": "issue",
    OTHER: "other",
}
"""Short labels, in the order in which time is shown (and attributed, see `aggregate`)."""

CAUSE_PHRASES = {
    COMPUTE: "computing",
    OVERHEAD: "on overhead inside the unit (loading weights, filling, ragged edges)",
    "port": "held up by on-chip ports that are too narrow",
    "memory_read": "waiting for memory reads",
    "memory_write": "waiting for memory writes",
    "buffer_space": "waiting for room in a buffer",
    "matrix_unit": "waiting for the matrix unit",
    "vector_unit": "waiting for the vector unit",
    "pim": "waiting for the units in the memory",
    "cache": "waiting for the shared cache",
    "launch": "waiting for the kernel to be launched",
    "link": "waiting for a message on its way",
    "drain": "draining (pipeline, epilogue and store after the last tile)",
    "dependency": "waiting for the operator before",
    "issue": "waiting for a command to be issued",
    OTHER: "elsewhere",
}

BOUND_PHRASES = {
    "compute": "compute-bound",
    "memory": "memory-bound",
    "vector": "bound by the vector unit",
    "port": "bound by on-chip ports",
    "link": "bound by the links",
    "latency": "latency-bound",
}


def cause_label(cause: str) -> str:
    """Short label of a stall cause; unknown ones lose their underscores."""
    return CAUSE_LABELS.get(cause, cause.replace("_", " "))


def cause_phrase(cause: str) -> str:
    """A stall cause as part of a sentence."""
    return CAUSE_PHRASES.get(cause, f"waiting for {cause.replace('_', ' ')}")


def bound_phrase(bound: str) -> str:
    """A bound as an adjective."""
    return BOUND_PHRASES.get(bound, f"bound by {bound.replace('_', ' ')}")


def cause_order(cause: str) -> tuple[int, str]:
    """Sort key: the order of `CAUSE_LABELS`, then unknown causes by name."""
    names = list(CAUSE_LABELS)
    return (names.index(cause) if cause in CAUSE_LABELS else len(names), cause)


def listing(parts: list[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} and {parts[-1]}"


def short_paths(paths: list[str], width: int) -> list[str]:
    """The last parts of dotted paths: two, or more if that is what tells them apart.

    Longer ones than `width` characters lose their beginning.
    """
    deepest = max((path.count(".") + 1 for path in paths), default=1)
    for depth in range(2, deepest + 1):
        short = [_tail(".".join(path.split(".")[-depth:]), width) for path in paths]
        if len(set(short)) == len(paths):
            return short
    return [_tail(path, width) for path in paths]


def _tail(text: str, width: int) -> str:
    return text if len(text) <= width else "…" + text[1 - width :]
