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

from simulator.hardware.dram.kernel.alone import FolderLock

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
"""Functions called from Python, or rarely; all others are inlined into them, and cannot be
called from Python."""
AROUND_ENTRIES = ("_serve", "_bring", "_look_ahead", "_next_end", "_submit")
"""Functions that call the loop, inlined before they are compiled: each would be with all of it."""
FOLDER_VARIABLE = "CYCLELAB_CACHE_DIR"


def compiled(function: FunctionT) -> FunctionT:
    """`function`, compiled on first use and kept on disk."""
    before = CONFIG.CACHE_DIR
    CONFIG.CACHE_DIR = str(cache_folder())
    try:
        inline = function.__name__ not in ENTRIES
        early = "always" if function.__name__ in AROUND_ENTRIES else "never"
        made: Any = NJIT(
            cache=not inline, _nrt=False, error_model="numpy", forceinline=inline, inline=early,
            no_cpython_wrapper=inline, no_cfunc_wrapper=True,
        )(function)  # fmt: skip
    finally:
        CONFIG.CACHE_DIR = before
    if not CONFIG.DISABLE_JIT:
        _take_constants_as_numbers(made)
        if not inline:
            made.compile = _lock().around(made.compile)
    return cast(FunctionT, made)


def _take_constants_as_numbers(dispatcher: Any) -> None:
    """Have a function compiled once, not once for each constant that it is called with."""
    by_types = dispatcher.get_call_template

    def get_call_template(arguments: Any, keywords: Any) -> Any:
        return by_types(tuple(map(numba.types.unliteral, arguments)), keywords)

    dispatcher.get_call_template = get_call_template


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


@cache
def _lock() -> FolderLock:
    return FolderLock(cache_folder())


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
