"""Staggered refresh: one scope (a rank) after the other, each once per interval.

While a refresh waits for its scope to be closed, requests to others go on.
"""

from __future__ import annotations

from simulator.hardware.dram.kernel.jit import compiled
from simulator.hardware.dram.policies.registry import Policy, register

STAGGERED = register(Policy("refresh", "staggered", 3, "REFab to the scopes in turn"))


@compiled
def staggered_next(scope: int, scopes: int) -> int:
    """The scope after this one."""
    return (scope + 1) % scopes
