"""What is counted as an operation."""

from __future__ import annotations

OPERATIONS_PER_MAC = 2
"""A multiplication and an addition."""
