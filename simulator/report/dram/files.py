"""What `cyclelab dram --output DIR` writes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from simulator.config import CyclelabError
from simulator.report.dram.document import to_json
from simulator.report.dram.result import TraceRun
from simulator.report.files import write_all, write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ImageFormat = Literal["png", "svg"]


def write_outputs(run: TraceRun, directory: str | Path, plots: bool = True) -> list[Path]:
    """Write result.json and the pictures into `directory`, which is made if missing.

    Returns the paths, in that order. Raises CyclelabError if it cannot write.
    """
    return write_all(directory, _contents(run, plots))


def write_picture(run: TraceRun, path: Path) -> None:
    """Draw the activity of banks into a file; raises CyclelabError if it cannot be written."""
    from simulator.report.plots.bank_activity import plot_bank_activity

    write_figure(plot_bank_activity(run), path)


def write_figure(figure: Figure, path: Path) -> None:
    """A figure into a file, by its ending; raises CyclelabError if it cannot be written."""
    from simulator.report.plots.style import image

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, image(figure, picture_format(path)))
    except OSError as error:
        raise CyclelabError(f"cannot write {path}: {error.strerror or error}") from None


def picture_format(path: Path) -> ImageFormat:
    """The format that a file's ending asks for; raises CyclelabError for others."""
    for kind in get_args(ImageFormat):
        if path.suffix.lower() == f".{kind}":
            return kind  # type: ignore[no-any-return]
    raise CyclelabError(f"--picture: {path.name!r} is neither .png nor .svg")


def _contents(run: TraceRun, plots: bool) -> Iterator[tuple[str, bytes]]:
    yield "result.json", to_json(run).encode()
    if not plots:
        return
    from simulator.report.plots.bank_activity import plot_bank_activity
    from simulator.report.plots.latency import plot_latency
    from simulator.report.plots.style import image

    for name, plot in (("bank_activity", plot_bank_activity), ("latency", plot_latency)):
        figure = plot(run)
        for kind in get_args(ImageFormat):
            yield f"{name}.{kind}", image(figure, kind)
