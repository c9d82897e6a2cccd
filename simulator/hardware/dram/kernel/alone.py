"""One process at a time compiles: others wait, and then find its code on disk.

Without, workers that start together would each compile the same for a minute.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from numba.core.compiler_lock import global_compiler_lock


class FolderLock:
    """The lock of a folder of compiled code; a process that holds it may take it again.

    It ends with its process, however that ends. Where files cannot be locked (Windows, some
    network file systems), everybody compiles.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / "lock"
        self._depth = 0

    def around(self, compile_: Callable[..., Any]) -> Callable[..., Any]:
        """`compile_`, called by one process at a time."""

        def one_at_a_time(*arguments: Any) -> Any:
            with self._held():
                return compile_(*arguments)

        return one_at_a_time

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        # numba's lock comes first: it keeps this process's other threads out.
        with global_compiler_lock, contextlib.ExitStack() as stack:
            if not self._depth:
                self._take(stack)
            self._depth += 1
            stack.callback(self._leave)
            yield

    def _leave(self) -> None:
        self._depth -= 1

    def _take(self, stack: contextlib.ExitStack) -> None:
        if sys.platform == "win32":
            return
        import fcntl

        with contextlib.suppress(OSError):
            file = stack.enter_context(self._path.open("w"))
            fcntl.flock(file, fcntl.LOCK_EX)
