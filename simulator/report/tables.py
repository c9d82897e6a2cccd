"""Flat tables: `operators.csv`, `phases.csv`, `energy.csv`, `area.csv`, DataFrames."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from simulator.config import CyclelabError
from simulator.report.efficiency import efficiency_of
from simulator.report.result import Estimate, OperatorResult, PhaseResult, Result
from simulator.report.units import SPACE, si
from simulator.report.words import cause_order

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]

UNITS = ("_per_w", "_per_mm2", "_j", "_js", "_mm2", "_w")
"""Ends of names of quantities, before which `_low` and `_high` stand."""


def operator_rows(result: Result) -> list[Row]:
    """One flat row per operator instance.

    Stall causes become `stall_<cause>_cycles`, memory levels `<level>_bytes`, parts of
    the energy `energy_<part>_j`; the same columns in every row, 0 where there is none.
    """
    causes = sorted({c for op in result.operators for c in op.stall_cycles}, key=cause_order)
    levels = list(dict.fromkeys(level for op in result.operators for level in op.bytes))
    parts = list(dict.fromkeys(part for op in result.operators for part in op.energy_parts_j))
    return [_operator_row(op, causes, levels, parts) for op in result.operators]


def _operator_row(
    op: OperatorResult, causes: Sequence[str], levels: Sequence[str], parts: Sequence[str]
) -> Row:
    row: Row = {
        "phase": op.phase,
        "path": op.path,
        "name": op.name,
        "block": op.block,
        "instance": op.instance,
        "kind": op.kind,
        "unit": op.unit,
        "start_cycle": op.start_cycle,
        "cycles": op.cycles,
        "exclusive_cycles": op.exclusive_cycles,
        "compute_cycles": op.compute_cycles,
    }
    row |= {f"stall_{cause}_cycles": op.stall_cycles.get(cause, 0) for cause in causes}
    row |= {f"{level}_bytes": op.bytes.get(level, 0) for level in levels}
    row |= {
        "compulsory_bytes": op.compulsory_bytes,
        "macs": op.macs,
        "utilisation": op.utilisation,
        "bound": op.bound,
        "compute_bound_cycles": op.compute_bound_cycles,
        "memory_bound_cycles": op.memory_bound_cycles,
    }
    row |= bounded("energy_j", op.energy_j)
    row |= {f"energy_{part}_j": op.energy_parts_j.get(part, 0.0) for part in parts}
    row["mapping"] = mapping_text(op.mapping)
    return row


def phase_rows(result: Result) -> list[Row]:
    """One flat row per phase; busy cycles as `busy_<queue>_cycles`."""
    queues = list(dict.fromkeys(queue for phase in result.phases for queue in phase.busy_cycles))
    rows = []
    for phase in result.phases:
        row: Row = {
            "phase": phase.name,
            "kind": phase.kind,
            "tokens": phase.tokens,
            "generated": phase.generated,
            "start_cycle": phase.start_cycle,
            "cycles": phase.cycles,
            "seconds": phase.seconds,
            "macs": phase.macs,
            "dram_read_bytes": phase.dram_read_bytes,
            "dram_write_bytes": phase.dram_write_bytes,
            "memory_busy_seconds": phase.memory_busy_seconds,
        }
        row |= {f"busy_{queue}_cycles": phase.busy_cycles.get(queue, 0) for queue in queues}
        rows.append(row | bounded("energy_j", phase.energy_j) | efficiency_row(phase, result))
    return rows


def efficiency_row(phase: PhaseResult, result: Result) -> Row:
    """What `report.efficiency` says of a phase; None where there is nothing to say."""
    found = efficiency_of(phase, result.area_mm2)
    row: Row = {}
    for field in fields(found):
        row |= bounded(field.name, getattr(found, field.name))
    return row


def component_rows(parts: dict[str, Estimate], quantity: str, unit: str) -> list[Row]:
    """One row per component: its path and the value with its bounds."""
    return [
        {"component": name} | bounded(f"{quantity}_{unit}", part) for name, part in parts.items()
    ]


def bounded(name: str, found: Estimate | None) -> Row:
    """Value, lower and upper bound: `energy_j`, `energy_low_j`, `energy_high_j`; None for nothing.

    name: ends in one of UNITS.
    """
    unit = next(unit for unit in UNITS if name.endswith(unit))
    stem = name.removesuffix(unit)
    names = {"value": name, "low": f"{stem}_low{unit}", "high": f"{stem}_high{unit}"}
    return {key: getattr(found, bound, None) for bound, key in names.items()}


def mapping_text(mapping: dict[str, Any]) -> str:
    """`tile m 128, n 4,096; order nm; scratchpad 2.10 MB`: a mapping in one line.

    Empty parts are left out; `_bytes` and `_cycles` at the end of a key are units.
    """
    parts = (_mapping_part(key, value) for key, value in mapping.items() if _says_something(value))
    return "; ".join(parts).replace(SPACE, " ")


def _says_something(value: Any) -> bool:
    return value is not None and value not in ("", [], {}, ())


def _mapping_part(key: str, value: Any) -> str:
    words = key.replace("_", " ")
    if isinstance(value, int) and not isinstance(value, bool):
        if key.endswith("_bytes"):
            return f"{words.removesuffix(' bytes')} {si(value, 'B')}"
        if key.endswith("_cycles"):
            return f"{words.removesuffix(' cycles')} {value:,} cycles"
    return f"{words} {_value_text(value)}"


def _value_text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_value_text(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_value_text(item) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def csv_text(rows: Iterable[Row]) -> str:
    """Rows with the same keys as CSV with a header line; empty without rows."""
    rows = list(rows)
    if not rows:
        return ""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def operator_frame(result: Result) -> pd.DataFrame:
    """`operator_rows` as a pandas DataFrame; raises CyclelabError without pandas."""
    return frame(operator_rows(result))


def frame(rows: list[Row]) -> pd.DataFrame:
    """Rows as a pandas DataFrame; raises CyclelabError without pandas."""
    try:
        import pandas as pd
    except ImportError:
        raise CyclelabError(
            "a DataFrame needs pandas, which is not installed: pip install 'cyclelab[analysis]'"
        ) from None
    return pd.DataFrame(rows)
