"""Compilation of the kernel's functions, cached on disk under a hash of their sources.

numba's own cache looks at one source file only; a function that calls into another
file would be stale when that file changes. So the folder of the cache carries a hash
of all of them.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
CONFIG: Any = numba.config
NJIT: Any = numba.njit
"""Without reference counts (`_nrt`): nothing is allocated, and counting is atomic and slow."""
ENTRIES = (
    "run",
    "submit",
    "pass_stretches",
    "parse",
    "pim_next",
    "issue_for_pim",
    "submit_run",
    "select",
    "_record",
    "go_on",
    "ended",
)
"""Functions called from Python, or rarely; all others are inlined into them."""
FOLDER_VARIABLE = "CYCLELAB_CACHE_DIR"


def compiled(function: FunctionT) -> FunctionT:
    """`function`, compiled on first use and kept on disk."""
    before = CONFIG.CACHE_DIR
    CONFIG.CACHE_DIR = str(cache_folder())
    try:
        inline = function.__name__ not in ENTRIES
        options = {"_nrt": False, "error_model": "numpy", "forceinline": inline}
        made: Any = NJIT(cache=not inline, **options)(function)
    finally:
        CONFIG.CACHE_DIR = before
    return cast(FunctionT, made)


@cache
def cache_folder() -> Path:
    """Folder of this version's compiled code, in the user's cache or a temporary folder."""
    sources = sorted(Path(__file__).parent.parent.rglob("*.py"))
    digest = hashlib.sha256(numba.__version__.encode())
    digest.update(str(Path(__file__).parent).encode())  # numba's cache is of files at their places
    for source in sources:
        if source.parent.name in ("kernel", "policies") or source.name == "names.py":
            digest.update(source.read_bytes())
    name = f"kernel-{digest.hexdigest()[:16]}"
    for base in _bases():
        folder = base / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            return folder
    return Path(tempfile.mkdtemp(prefix="cyclelab-"))


def is_compiled() -> bool:
    """Whether the command loop is in the cache already (or compilation is off)."""
    if CONFIG.DISABLE_JIT:
        return True
    return any(cache_folder().rglob("loop.*.nbc"))


def _bases() -> list[Path]:
    named = os.environ.get(FOLDER_VARIABLE)
    home = os.environ.get("XDG_CACHE_HOME")
    if sys.platform == "win32":
        home = os.environ.get("LOCALAPPDATA")
    user = Path(home) if home else Path.home() / ".cache"
    return [*([Path(named)] if named else []), user / "cyclelab"]
