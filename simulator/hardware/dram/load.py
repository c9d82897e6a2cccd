"""Reading a device and its controller: presets, files, settings, and what fits together."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from simulator.config import (
    ConfigError,
    Document,
    Spec,
    apply_overrides,
    load_preset,
    resolve_preset,
    validate,
)
from simulator.config.errors import KeyPath
from simulator.config.nodes import Node, Origin, from_data
from simulator.hardware.dram.address import address_slices, xor_slices
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.spec import DramDeviceSpec

PRESETS = "dram"
MOST_BANKS = 4096
MOST_BYTES = 2**50
_POLICY = re.compile(r"no (scheduler|page|refresh) policy ")
_KEYS = re.compile(r"(\w+(?:\.\w+)*)(:?) ")


class ChannelSpec(Spec):
    """A channel: the device and the controller that drives it."""

    device: DramDeviceSpec
    controller: ControllerSpec = Field(default_factory=ControllerSpec)


@dataclass(frozen=True)
class ChannelSetup:
    """A checked channel with the document that it came from."""

    spec: ChannelSpec
    document: Document

    def resolved(self) -> dict[str, Any]:
        """The whole configuration with every default filled in, as plain data."""
        return self.spec.model_dump(mode="json")

    def configuration_hash(self) -> str:
        """Hash of the resolved configuration: equal for equal channels."""
        text = json.dumps(self.resolved(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def sources(self) -> dict[str, str]:
        """Where the device's numbers come from, by key path."""
        lines = dict(_stated_sources(self.resolved(), ""))
        for path, sourced in self.document.sources.items():
            lines[".".join(str(part) for part in path)] = sourced.source
        return lines


def load_device(name_or_path: str | Path, overrides: Iterable[str] = ()) -> DramDeviceSpec:
    """Read a device by preset name or path; overrides are `timing.cycles.nCL=20`.

    Raises ConfigError with file, line and key for anything that is wrong.
    """
    document = apply_overrides(load_preset(PRESETS, name_or_path), overrides)
    try:
        device = validate(DramDeviceSpec, document)
        check_size(device, document)
    except ConfigError as error:
        raise refined(error, document) from None
    return device


def load_channel(
    device: str,
    overrides: Iterable[str] = (),
    options: Mapping[str, tuple[str, object]] | None = None,
) -> ChannelSetup:
    """Read a device and complete it with its controller.

    overrides: `device.timing.cycles.nCL=20`, `controller.read_queue=64`. options:
    settings by key (`controller.page`), with what messages call the option; they give
    way to overrides. Raises ConfigError with file, line and key, also where a device
    and a controller do not go together.
    """
    document = Document(_base(device, options or {}))
    overrides = list(overrides)
    whole = [text for text in overrides if text.split("=", 1)[0].strip() == "device"]
    document = resolve_preset(apply_overrides(document, whole), ("device",), PRESETS)
    document = apply_overrides(document, [text for text in overrides if text not in whole])
    try:
        spec = validate(ChannelSpec, document)
        check_size(spec.device, document, ("device",))
        check_together(spec, document)
    except ConfigError as error:
        raise refined(error, document) from None
    return ChannelSetup(spec, document)


def check_size(device: DramDeviceSpec, document: Document, at: KeyPath = ()) -> None:
    """Raise ConfigError for a channel larger than can be simulated; at: of the device."""
    for noun, found, most in (
        ("banks", device.banks, MOST_BANKS),
        ("bytes", device.capacity_bytes, MOST_BYTES),
    ):
        if found > most:
            raise document.error(
                (*at, "organisation", "counts"),
                f"a channel of {device.name} has {found:,} {noun}, expected at most {most:,}",
            )


def check_together(spec: ChannelSpec, document: Document) -> None:
    """Raise ConfigError if the controller asks of the device what it has not."""
    from simulator.hardware.dram.tables import ChannelTables

    mapping = spec.controller.address_mapping
    try:
        address_slices(spec.device, mapping)
        xor_slices(spec.device, mapping)
        ChannelTables(spec.device, spec.controller)
    except ValueError as error:
        raise document.error(("controller",), str(error)) from None


def refined(error: ConfigError, document: Document) -> ConfigError:
    """The error with each problem at the very key that its message names.

    Checks over several keys of a spec are reported at the spec; what they say begins
    with the key at fault, whose file and line are of more use.
    """
    return ConfigError.of([_refined(problem, document) for problem in error.problems])


def _refined(problem: ConfigError, document: Document) -> ConfigError:
    path, message = problem.path, problem.message
    policy, keys = _POLICY.match(message), _KEYS.match(message)
    if policy:
        path = (*path, policy[1])
    elif keys and document.node((*path, *_parts(keys[1]))) is not None:
        path = (*path, *_parts(keys[1]))
        message = message[keys.end() :] if keys[2] else message
    elif keys and keys[2] and path == ("controller",):  # a default, which stands in no file
        path, message = (*path, *_parts(keys[1])), message[keys.end() :]
    if path == problem.path:
        return problem
    return document.error(path, message, nearest=problem.nearest)


def _stated_sources(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every `source` of a mapping and of those in it, by the path of what it is for."""
    if not isinstance(value, Mapping):
        return
    source, quality = value.get("source"), value.get("quality")
    if isinstance(source, str):
        yield path, f"{source} ({quality})" if quality else source
    for key, item in value.items():
        yield from _stated_sources(item, f"{path}.{key}" if path else key)


def _parts(text: str) -> KeyPath:
    return tuple(int(part) if part.isdigit() else part for part in text.split("."))


def _base(device: str, options: Mapping[str, tuple[str, object]]) -> Node:
    """The document before presets and settings: every value knows its option."""
    origin = Origin(f"--device {device}")
    values = {"device": from_data(device, origin)}
    if options:
        controller = {
            key.removeprefix("controller."): from_data(value, Origin(option))
            for key, (option, value) in options.items()
        }
        values["controller"] = Node(controller, next(iter(controller.values())).origin)
    return Node(values, origin)
