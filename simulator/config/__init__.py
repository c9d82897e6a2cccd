"""Configuration: typed specs, YAML with line-numbered errors, shipped presets.

Names are loaded on first use, so that catching `CyclelabError` costs no pydantic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.lazy import loader

if TYPE_CHECKING:
    from simulator.config.document import Document, Sourced
    from simulator.config.errors import ConfigError, CyclelabError, format_path, nearest
    from simulator.config.files import read_text
    from simulator.config.loader import load_document, parse_document
    from simulator.config.overrides import apply_overrides
    from simulator.config.presets import load_preset, resolve_preset
    from simulator.config.resources import KINDS, find, list_presets
    from simulator.config.schema import json_schema
    from simulator.config.sizes import LARGEST_SIZE, checked_size
    from simulator.config.spec import Spec
    from simulator.config.validate import validate

_MODULES = {
    "document": ("Document", "Sourced"),
    "errors": ("ConfigError", "CyclelabError", "format_path", "nearest"),
    "files": ("read_text",),
    "loader": ("load_document", "parse_document"),
    "overrides": ("apply_overrides",),
    "presets": ("load_preset", "resolve_preset"),
    "resources": ("KINDS", "find", "list_presets"),
    "schema": ("json_schema",),
    "sizes": ("LARGEST_SIZE", "checked_size"),
    "spec": ("Spec",),
    "validate": ("validate",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "KINDS",
    "LARGEST_SIZE",
    "ConfigError",
    "CyclelabError",
    "Document",
    "Sourced",
    "Spec",
    "apply_overrides",
    "checked_size",
    "find",
    "format_path",
    "json_schema",
    "list_presets",
    "load_document",
    "load_preset",
    "nearest",
    "parse_document",
    "read_text",
    "resolve_preset",
    "validate",
]

__getattr__ = loader(__name__, _HOME)
