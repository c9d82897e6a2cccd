"""The discrete-event core: runs a program and says where the time went.

`run_program` is loaded on first use, so that reading records costs no SimPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from simulator.engine.record import Execution, OperatorRecord

if TYPE_CHECKING:
    from simulator.engine.errors import DeadlockError, InvariantError
    from simulator.engine.run import run_program

__all__ = ["DeadlockError", "Execution", "InvariantError", "OperatorRecord", "run_program"]


def __getattr__(name: str) -> Any:
    """Load what needs SimPy or the configuration when it is asked for."""
    if name == "run_program":
        from simulator.engine.run import run_program

        return run_program
    if name in ("DeadlockError", "InvariantError"):
        from simulator.engine import errors

        return getattr(errors, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
