"""What the documentation shows is what happens.

After a change of the model, `python -m tests.docs.update` writes the new outputs;
read them before they are committed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator.cli import build_parser
from simulator.commands import COMMANDS
from tests.docs.examples import commands, expected
from tests.docs.pages import PAGES, ROOT, blocks, prose


def label(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def has_examples(page: Path) -> bool:
    return any(blocks(page, "console", "pycon", "python"))


@pytest.mark.parametrize("page", [page for page in PAGES if has_examples(page)], ids=label)
def test_examples_print_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for block, text in expected(page, tmp_path):
        assert block.text == text


def named_commands(page: Path) -> Iterator[str]:
    """Arguments of `cyclelab` in shell blocks and in inline code."""
    for block in blocks(page, "console"):
        yield from (command.removeprefix("cyclelab ") for command in commands(block))
    lines = [line for block in blocks(page, "bash") for line in block.text.splitlines()]
    for line in lines:
        yield from re.findall(r"(?:^|[/\s])cyclelab ([^&|]+)", line)
    yield from re.findall(r"`cyclelab ([^`]+)`", prose(page))


def test_every_command_that_is_named_can_be_given() -> None:
    named = [command for page in PAGES for command in named_commands(page)]
    assert named
    for command in named:
        words = shlex.split(command.replace("\\\n", " "))
        if len(words) > 1:
            build_parser().parse_args(words)
        else:
            assert words[0] in (*COMMANDS, "…", "--help")
