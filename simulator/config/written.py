"""A part of a document as one would write it again, anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from simulator.config.nodes import Node
from simulator.config.resources import SUFFIXES


def as_written(node: Node) -> Any:
    """Plain data of a node: values with their bounds and sources, paths from the root.

    A text that ends like a data file is a path, relative to the file it was written in.
    """
    value: Any = node.value
    if isinstance(value, Mapping):
        value = {key: as_written(child) for key, child in value.items()}
    elif isinstance(value, tuple):
        value = [as_written(child) for child in value]
    elif isinstance(value, str) and value.endswith(SUFFIXES):
        beside = ((node.origin.directory or Path()) / value).resolve()
        value = str(beside) if beside.is_file() else value
    if node.sourced is None:
        return value
    facts = ("source", "low", "high", "quality", "note", "unit")
    known = {name: getattr(node.sourced, name) for name in facts}
    return {"value": value, **{name: fact for name, fact in known.items() if fact is not None}}
