"""Sweeps in YAML: an experiment, axes, which points are left out, what counts as good."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from simulator.config import (
    CyclelabError,
    Document,
    Spec,
    find,
    load_document,
    validate,
)
from simulator.config.blame import said_at
from simulator.config.errors import KeyPath
from simulator.config.nodes import Node
from simulator.explore.sweep.axis import Axis, AxisSpec, read_axis
from simulator.explore.sweep.expression import Condition, parse_condition
from simulator.explore.sweep.figures import check_figure
from simulator.explore.sweep.reference import EqualSpec, Labels
from simulator.explore.sweep.search.spec import SearchSpec
from simulator.report.measures import MEASURES

Direction = Literal["min", "max"]
COLUMNS = ("state", "feasible", "error", "simulation_s", "speedup")
"""Of tables of points, beside axes and figures."""


class SweepSpec(Spec):
    """A sweep as it stands in a file; docs/sweeps.md says what each key means."""

    name: str = Field(pattern=r"^[\w.-]+$")
    title: str = ""
    notes: tuple[str, ...] = ()
    experiment: str | dict[str, Any]
    axes: dict[str, AxisSpec] = Field(min_length=1)
    when: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    objectives: dict[str, Direction] = Field(min_length=1)
    equal: EqualSpec | None = None
    baseline: Labels | None = Field(default=None, min_length=1)
    search: SearchSpec = SearchSpec()

    @field_validator("axes", mode="before")
    @classmethod
    def _short(cls, axes: Any) -> Any:
        """A list in place of an axis is its values."""
        if not isinstance(axes, Mapping):
            return axes
        return {
            name: {"values": axis} if isinstance(axis, list | tuple) else axis
            for name, axis in axes.items()
        }


def load_sweep(given: str | Path | Mapping[str, Any]) -> Document:
    """A sweep by preset name or path, or as the mapping that the YAML would hold.

    Raises CyclelabError for an unknown one.
    """
    if isinstance(given, Mapping):
        return Document.from_data(given, "sweep")
    return load_document(find("sweeps", given))


def read_spec(document: Document) -> SweepSpec:
    """The checked sweep of a document; raises ConfigError with file and line."""
    spec = validate(SweepSpec, document)
    for name in spec.objectives:
        with said_at(document, ("objectives", name)):
            check_figure(name)
    return spec


def read_axes(spec: SweepSpec, document: Document) -> tuple[Axis, ...]:
    """All axes; raises ConfigError with file and line, also if two of them set one key."""
    axes = tuple(
        read_axis(name, axis, document, ("axes", name)) for name, axis in spec.axes.items()
    )
    first: dict[str, str] = {}
    for axis in axes:
        if axis.name in (*COLUMNS, *MEASURES):
            message = f"{axis.name!r} is what a column of results is called: name it otherwise"
            raise document.error(("axes", axis.name), message)
        for key in axis.keys:
            other = first.setdefault(key, axis.name)
            if other != axis.name:
                at = ("axes", axis.name)
                raise document.error(at, f"sets {key}, as the axis {other!r} does")
    return axes


def read_conditions(texts: tuple[str, ...], document: Document, key: str) -> list[Condition]:
    """Conditions at `key`; raises ConfigError with file and line."""
    found = []
    for index, text in enumerate(texts):
        path: KeyPath = (key, index)
        try:
            found.append(parse_condition(text))
            if key == "constraints":
                for name in found[-1].names:
                    check_figure(name)
        except CyclelabError as error:
            raise document.error(path, str(error)) from None
    return found


def base_experiment(document: Document) -> Document:
    """The experiment of a sweep, as it was written; raises ConfigError for an unknown one."""
    node = document.node(("experiment",))
    assert node is not None
    if isinstance(node.value, str):
        try:
            return load_document(find("experiments", node.value, node.origin.directory))
        except CyclelabError as error:
            if getattr(error, "line", None) is not None:
                raise
            raise document.error(("experiment",), str(error)) from None
    if "name" in node.value:  # type: ignore[operator]
        return Document(node)
    named = Node(document.data["name"], node.origin, node.line)
    return Document(node).replaced(("name",), named)
