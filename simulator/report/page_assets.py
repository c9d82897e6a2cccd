"""The frame of pages: style sheet and script, inlined so that each page is one file."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --muted: #66727e; --grid: #dde3e8;
  --paper: #f5f7f9; --card: #ffffff; --accent: #0072b2; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaee; --muted: #98a4b0;
  --grid: #36414c; --paper: #14191e; --card: #1c2329; --accent: #56b4e9; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif; }
main { max-width: 1240px; margin: 0 auto; padding: 2.2rem 1.4rem 4rem; }
h1 { font-size: 1.75rem; margin: 0; letter-spacing: -.01em; }
h2 { font-size: 1.12rem; margin: 2.4rem 0 .7rem; }
p { margin: .5rem 0; max-width: 95ch; }
.muted, footer { color: var(--muted); }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr));
  gap: .7rem; margin: 1.4rem 0; }
.card, figure, .scroll, details { background: var(--card); border: 1px solid var(--grid);
  border-radius: 10px; }
.card { padding: .7rem .85rem; }
.card span { display: block; color: var(--muted); font-size: .82rem; }
.card b { display: block; font-size: 1.25rem; font-weight: 620; white-space: nowrap; }
.card small { color: var(--muted); }
figure { margin: 1rem 0; padding: .6rem; overflow-x: auto; }
figure svg { display: block; width: 100%; height: auto; min-width: 620px; }
figure svg text { font-family: system-ui, -apple-system, "Segoe UI", sans-serif !important; }
figcaption { color: var(--muted); font-size: .82rem; margin: .2rem .4rem .1rem; max-width: 95ch; }
.two { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr));
  gap: 0 1rem; align-items: start; }
.two figure { margin-top: 0; }
.two figure svg { min-width: 380px; }
.scroll { overflow-x: auto; margin-bottom: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .86rem;
  font-variant-numeric: tabular-nums; }
th, td { padding: .34rem .55rem; text-align: left; white-space: nowrap; }
th { color: var(--muted); font-weight: 600; border-bottom: 1px solid var(--grid); }
tbody tr + tr td { border-top: 1px solid color-mix(in srgb, var(--grid) 55%, transparent); }
tbody tr:hover { background: color-mix(in srgb, var(--accent) 8%, transparent); }
.n { text-align: right; }
.sortable th { cursor: pointer; user-select: none; }
.sortable th[aria-sort]::after { content: " ↓"; color: var(--accent); }
.sortable th[aria-sort="ascending"]::after { content: " ↑"; }
.operators td:nth-child(8) { min-width: 130px; text-align: left; }
.bar { display: flex; height: .8em; min-width: 1px; border-radius: 2px; overflow: hidden; }
.bar i { display: block; }
.legend { font-size: .82rem; color: var(--muted); display: flex; flex-wrap: wrap; gap: 1rem;
  margin: .5rem 0; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin-right: .4em; vertical-align: -.05em; }
details { padding: .7rem 1rem; margin-bottom: .8rem; }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; margin: .6rem 0;
  font: .82rem/1.5 ui-monospace, Menlo, Consolas, monospace; }
footer { margin-top: 2.5rem; font-size: .82rem; overflow-wrap: anywhere; }
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells], body = table.tBodies[0];
  heads.forEach((head, column) => head.addEventListener("click", () => {
    const sign = head.getAttribute("aria-sort") === "descending" ? 1 : -1;
    heads.forEach(h => h.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    const key = row => row.cells[column].dataset.v ?? row.cells[column].textContent;
    const order = (a, b) => {
      const x = key(a), y = key(b);
      return isNaN(x) || isNaN(y) ? x.localeCompare(y) : x - y;
    };
    body.append(...[...body.rows].sort((a, b) => sign * order(a, b)));
  }));
}
"""


def page(title: str, sections: Iterable[str], style: str = "") -> str:
    """A whole page of some sections of markup. style: more style sheet than the common one."""
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{''.join(sections)}\n</main>\n<script>{SCRIPT}</script>\n"
        "</body>\n</html>\n"
    )


def cards(found: Iterable[tuple[str, str, str]]) -> str:
    """Boxes with a name, a value and a note each."""
    body = "".join(
        f'<div class="card"><span>{escape(name)}</span><b>{escape(value)}</b>'
        f"<small>{escape(note)}</small></div>"
        for name, value, note in found
    )
    return f'<div class="cards">{body}</div>'


def details(title: str, body: str) -> str:
    """Markup that is folded away below its title."""
    return f"<details><summary>{escape(title)}</summary>{body}</details>\n"
