"""Errors of a simulation."""

from __future__ import annotations

from simulator.config import CyclelabError


class DeadlockError(CyclelabError):
    """Commands are left, and nothing can happen any more."""


class InvariantError(CyclelabError):
    """A law that every run obeys was broken: a defect of the mapping or of the engine."""
