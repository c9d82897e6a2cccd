"""Cost: technology tables with sources; area from structures, energy from action counts.

Names are loaded on first use, so that `Estimate` alone costs no pydantic. The
functions stand in the modules `area` and `energy`, which share their names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.lazy import loader

if TYPE_CHECKING:
    from simulator.cost.estimate import ZERO, Estimate
    from simulator.cost.load import load_technology, technology_from
    from simulator.cost.spec import TechnologySpec
    from simulator.cost.technology import Technology

_HOME = {
    "ZERO": "estimate",
    "Estimate": "estimate",
    "TechnologySpec": "spec",
    "Technology": "technology",
    "load_technology": "load",
    "technology_from": "load",
}

__all__ = [
    "ZERO",
    "Estimate",
    "Technology",
    "TechnologySpec",
    "load_technology",
    "technology_from",
]

__getattr__ = loader(__name__, _HOME)
