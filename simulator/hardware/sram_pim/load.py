"""Reading an array: presets, files, settings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.config import Document, apply_overrides, load_preset, validate
from simulator.config.nodes import Origin, from_data
from simulator.hardware.sram_pim.latencies import latency_table
from simulator.hardware.sram_pim.spec import ArraySpec

PRESETS = "sram_arrays"
KIND = "sram_pim"


@dataclass(frozen=True)
class ArraySetup:
    """A checked array with the document that it came from.

    name: of its preset or file, with what was set.
    """

    name: str
    spec: ArraySpec
    document: Document

    def resolved(self) -> dict[str, Any]:
        """The whole configuration with every default filled in, as plain data."""
        return self.spec.model_dump(mode="json")

    def configuration_hash(self) -> str:
        """Hash of the resolved configuration: equal for equal arrays."""
        text = json.dumps(self.resolved(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def sources(self) -> dict[str, str]:
        """Where the array's values and its additions' cycles come from, by key path."""
        lines = {
            ".".join(str(part) for part in path): f"{value.source} ({value.quality or 'sourced'})"
            for path, value in self.document.sources.items()
        }
        table = latency_table(self.spec.latencies)
        return lines | {f"latencies.{name}": text for name, text in table.sources().items()}


def load_array(
    array: str | Path,
    overrides: Iterable[str] = (),
    options: Mapping[str, tuple[str, object]] | None = None,
    seed: int | None = None,
) -> ArraySetup:
    """Read an array by preset name or path.

    overrides: `rows=512`. options: settings by key (`layout`), with what messages call the
    option; they give way to overrides. seed: of `activations`, if any are drawn.
    Raises ConfigError with file, line and key, also where a table of the `basis_weights`
    given does not fit.
    """
    options, overrides = options or {}, list(overrides)
    document = load_preset(PRESETS, array)
    for key, (option, value) in options.items():
        document = document.replaced((key,), from_data(value, Origin(option)))
    document = apply_overrides(document, overrides)
    kind = document.data.get("kind")
    if kind != KIND:
        found = "there is none" if kind is None else f"found {kind!r}"
        raise document.error(("kind",), f"{found}, expected {KIND!r}, an SRAM-PIM array")
    if seed is not None and document.data.get("reuse") is not None:
        document = apply_overrides(document, [f"activations.seed={seed}"])
    changes = [f"{key}={value}" if value else key for key, (_, value) in options.items()]
    changes += overrides
    name = Path(array).stem + (f" with {', '.join(changes)}" if changes else "")
    return ArraySetup(name, validate(ArraySpec, document), document)
