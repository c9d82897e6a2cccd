"""NeuPIMs' throughput: the page shows what the study finds, for the smallest batch."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.config import find, load_document, validate
from simulator.published.claims import StudySpec, findings
from simulator.published.finding import Finding
from simulator.published.table import markdown

PAGE = Path(__file__).parent.parent.parent / "docs" / "published.md"
OTHERS = "GPT3-"
"""In the names of cases of larger models."""


@pytest.fixture(scope="module")
def found() -> list[Finding]:
    spec = validate(StudySpec, load_document(find("published", "neupims_throughput")))
    cases = tuple(c for c in spec.cases if ", 64" in c.name and OTHERS not in c.name)
    return findings(spec.model_copy(update={"cases": cases}))


def test_the_page_shows_what_is_found(found: list[Finding]) -> None:
    rows = markdown(found).splitlines()[2:]
    assert len(rows) == 6
    page = PAGE.read_text("utf-8")
    assert [row for row in rows if row not in page] == []


def test_every_system_is_set_beside_another(found: list[Finding]) -> None:
    """Attention in the memory is faster than on the NPU, whose bound is the KV cache."""
    ratios = {(each.case, each.unit): each.ours for each in found}
    alone = ratios["NPU, 64", "per NeuPIMs, 64"]
    single = ratios["one row buffer, 64", "per NeuPIMs, 64"]
    assert alone > single > 1
    assert ratios["NPU, 64, for one row buffer", "per one row buffer, 64"] == pytest.approx(
        alone / single
    )
