"""An importer: products as lines of `name = M x N x K`."""

from __future__ import annotations

import re
from pathlib import Path

from simulator.config import ConfigError
from simulator.config.files import display_path, read_text
from simulator.workload import GemmSpec

LINE = re.compile(r"(?P<name>[\w.]+)\s*=\s*(?P<m>\d+)\s*x\s*(?P<n>\d+)\s*x\s*(?P<k>\d+)")


def read_products(path: Path) -> list[GemmSpec]:
    """Products, one a line, `name = M x N x K`; empty lines and those with # are left out.

    Raises ConfigError with file and line.
    """
    found = []
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None or not all(int(match[size]) for size in "mnk"):
            raise ConfigError(
                f"found {line.strip()[:40]!r}, expected name = M x N x K",
                file=display_path(path),
                line=number,
            )
        sizes = {size: int(match[size]) for size in "mnk"}
        found.append(GemmSpec(name=match["name"], **sizes))
    return found
