"""The discrete-event core: runs a program and says where the time went.

`run_program` is loaded on first use, so that reading records costs no SimPy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.engine.record import Execution, OperatorRecord
from simulator.lazy import loader

if TYPE_CHECKING:
    from simulator.engine.errors import DeadlockError, InvariantError
    from simulator.engine.run import run_program

__all__ = ["DeadlockError", "Execution", "InvariantError", "OperatorRecord", "run_program"]

_HOME = {"run_program": "run", "DeadlockError": "errors", "InvariantError": "errors"}
__getattr__ = loader(__name__, _HOME)
