"""`iterations.csv` and `requests.csv`, and the same as rows for JSON and DataFrames."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from simulator.cost.estimate import Estimate
from simulator.report.serving.result import RequestRecord, ServingResult
from simulator.report.tables import Row, bounded, frame

if TYPE_CHECKING:
    import pandas as pd


def iteration_rows(result: ServingResult) -> list[Row]:
    """One flat row per iteration."""
    rows = []
    for number, each in enumerate(result.iterations):
        row: Row = {"iteration": number}
        for field in fields(each):
            value = getattr(each, field.name)
            row |= (
                bounded(field.name, value) if isinstance(value, Estimate) else {field.name: value}
            )
        rows.append(row)
    return rows


def request_rows(result: ServingResult) -> list[Row]:
    """One flat row per request that has been admitted."""
    names = [field.name for field in fields(RequestRecord)]
    return [{name: getattr(request, name) for name in names} for request in result.requests]


def iteration_frame(result: ServingResult) -> pd.DataFrame:
    """`iteration_rows` as a pandas DataFrame; raises CyclelabError without pandas."""
    return frame(iteration_rows(result))
