"""Formats and schemes in a line each, for people."""

from __future__ import annotations

from simulator.numerics.formats import FORMATS, format_named
from simulator.numerics.gguf import GGUF_TYPES
from simulator.numerics.scheme import SCHEMES, packed_bits

FAMILIES = (
    ("int", "two's complement"),
    ("uint", "unsigned"),
    ("bipolar", "odd integers, as many below zero as above"),
)
LONG_ROW = 4096


def format_rows() -> list[tuple[str, str]]:
    """Names and descriptions: families of integers, other formats, schemes, GGUF types."""
    rows = []
    for family, what in FAMILIES:
        members = [name for name in FORMATS if name.rstrip("0123456789") == family]
        widths = sorted(int(name.removeprefix(family)) for name in members)
        last = next(w for w in widths if w + 1 not in widths)
        more = "".join(f", {family}{width}" for width in widths if width > last)
        rows.append((f"{family}{widths[0]} … {family}{last}{more}", what))
    for name in FORMATS:
        if name.rstrip("0123456789") not in dict(FAMILIES):
            rows.append((name, _described(name)))
    for name, scheme in SCHEMES.items():
        bits = scheme.bits_per_element(LONG_ROW, LONG_ROW)
        shared = f"one scale in {scheme.scale} per {scheme.granularity}"
        if scheme.granularity == "group":
            shared = f"groups of {scheme.group_size} share a scale in {scheme.scale}"
        whole = f", the tensor one in {scheme.tensor_scale}" if scheme.tensor_scale else ""
        rows.append((name, f"{scheme.element}; {shared}{whole}; {bits:.4g} bits"))
    for name, kind in GGUF_TYPES.items():
        shared = "a scale" + (" and a minimum" if kind.has_minimum else "")
        rows.append(
            (
                name,
                f"{kind.element}; groups of {kind.group_size} share {shared}, blocks of "
                f"{kind.block_size} (GGUF); {kind.bits_per_weight:.6g} bits",
            )
        )
    return rows


def _described(name: str) -> str:
    number_format = format_named(name)
    if number_format.kind == "float":
        return f"floating point up to {number_format.maximum:.4g}"
    if number_format.table:
        values = sorted(set(map(abs, number_format.table)))
        shown = ", ".join(map(str, values))
        return f"{'±' if number_format.signed else ''}{{{shown}}}, first-one coding (ANT)"
    return f"-1, 0, 1 in {packed_bits(name, LONG_ROW) / LONG_ROW:.2g} bits"
