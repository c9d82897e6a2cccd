"""Brings the documentation up to date: `python -m tests.docs.update [PAGE …]`.

Runs the examples of the pages (all of them by default) and writes what they print;
without pages, also executes the notebooks and draws the picture of the README.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import simulator
from tests.docs.examples import expected
from tests.docs.pages import PAGES, ROOT
from tests.notebooks.notebooks import NOTEBOOKS, execute, write

PICTURES = {"llama2_7b_on_tpu": ROOT / "docs" / "images" / "llama2_7b_on_tpu.png"}


def update_page(page: Path) -> None:
    """Put the outputs of a page's examples in place."""
    text = page.read_text("utf-8")
    with tempfile.TemporaryDirectory() as folder:
        changes = list(expected(page, Path(folder)))
    for block, shown in reversed(changes):
        text = text[: block.start] + shown + text[block.end :]
    page.write_text(text, "utf-8")


def main(names: list[str]) -> None:
    """Update the named pages, or everything."""
    for page in [Path(name).resolve() for name in names] or PAGES:
        print(page.relative_to(ROOT))
        update_page(page)
    if names:
        return
    for script in NOTEBOOKS:
        print(script.relative_to(ROOT))
        write(script, execute(script))
    for experiment, file in PICTURES.items():
        simulator.plot(simulator.run(experiment)).savefig(file)


if __name__ == "__main__":
    main(sys.argv[1:])
