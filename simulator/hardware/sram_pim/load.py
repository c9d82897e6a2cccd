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
from simulator.hardware.sram_pim.spec import SramPimSpec

PRESETS = "sram_arrays"


@dataclass(frozen=True)
class ArraySetup:
    """A checked array with the document that it came from.

    name: of its preset or file, with what was set.
    """

    name: str
    spec: SramPimSpec
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
) -> ArraySetup:
    """Read an array by preset name or path.

    overrides: `rows=512`. options: settings by key (`layout`), with what messages call the
    option; they give way to overrides. Raises ConfigError with file, line and key, also
    where a table of the `basis_weights` given does not fit.
    """
    options, overrides = options or {}, list(overrides)
    document = load_preset(PRESETS, array)
    for key, (option, value) in options.items():
        document = document.replaced((key,), from_data(value, Origin(option)))
    document = apply_overrides(document, overrides)
    changes = [*(f"{key}={value}" for key, (_, value) in options.items()), *overrides]
    name = Path(array).stem + (f" with {', '.join(changes)}" if changes else "")
    return ArraySetup(name, validate(SramPimSpec, document), document)
