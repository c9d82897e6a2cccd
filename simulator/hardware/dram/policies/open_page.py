"""Open page: a row stays open until another row of its bank, or a refresh, needs it closed."""

from __future__ import annotations

from simulator.hardware.dram.policies.registry import Policy, register

OPEN_PAGE = register(Policy("page", "open", 0, "rows stay open"))
