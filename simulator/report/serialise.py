"""`result.json`: the Result as strictly valid JSON, and back.

The layout is documented in `docs/results.md`. Keys come in the order of the
dataclass fields, so the same result gives the same bytes.
"""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from typing import Any

from simulator.config import CyclelabError
from simulator.report.result import Estimate, OperatorResult, PhaseResult, Result

SCHEMA_VERSION = 1
LINE_LISTS = ("phases", "operators", "spans")
"""Lists of the document that are written with one element per line."""


def plain(value: Any) -> Any:
    """`value` as dicts, lists, strings and numbers."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Estimate):
        return {"value": value.value, "low": value.low, "high": value.high}
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value) if isinstance(value, set | frozenset) else value
        return [plain(item) for item in items]
    if hasattr(value, "item"):
        return value.item()
    return str(value)


def to_dict(result: Result) -> dict[str, Any]:
    """The document of `result.json`; operators carry `start` besides `start_cycle`."""
    document: dict[str, Any] = {"schema_version": SCHEMA_VERSION}
    for item in fields(Result):
        if item.name == "operators":
            document["operators"] = [_operator(op) for op in result.operators]
        elif item.name == "spans":  # thousands of them, and made of plain data
            document["spans"] = [dict(span) for span in result.spans]
        else:
            document[item.name] = plain(getattr(result, item.name))
    return document


def _operator(op: OperatorResult) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name in _OPERATOR_FIELDS:
        if name == "start_cycle":
            row["start"] = op.start_cycle
        row[name] = getattr(op, name)
    row["energy_j"] = plain(op.energy_j)
    row["mapping"] = plain(op.mapping)
    return row


_OPERATOR_FIELDS = tuple(f.name for f in fields(OperatorResult))


def from_dict(document: dict[str, Any]) -> Result:
    """Rebuild a Result; raises CyclelabError if the document is not one."""
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version != SCHEMA_VERSION:
        raise CyclelabError(
            f"not a cyclelab result of schema version {SCHEMA_VERSION}: schema_version is {version}"
        )
    try:
        values = {f.name: document[f.name] for f in fields(Result)}
        for name in ("area_mm2", "energy_j", "power_w"):
            values[name] = _estimate(values[name])
        for name in ("area_by_component", "energy_by_component"):
            values[name] = {key: _estimate(item) for key, item in values[name].items()}
        values["phases"] = [_record(PhaseResult, item) for item in values["phases"]]
        values["operators"] = [_record(OperatorResult, item) for item in values["operators"]]
        return Result(**values)
    except KeyError as error:
        raise CyclelabError(f"not a complete cyclelab result: {error} is missing") from None
    except (TypeError, AttributeError) as error:
        raise CyclelabError(f"not a valid cyclelab result: {error}") from None


def _estimate(item: dict[str, float]) -> Estimate:
    return Estimate(item["value"], item["low"], item["high"])


def _record(cls: type[Any], item: dict[str, Any]) -> Any:
    values = {f.name: item[f.name] for f in fields(cls)}
    values["energy_j"] = _estimate(values["energy_j"])
    return cls(**values)


def to_json(result: Result) -> str:
    """The text of `result.json`: indented, long lists with one element per line.

    Raises CyclelabError, naming the place, if a number is NaN or infinite.
    """
    document = to_dict(result)
    try:
        parts = [f"  {json.dumps(key)}: {_block(key, item)}" for key, item in document.items()]
    except ValueError:
        place = _not_a_number(document, "result")
        raise CyclelabError(f"{place} is not a finite number; result.json cannot hold it") from None
    return "{\n" + ",\n".join(parts) + "\n}\n"


def json_text(document: dict[str, Any]) -> str:
    """A document of plain data as strictly valid JSON, indented, with a line break behind it."""
    return json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def _block(key: str, item: Any) -> str:
    if key in LINE_LISTS:
        encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False).encode
        lines = ["    " + encode(element) for element in item]
        return "[\n" + ",\n".join(lines) + "\n  ]" if lines else "[]"
    text = json.dumps(item, allow_nan=False, ensure_ascii=False, indent=2)
    return text.replace("\n", "\n  ")


def _not_a_number(item: Any, place: str) -> str:
    """Where the first NaN or infinity stands, as a dotted path."""
    if isinstance(item, float):
        return "" if math.isfinite(item) else place
    if not isinstance(item, dict | list):
        return ""
    pairs = item.items() if isinstance(item, dict) else enumerate(item)
    return next((p for key, part in pairs if (p := _not_a_number(part, f"{place}.{key}"))), "")
