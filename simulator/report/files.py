"""What `--output DIR` writes, and reading `result.json` back."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from simulator.config import CyclelabError
from simulator.report.result import Result
from simulator.report.serialise import from_dict, plain, to_json
from simulator.report.tables import component_rows, csv_text, operator_rows, phase_rows
from simulator.report.timeline import trace_json

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ImageFormat = Literal["png", "svg"]
PICTURES = (
    "overview",
    "time_by_operator",
    "energy_by_operator",
    "energy_by_component",
    "roofline",
    "energy_roofline",
    "timeline",
    "utilisation",
    "area_by_component",
)


def write_outputs(
    result: Result,
    directory: str | Path,
    plots: bool = True,
    formats: Sequence[ImageFormat] = ("png", "svg"),
) -> list[Path]:
    """Write everything about a result into `directory`, which is made if missing.

    result.json, operators.csv, phases.csv, energy.csv, area.csv,
    configuration.yaml, timeline.json (for ui.perfetto.dev), the plots in every
    one of `formats`, and report.html. Each file is written whole or not at all.
    Returns the paths, in that order. Raises CyclelabError if it cannot write.
    """
    return write_all(directory, _contents(result, plots, formats))


def read_result(path: str | Path) -> Result:
    """Read a `result.json`, or the directory that holds one; raises CyclelabError."""
    file = Path(path)
    if file.is_dir():
        file = file / "result.json"
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise CyclelabError(f"cannot read {file}: {error.strerror or error}") from None
    except ValueError as error:
        raise CyclelabError(f"{file} is not a result.json: {error}") from None
    try:
        return from_dict(document)
    except CyclelabError as error:
        raise CyclelabError(f"{file}: {error}") from None


def _contents(
    result: Result, plots: bool, formats: Sequence[ImageFormat]
) -> Iterator[tuple[str, bytes]]:
    """File names with their bytes, made one after the other."""
    configuration = configuration_yaml(result)
    texts = {
        "result.json": to_json(result),
        "operators.csv": csv_text(operator_rows(result)),
        "phases.csv": csv_text(phase_rows(result)),
        "energy.csv": csv_text(component_rows(result.energy_by_component, "energy", "j")),
        "area.csv": csv_text(component_rows(result.area_by_component, "area", "mm2")),
        "configuration.yaml": configuration,
        "timeline.json": trace_json(result),
    }
    for name, text in texts.items():
        yield name, text.encode()
    pictures: dict[str, str] = {}
    if plots:
        for name, image_format, content in _pictures(result, formats):
            if image_format == "svg":
                pictures[name] = content.decode()
            if image_format in formats:
                yield f"{name}.{image_format}", content

    from simulator.report.page import report_page

    yield "report.html", report_page(result, pictures, configuration).encode()


def _pictures(
    result: Result, formats: Sequence[ImageFormat]
) -> Iterator[tuple[str, ImageFormat, bytes]]:
    """Every picture in the formats asked for, and in SVG, which the page shows."""
    from simulator.report import plots
    from simulator.report.plots.style import image

    wanted: tuple[ImageFormat, ...] = tuple(dict.fromkeys((*formats, "svg")))
    for name in PICTURES:
        figure: Any = getattr(plots, f"plot_{name}")(result)
        for image_format in wanted:
            yield name, image_format, image(figure, image_format)


def configuration_yaml(result: Result) -> str:
    """The resolved configuration as YAML, with its hash and the version in a comment."""
    import yaml

    body = yaml.safe_dump(plain(result.configuration), sort_keys=False, allow_unicode=True)
    return f"# resolved by cyclelab {result.version}, hash {result.configuration_hash}\n{body}"


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


def write_all(directory: str | Path, contents: Iterable[tuple[str, bytes]]) -> list[Path]:
    """Write files by name into `directory`, which is made if missing.

    Returns the paths, in that order. Raises CyclelabError if it cannot write.
    """
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for name, content in contents:
            write_atomically(folder / name, content)
            written.append(folder / name)
    except OSError as error:
        reason = error.strerror or str(error)
        raise CyclelabError(f"cannot write the results to {folder}: {reason}") from None
    return written


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target and rename, so that no reader sees half a file; raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        # mkstemp makes private files; results are as readable as the user's others.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
