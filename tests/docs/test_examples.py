"""What the documentation shows is what happens.

After a change of the model, `python -m tests.docs.update` writes the new outputs;
read them before they are committed.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from simulator.cli import build_parser
from tests.docs.examples import expected
from tests.docs.pages import PAGES, ROOT, blocks

SHELL = ("bash", "console", "sh")


def label(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def has_examples(page: Path) -> bool:
    return any(blocks(page, "console", "pycon", "python"))


@pytest.mark.parametrize("page", filter(has_examples, PAGES), ids=label)
def test_examples_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for block, text in expected(page, tmp_path):
        assert block.text == text


def test_every_command_that_is_named_can_be_given() -> None:
    named = 0
    for page in PAGES:
        for block in blocks(page, *SHELL):
            for line in block.text.replace("\\\n", " ").splitlines():
                _, found, rest = line.partition("cyclelab ")
                if found and not line.startswith("#"):
                    build_parser().parse_args(shlex.split(rest, comments=True))
                    named += 1
    assert named
