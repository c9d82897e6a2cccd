"""Reading a technology: by name, from a file, or from what an experiment says of one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from simulator.config import (
    ConfigError,
    CyclelabError,
    Document,
    load_preset,
    resolve_preset,
    validate,
)
from simulator.config.errors import KeyPath
from simulator.config.nodes import Node
from simulator.config.presets import EXTENDS
from simulator.cost.spec import TechnologySpec
from simulator.cost.stated import check_facts
from simulator.cost.technology import Technology


def load_technology(name_or_path: str | Path, relative_to: Path | None = None) -> Technology:
    """Load a technology by preset name, or by path relative to `relative_to`.

    Raises ConfigError for a missing or wrong file, CyclelabError if the parts of
    the technology do not go together.
    """
    return technology_from(load_preset("technologies", name_or_path, relative_to))


def technology_from(document: Document, path: KeyPath = ()) -> Technology:
    """Build a technology from what stands at `path`: itself, its name, or what extends one.

    Raises as `load_technology`, with file, line and key.
    """
    changes: tuple[str, ...] = ()
    if path:
        changes = _changes_at(document, path)
        document = resolve_preset(document, path, "technologies")
    spec = validate(TechnologySpec, document, path)
    check_facts(document, path)
    _check_supplies(document, path, spec)
    try:
        return Technology(spec, Document(document.locate(path)), changes)
    except ConfigError:
        raise
    except CyclelabError as error:
        raise document.error(path, str(error)) from None


def _check_supplies(document: Document, path: KeyPath, spec: TechnologySpec) -> None:
    """Raise ConfigError for a supply that the scaling does not hold for."""
    lowest, highest = spec.scaling.lowest_supply_v, spec.scaling.highest_supply_v
    for key, supply in (("supply_v", spec.supply_v), ("nominal_supply_v", spec.nominal_supply_v)):
        if not lowest <= supply <= highest:
            raise document.error(
                (*path, key),
                f"found {supply:g} V, expected {lowest:g} to {highest:g} V, for which the fits of "
                "delay and energy hold",
            )


def _changes_at(document: Document, path: KeyPath) -> tuple[str, ...]:
    """What a mapping changes in the technology that it extends; nothing for a mere name."""
    node = document.locate(path)
    if not isinstance(node.value, Mapping):
        return ()
    if not {EXTENDS, "name"} & node.value.keys():
        raise document.error(
            path,
            "found neither `extends`, the name of a technology to start from, nor `name` of one "
            "that is stated here",
        )
    return tuple(_changes(node))


def _changes(node: Node, prefix: str = "") -> Iterator[str]:
    """`supply_v=0.7` for every value of a mapping that extends a technology."""
    if not isinstance(node.value, Mapping):
        shown = "…" if isinstance(node.value, tuple) else node.value
        yield f"{prefix}={shown}"
        return
    for key, child in node.value.items():
        if key not in (EXTENDS, "name", "description"):
            yield from _changes(child, f"{prefix}.{key}" if prefix else key)
