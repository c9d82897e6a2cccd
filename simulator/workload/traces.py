"""Request traces: prompt and output lengths of real services."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Literal

from pydantic import Field

from simulator.config import ConfigError, Spec
from simulator.config.files import display_path
from simulator.workload.csv_table import CsvRow
from simulator.workload.model import Count

TraceFormat = Literal["azure", "vidur"]

COLUMNS: dict[TraceFormat, tuple[str, str]] = {
    "azure": ("contexttokens", "generatedtokens"),
    "vidur": ("num_prefill_tokens", "num_decode_tokens"),
}
"""Columns of prompt and output tokens, in lower case."""
ARRIVALS = ("timestamp", "arrived_at")
"""Columns that say when a request arrived, in lower case."""

MAX_LINE_CHARACTERS = 65536
MAX_REQUESTS = 100_000
"""Requests that one batch may have."""


class TraceSpec(Spec):
    """A batch of `requests` consecutive requests of a trace, from number `offset` on.

    All start together: arrival times don't matter for a batch. skip_too_long:
    leave out requests that the model's context cannot hold, instead of stopping.
    """

    file: str
    format: Literal["azure", "vidur", "auto"] = "auto"
    requests: Annotated[int, Field(ge=1, le=MAX_REQUESTS)]
    offset: Count = 0
    skip_too_long: bool = False


@dataclass(frozen=True, slots=True)
class TraceRequest:
    """Tokens of a prompt, tokens generated for it, and the line that says so.

    arrived: when, as the trace has it: a date and time, or seconds.
    """

    prompt_tokens: int
    generated_tokens: int
    line: int
    arrived: str = ""

    @property
    def decode_steps(self) -> int:
        """Passes behind the prefill, which has generated the first token."""
        return self.generated_tokens - 1


def read_trace(path: Path, format_name: str = "auto") -> Iterator[TraceRequest]:
    """Yield the requests of a CSV file, gzip-compressed or not, one by one.

    format_name: `azure` (TIMESTAMP, ContextTokens, GeneratedTokens), `vidur`
    (arrived_at, num_prefill_tokens, num_decode_tokens), or `auto` to go by the
    header. Raises ConfigError with file and line for whatever is wrong.
    """
    label = display_path(path)
    with _opened(path) as file:
        reader = csv.reader(_lines(file, label))
        header = [cell.strip().lower() for cell in next(reader, [])]
        prompt, generated = _columns(header, format_name, label)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            named = zip(header, (cell.strip() for cell in cells), strict=False)
            row = CsvRow(dict(named), label, reader.line_num)
            arrived = next((row.cells[name] for name in ARRIVALS if name in row.cells), "")
            yield TraceRequest(row.size(prompt), row.size(generated), row.line, arrived)


def trace_requests(
    spec: TraceSpec, path: Path, max_context: int, max_decode_steps: int | None = None
) -> list[TraceRequest]:
    """Return `spec.requests` requests of a trace, from number `spec.offset` on.

    max_context: tokens that the model holds; max_decode_steps: where decoding
    stops early. Raises ConfigError if the trace has fewer requests, or if one is
    too long and `skip_too_long` is off.
    """
    chosen: list[TraceRequest] = []
    for request in islice(read_trace(path, spec.format), spec.offset, None):
        steps = request.decode_steps
        if max_decode_steps is not None and steps > max_decode_steps:
            steps = max_decode_steps
        tokens = request.prompt_tokens + steps
        if tokens <= max_context:
            chosen.append(replace(request, generated_tokens=steps + 1))
        elif not spec.skip_too_long:
            raise ConfigError(
                f"the request grows to {tokens:,} tokens, but the model takes at most "
                f"{max_context:,}; set skip_too_long to leave out such requests",
                file=display_path(path),
                line=request.line,
            )
        if len(chosen) == spec.requests:
            return chosen
    raise ConfigError(
        f"only {len(chosen)} requests to be had from number {spec.offset} on, "
        f"expected {spec.requests}",
        file=display_path(path),
    )


def _columns(header: list[str], format_name: str, label: str) -> tuple[str, str]:
    for name, columns in COLUMNS.items():
        if format_name in ("auto", name) and set(columns) <= set(header):
            return columns
    found = ", ".join(header)[:200] or "none"
    wanted = [
        ", ".join(columns) for name, columns in COLUMNS.items() if format_name in ("auto", name)
    ]
    raise ConfigError(
        f"the header has columns {found}; expected {' or '.join(wanted)}",
        file=label,
        line=1,
    )


def _lines(file: IO[str], label: str) -> Iterator[str]:
    number = 0
    while line := file.readline(MAX_LINE_CHARACTERS):
        number += 1
        if len(line) == MAX_LINE_CHARACTERS:
            raise ConfigError("the line is too long for a trace", file=label, line=number)
        yield line


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """Open as text, decompressing; what goes wrong while reading is a ConfigError."""
    label = display_path(path)
    try:
        opener = gzip.open if path.suffix.lower() == ".gz" else open
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            yield file
    except UnicodeDecodeError:
        raise ConfigError("the file is not UTF-8 text", file=label) from None
    except (OSError, EOFError, csv.Error) as error:
        raise ConfigError(f"cannot read the trace: {error}", file=label) from None
