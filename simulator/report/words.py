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
    """Dotted paths cut from the left to at most `width` characters.

    Whole parts are dropped where that keeps the paths apart, characters otherwise.
    """
    short = [_last_parts(path, width) for path in paths]
    if len(set(short)) == len(paths):
        return short
    return [path if len(path) <= width else "…" + path[1 - width :] for path in paths]


def _last_parts(path: str, width: int) -> str:
    parts = path.split(".")
    while len(parts) > 1 and len(".".join(parts)) > width:
        parts = parts[1:]
    text = ".".join(parts)
    return text if len(text) <= width else "…" + text[1 - width :]
