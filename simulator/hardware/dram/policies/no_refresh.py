"""No refresh: for experiments; no real device keeps its data like that."""

from __future__ import annotations

from simulator.hardware.dram.policies.registry import Policy, register

NO_REFRESH = register(Policy("refresh", "none", 0, "no refresh at all"))
