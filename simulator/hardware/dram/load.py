"""Reading a device and its controller: presets, files, settings, and what fits together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.config import (
    ConfigError,
    Document,
    apply_overrides,
    load_preset,
    resolve_preset,
    validate,
)
from simulator.config.nodes import Node, Origin, from_data
from simulator.hardware.dram.channel_spec import ChannelSpec
from simulator.hardware.dram.spec import DramDeviceSpec

PRESETS = "dram"


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
    return validate(DramDeviceSpec, document)


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
    if options and any(text.split("=", 1)[0].strip() == "controller" for text in overrides):
        option = next(iter(options.values()))[0]
        raise ConfigError(
            f"--set controller=… replaces the whole controller, and with it {option}: set its "
            "keys one by one"
        )
    document = resolve_preset(apply_overrides(document, whole), ("device",), PRESETS)
    document = apply_overrides(document, [text for text in overrides if text not in whole])
    return ChannelSetup(validate(ChannelSpec, document), document)


def _stated_sources(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Every `source` of a mapping and of those in it, by the path of what it is for."""
    if not isinstance(value, Mapping):
        return
    source, quality = value.get("source"), value.get("quality")
    if isinstance(source, str):
        yield path, f"{source} ({quality})" if quality else source
    for key, item in value.items():
        yield from _stated_sources(item, f"{path}.{key}" if path else key)


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
