"""Functions that the kernel only has inlined, for tests that call them by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def from_python(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with a way in from Python, which it has not of its own."""

    def call(*arguments: Any) -> Any:
        return function(*arguments)

    compiled: Callable[..., Any] = numba.njit(call)
    return compiled
