"""Runs the examples of a page, and says what the page ought to show.

`console` blocks hold `$ cyclelab …` commands with what they print; a comment above,
`<!-- lines: 1-9, 14 -->`, shows some lines of one command's output. `pycon` blocks
are Python sessions, `python` blocks are executed. Blocks of YAML that begin with
`# name.yaml` are the files that the commands find in their folder.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from simulator.cli import main
from tests.docs.pages import ROOT, Block, blocks

GAP = "…"
COMPILING = "compiling the DRAM kernel"


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Work in a folder that looks like the checkout to whoever runs an experiment."""
    before = Path.cwd()
    for name in ("configs", "workloads"):
        if not (folder / name).exists():
            (folder / name).symlink_to(ROOT / name)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def expected(page: Path, folder: Path) -> Iterator[tuple[Block, str]]:
    """Every runnable block of a page with the text that it should have."""
    write_files(page, folder)
    names: dict[str, Any] = {}
    with working_in(folder):
        for block in blocks(page, "console", "pycon", "python"):
            if block.language == "console":
                yield block, session(block)
            elif block.language == "pycon":
                yield block, python_session(block.text, names)
            else:
                with contextlib.redirect_stdout(io.StringIO()):
                    exec(compile(block.text, str(page), "exec"), names)
                yield block, block.text


def write_files(page: Path, folder: Path) -> None:
    """Write the files that a page shows."""
    for block in blocks(page, "yaml", "csv"):
        if block.file_name:
            (folder / block.file_name).write_text(block.text, "utf-8")


def commands(block: Block) -> list[str]:
    """Commands after `$ `, with the lines they continue on."""
    found: list[str] = []
    for line in block.text.splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif found and found[-1].endswith("\\"):
            found[-1] += "\n" + line
    return found


def session(block: Block) -> str:
    """A `console` block as it should be."""
    text = ""
    for command in commands(block):
        printed = [line.rstrip() for line in run(command).rstrip("\n").splitlines()]
        if block.marker.startswith("lines:"):
            printed = chosen(printed, block.marker.removeprefix("lines:"))
        text += "\n".join([f"$ {command}", *printed]) + "\n"
    return text


def run(command: str) -> str:
    """What a `cyclelab` command prints, messages included."""
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    assert program == "cyclelab", command
    printed = _printed(arguments)
    # Said once, by whoever is the first to need the kernel.
    return _printed(arguments) if printed.startswith(COMPILING) else printed


def _printed(arguments: list[str]) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        main(arguments)
    return printed.getvalue()


def chosen(lines: list[str], ranges: str) -> list[str]:
    """Some of the lines, `1-9, 14`, and a mark where others are left out."""
    shown: list[str] = []
    last = 0
    for entry in ranges.split(","):
        first, _, end = entry.strip().partition("-")
        if int(first) > last + 1:
            shown.append(GAP)
        last = int(end or first)
        shown += lines[int(first) - 1 : last]
    return [*shown, GAP] if last < len(lines) else shown


def python_session(text: str, names: dict[str, Any]) -> str:
    """A `pycon` block as it should be; it goes on with the names of those before it."""
    shown = ""
    for example in doctest.DocTestParser().get_examples(text):
        first, *others = example.source.splitlines()
        shown += "\n".join([f">>> {first}", *(f"... {line}".rstrip() for line in others)]) + "\n"
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(example.source, "<example>", "single"), names)
        shown += "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())
    return shown
