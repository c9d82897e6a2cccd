"""Contracts as suites for pytest, for parts of ours and of other packages."""

from __future__ import annotations

try:
    import hypothesis as hypothesis
    import pytest
except ImportError as error:
    raise ImportError(f"simulator.testing: {error}: pip install pytest hypothesis") from None

pytest.register_assert_rewrite("simulator.testing.matrix_units")
