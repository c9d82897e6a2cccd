import pytest

from simulator.report.result import Result
from tests.report.factory import make_result


@pytest.fixture(scope="session")
def result() -> Result:
    """Two prefill/decode phases of a four-layer model: small, but with every feature."""
    return make_result(layers=4, decode_steps=2)
