"""JSON schemas of specs, for editors that check YAML while it is typed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from simulator.config.resources import list_presets
from simulator.config.sourced import SOURCED_KEYS
from simulator.config.spec import Spec

_SCALAR_TYPES = ("integer", "number", "string", "boolean", "null")
_NUMBER_KEYS = ("low", "high")
_TEXT = {"type": "string"}


def json_schema(
    model_type: type[BaseModel], presets: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return the JSON schema (draft 2020-12) of a YAML file that holds a `model_type`.

    presets: for top-level keys whose value may be the name of a preset, its kind,
        such as `{"machine": "machines"}`.
    Beyond pydantic's schema, every leaf may be `{value: …, source: …}`, the file
    may have `include` and `extends`, and a spec whose `kind` is open stands for
    the specs derived from it, which must be imported before.
    """
    derived = _derived_specs(model_type)
    models = [model_type, *dict.fromkeys(spec for specs in derived.values() for spec in specs)]
    names, bundle = models_json_schema([(model, "validation") for model in models])
    definitions: dict[str, Any] = bundle.get("$defs", {})
    references = {model: names[model, "validation"] for model in models}
    for definition in definitions.values():
        _allow_sourced(definition)
    for base, specs in derived.items():
        if base.__name__ in definitions:
            definitions[base.__name__] = {"anyOf": [references[spec] for spec in specs]}
    whole = [specs for base, specs in derived.items() if base is model_type]
    for model in whole[0] if whole else [model_type]:
        root = definitions[model.__name__]
        for key, kind in (presets or {}).items():
            if key in root.get("properties", {}):
                root["properties"][key] = _preset_or(root["properties"][key], kind)
        definitions[model.__name__] = _buildable(root)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": model_type.__name__,
        **references[model_type],
        "$defs": definitions,
    }


def _derived_specs(root: type[BaseModel]) -> dict[type[Spec], list[type[Spec]]]:
    """Find the specs below `root` whose `kind` is open, with the specs that fix it."""
    found: dict[type[Spec], list[type[Spec]]] = {}
    for spec in _all_specs(Spec):
        kind = spec.model_fields.get("kind")
        if kind is None or kind.annotation is not str or not kind.is_required():
            continue
        if spec.__name__ == root.__name__ and spec is not root:
            continue  # of the same name, but of no concern to it
        narrowed = [s for s in _all_specs(spec) if s.model_fields["kind"].annotation is not str]
        if narrowed:
            found[spec] = narrowed
    return found


def _all_specs(base: type[Spec]) -> Iterable[type[Spec]]:
    for spec in base.__subclasses__():
        yield spec
        yield from _all_specs(spec)


def _allow_sourced(schema: dict[str, Any]) -> None:
    """Let every leaf below an object schema be a sourced value, in place."""
    for key, value in schema.get("properties", {}).items():
        schema["properties"][key] = _leaf_or_sourced(value)
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        schema["additionalProperties"] = _leaf_or_sourced(extra)


def _leaf_or_sourced(schema: dict[str, Any]) -> dict[str, Any]:
    if not _is_leaf(schema):
        _allow_sourced(schema)
        return schema
    outer: dict[str, Any] = {
        key: schema[key] for key in ("title", "description", "default") if key in schema
    }
    leaf = {key: value for key, value in schema.items() if key not in outer}
    properties: dict[str, Any] = {key: _TEXT for key in SOURCED_KEYS}
    properties |= {key: {"type": "number"} for key in _NUMBER_KEYS}
    properties["value"] = leaf
    sourced = {
        "type": "object",
        "properties": properties,
        "required": ["value", "source"],
        "additionalProperties": False,
    }
    return {**outer, "anyOf": [leaf, sourced]}


def _is_leaf(schema: dict[str, Any]) -> bool:
    if "anyOf" in schema:
        return all(_is_leaf(option) for option in schema["anyOf"])
    if schema.get("type") == "array":
        items = [schema.get("items", {}), *schema.get("prefixItems", [])]
        return all(not item or _is_leaf(item) for item in items)
    return schema.get("type") in _SCALAR_TYPES or "enum" in schema or "const" in schema


def _preset_or(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    name = {"type": "string", "examples": list_presets(kind)}
    extension = {"type": "object", "properties": {"extends": name}, "required": ["extends"]}
    return {"anyOf": [name, schema, extension]}


def _buildable(schema: dict[str, Any]) -> dict[str, Any]:
    """Allow `include` and `extends`, which may bring the required keys."""
    files = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
    properties = schema.get("properties", {}) | {"include": files, "extends": _TEXT}
    required = schema.get("required", [])
    complete = {"anyOf": [{"required": [key]} for key in ("include", "extends")]}
    if required:
        complete["anyOf"].append({"required": required})
    rest = {key: value for key, value in schema.items() if key != "required"}
    return {**rest, "properties": properties, **(complete if required else {})}
