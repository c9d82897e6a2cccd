"""Measures cyclelab against its speed bars: `python benchmarks/run.py [PATTERN …]`.

Every job is a process of its own; CPU time is user plus system time, the median
of several runs after a warm-up. Nothing is stored: each table is measured now.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import date
from fnmatch import fnmatch
from pathlib import Path

from compare import SIZES, compare_gemm
from jobs import Job, Sizes, jobs
from measure import REPOSITORY, ChildError, run_child, run_repeatedly

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "RESULTS.md"
BEGIN, END = "<!-- measured: written by run.py -->", "<!-- end of what was measured -->"


def main() -> int:
    """Measure, print the tables, write them if asked for; 1 if a job failed or missed its bar."""
    parser = _parser()
    options = parser.parse_args()
    if options.write and options.patterns:
        parser.error(f"{RESULTS.name} holds all jobs: --write goes without patterns")
    chosen = [job for job in jobs(Sizes()) if _matches(job.name, options.patterns)]
    if options.list:
        print("\n".join(job.name for job in chosen))
        return 0
    measured = [_measure(job, options) for job in chosen]
    sections = [_bars(measured), _rates(measured)]
    if not options.patterns:
        sections += [_stages(options.limit), _peer(options)]
    text = "\n\n".join([_where_and_when(), *filter(None, sections)]) + "\n"
    print(f"\n{text}")
    if options.write and not any(row.error for row in measured):
        _write(text)
    return int(any(row.failed for row in measured))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("patterns", nargs="*", metavar="PATTERN", help="jobs, such as '*GEMM*'")
    parser.add_argument("--list", action="store_true", help="name the jobs, run nothing")
    parser.add_argument("--repeats", type=int, help="runs per job instead of its own number")
    parser.add_argument("--limit", type=int, default=120, metavar="S", help="CPU seconds per job")
    parser.add_argument(
        "--write", action="store_true", help=f"update {RESULTS.name} unless a job failed"
    )
    parser.add_argument(
        "--scalesim", metavar="PYTHON", help="an interpreter that has scalesim, to compare with"
    )
    return parser


def _matches(name: str, patterns: list[str]) -> bool:
    return not patterns or any(fnmatch(name, f"*{pattern}*") for pattern in patterns)


# -- measuring ---------------------------------------------------------------------


class Measured:
    """A job with what was measured: CPU seconds (None: stopped), spread, memory, rate."""

    def __init__(self, job: Job, options: argparse.Namespace) -> None:
        self.job = job
        self.limit_s: int = options.limit
        self.error = ""
        self.cpu_s: float | None = None
        self.spread_s: float | None = None
        self.peak_bytes = 0
        self.rate = 0.0
        try:
            runs, middle = run_repeatedly(
                job.arguments, options.repeats or job.repeats, options.limit
            )
        except ChildError as error:
            self.error = str(error)
            return
        self.cpu_s, self.peak_bytes = middle.cpu_s, middle.peak_bytes
        times = [run.cpu_s for run in runs if run.cpu_s is not None]
        if len(times) > 1:
            self.spread_s = (max(times) - min(times)) / 2
        if job.rate and middle.cpu_s is not None:
            report = json.loads(middle.output.splitlines()[-1])
            self.rate = report["count"] / report["seconds"]

    @property
    def failed(self) -> bool:
        """It ended with an error, or stayed not below its bars."""
        bar_s, bar_bytes = self.job.bar_s, self.job.bar_bytes
        late = bar_s is not None and (self.cpu_s is None or self.cpu_s >= bar_s)
        return bool(self.error) or late or (bar_bytes is not None and self.peak_bytes >= bar_bytes)


def _measure(job: Job, options: argparse.Namespace) -> Measured:
    print(f"{job.name} …", end=" ", file=sys.stderr, flush=True)
    measured = Measured(job, options)
    print(measured.error or _seconds(measured), file=sys.stderr)
    return measured


# -- tables ------------------------------------------------------------------------


def _bars(measured: list[Measured]) -> str:
    rows = []
    for each in measured:
        if each.job.rate:
            continue
        bar_s, bar_bytes = each.job.bar_s, each.job.bar_bytes
        bar = "–" if bar_s is None else f"< {bar_s:g} s"
        if bar_bytes is not None:
            bar += f", < {bar_bytes / 1e6:,.0f} MB"
        share = "–"
        if bar_s is not None and each.cpu_s is not None:
            share = f"{each.cpu_s / bar_s:.2f}"
        verdict = " **missed**" if each.failed else ""
        spread = "–" if each.spread_s is None else f"±{each.spread_s:.2f}"
        peak = f"{each.peak_bytes / 1e6:,.0f}"
        rows.append((each.job.name, _seconds(each), spread, peak, bar, share + verdict))
    return _table(("job", "CPU s", "spread", "peak MB", "bar", "of the bar"), rows)


def _seconds(each: Measured) -> str:
    if each.error:
        return "failed"
    return f"> {each.limit_s} (stopped)" if each.cpu_s is None else f"{each.cpu_s:.2f}"


def _rates(measured: list[Measured]) -> str:
    rows = [
        (each.job.name, "failed" if each.error else f"{_rounded(each.rate)} {each.job.rate}")
        for each in measured
        if each.job.rate
    ]
    return _table(("inside", "per CPU second"), rows) if rows else ""


def _rounded(rate: float) -> str:
    """Three significant digits, in thousands or millions where it helps."""
    for size, word in ((1e6, " M"), (1e3, " k")):
        if rate >= size:
            return f"{rate / size:.3g}{word}"
    return f"{rate:.3g}"


def _stages(limit_s: int) -> str:
    run = run_child((str(HERE / "stages.py"),), limit_s)
    stages: dict[str, float] = json.loads(run.output.splitlines()[-1])
    total = sum(stages.values())
    rows = [(name, f"{s:.2f}", f"{s / total:.0%}") for name, s in stages.items()]
    rows.append(("all", f"{total:.2f}", ""))
    return _table(("default example, stage", "CPU s", "share"), rows)


def _peer(options: argparse.Namespace) -> str:
    """GEMMs in SCALE-Sim and here, if there is an interpreter that has it."""
    if options.scalesim is None:
        return ""
    rows = []
    for size, array in SIZES:
        found = compare_gemm(size, array, options.scalesim, options.limit)
        theirs = "stopped" if found.peer_s is None else f"{found.peer_s:.1f}"
        ratio = "–" if found.peer_s is None else f"{found.peer_s / found.own_s:.1f}×"
        rows.append(
            (
                f"{size}³ on {array}×{array}",
                f"{theirs} → {found.own_s:.2f} ({ratio})",
                "–" if found.peer_cycles is None else f"{found.peer_cycles:,}",
                f"{found.array_cycles:,}",
                f"{found.machine_cycles:,}",
            )
        )
    times = "CPU s, SCALE-Sim → cyclelab"
    cycles = ("its cycles", "our array", "our machine")
    return _table(("GEMM, weight stationary", times, *cycles), rows)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) + ("---:",) * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


# -- where and when ----------------------------------------------------------------


def _where_and_when() -> str:
    return (
        f"{date.today().isoformat()}, commit {_commit()}: {_cpu()}, {os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}."
    )


def _commit() -> str:
    def git(*arguments: str) -> str:
        found = subprocess.run(
            ("git", "-C", str(REPOSITORY), *arguments), capture_output=True, text=True
        )
        return found.stdout.strip()

    changed = " with changes" if git("status", "--porcelain", "--", "simulator") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def _write(text: str) -> None:
    """Put the tables between the marks of RESULTS.md; the words around them stay."""
    page = RESULTS.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    RESULTS.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
    print(f"wrote {RESULTS}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
