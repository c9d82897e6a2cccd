"""Requests in the midst of decoding: the length of each, and where its KV cache lies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from simulator.config import ConfigError, Spec
from simulator.workload.csv_table import CsvRow, CsvTable
from simulator.workload.model import Size
from simulator.workload.phases import Request

LENGTH, CHANNEL = "seq_len", "ch_idx"
"""Columns, in lower case, as NeuPIMs' published traces have them."""


class RunningSpec(Spec):
    """A file with a request per line: `seq_len`, and `ch_idx` if it is to be used.

    seq_len: tokens that attention sees when the next token is decoded, with that one.
    channels: `listed` puts requests on the memory channels of the file, `mapped` leaves
        it to the mapping.
    requests: only so many, from the first on. repeat: each of them so many times over.
    """

    file: str
    channels: Literal["listed", "mapped"] = "mapped"
    requests: Size | None = None
    repeat: Annotated[int, Field(ge=1, le=1024)] = 1


def running_requests(
    spec: RunningSpec, path: Path, max_context: int, decode_steps: int
) -> list[Request]:
    """The requests of a file; raises ConfigError with file and line for what is wrong."""
    table = CsvTable.load(path)
    table.require([LENGTH, CHANNEL] if spec.channels == "listed" else [LENGTH], [CHANNEL])
    rows = table.rows[: spec.requests]
    if spec.requests is not None and len(rows) < spec.requests:
        raise ConfigError(f"only {len(rows)} requests, expected {spec.requests}", file=table.file)
    found = [_request(row, spec, max_context, decode_steps) for row in rows]
    return found * spec.repeat


def _request(row: CsvRow, spec: RunningSpec, max_context: int, decode_steps: int) -> Request:
    length = row.size(LENGTH)
    final = length + decode_steps - 1
    if final > max_context:
        raise ConfigError(
            f"the request has {length:,} tokens and grows to {final:,}, but the model takes at "
            f"most {max_context:,}",
            file=row.file,
            line=row.line,
        )
    channel = None
    if spec.channels == "listed":
        cell = row.cells.get(CHANNEL, "")
        if not (cell.isascii() and cell.isdecimal() and len(cell) < 10):
            raise ConfigError(
                f"{CHANNEL}: found {cell[:40]!r}, expected the number of a channel",
                file=row.file,
                line=row.line,
            )
        channel = int(cell)
    return Request(0, length - 1, decode_steps, channel)
