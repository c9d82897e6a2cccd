"""The pages of the documentation, and the fenced blocks on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "workloads").glob("*/*.md")]
)

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
MARKER = re.compile(r"<!-- (.*?) -->\n\Z")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.M)
NAME_OF_FILE = re.compile(r"# (\S+\.(?:yaml|csv))\n")


@dataclass(frozen=True)
class Block:
    """A fenced block. marker: the HTML comment on the line above; start, end: of its text."""

    language: str
    text: str
    marker: str
    start: int
    end: int

    @property
    def file_name(self) -> str | None:
        """The name in its first line, `# name.yaml`, if it is a file for the commands to use."""
        found = NAME_OF_FILE.match(self.text)
        return found.group(1) if found else None


def blocks(page: Path, *languages: str) -> Iterator[Block]:
    """Blocks of a page in these languages, in order."""
    text = page.read_text("utf-8")
    for match in FENCE.finditer(text):
        if match.group(1) in languages:
            marker = MARKER.search(text, 0, match.start())
            yield Block(
                match.group(1),
                match.group(2),
                marker.group(1) if marker else "",
                match.start(2),
                match.end(2),
            )


def prose(page: Path) -> str:
    """The text of a page without its fenced blocks."""
    return FENCE.sub("", page.read_text("utf-8"))


def links(page: Path) -> list[str]:
    """Targets of links and pictures that are not on the web."""
    targets = [a or b for a, b in LINK.findall(prose(page))]
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(page: Path) -> set[str]:
    """What `page.md#…` may point at: headings as GitHub writes them."""
    found: set[str] = set()
    for heading in HEADING.findall(prose(page)):
        plain = re.sub(r"[^\w\- ]", "", heading.lower().replace("`", ""))
        found.add(plain.strip().replace(" ", "-"))
    return found
