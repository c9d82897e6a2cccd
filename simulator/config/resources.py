"""Where the data shipped with cyclelab lies, and how it is found by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from simulator.config.errors import ConfigError, nearest
from simulator.config.files import display_path
from simulator.config.plugins import PRESETS, Plugin, plugins

PACKAGE_FOLDER = Path(__file__).resolve().parent.parent

SUFFIXES = (".yaml", ".yml", ".json", ".csv", ".csv.gz", ".txt", ".txt.gz")
"""Endings of data files, which make a name a path."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of shipped data: what one is called, and its folder below the root.

    may_be_outside: other packages may have some. Only where a resolved configuration holds
    what is in the file, so that it tells results of different files apart.
    """

    noun: str
    folder: str
    may_be_outside: bool = False


KINDS = {
    "machines": Kind("machine", "configs/machines", True),
    "technologies": Kind("technology", "configs/technologies", True),
    "experiments": Kind("experiment", "configs/experiments", True),
    "dram": Kind("DRAM device", "configs/dram", True),
    "sram_arrays": Kind("SRAM-PIM array", "configs/sram_pim/arrays", True),
    "sram_latencies": Kind("latency table", "configs/sram_pim/latencies"),
    "comparisons": Kind("comparison", "configs/comparisons", True),
    "sweeps": Kind("sweep", "configs/sweeps", True),
    "published": Kind("study", "configs/published"),
    "models": Kind("model", "workloads/models"),
    "gemms": Kind("GEMM list", "workloads/gemms"),
    "traces": Kind("trace", "workloads/traces"),
    "lengths": Kind("distribution of lengths", "workloads/lengths"),
    "dram_traces": Kind("DRAM trace", "workloads/dram"),
}


@cache
def data_root() -> Path:
    """Return the folder that holds `configs/` and `workloads/`.

    In a checkout it is the one that holds the package; a wheel carries copies.
    """
    checkout = PACKAGE_FOLDER.parent
    is_checkout = (checkout / "setup.cfg").is_file() and (checkout / "configs").is_dir()
    return checkout if is_checkout else PACKAGE_FOLDER / "data"


def list_presets(kind: str) -> list[str]:
    """Return the names of the data of `kind` (a key of `KINDS`), sorted: shipped, and of other
    packages."""
    return sorted({*_presets(kind), *_outside(kind)})


def preset_origin(kind: str, name: str) -> str | None:
    """The package that a preset is of, None if it is shipped."""
    given = () if name in _presets(kind) else _outside(kind).get(name, ())
    return ", ".join(plugin.origin for plugin, _ in given) or None


def refused_presets(kind: str) -> list[str]:
    """Presets that packages may not call so, in words."""
    own = _presets(kind)
    return [
        f"{KINDS[kind].noun} {name!r} of {plugin.origin} is not used: the name is cyclelab's own"
        for name, given in _outside(kind).items()
        if name in own
        for plugin, _ in given
    ]


def find(kind: str, name: str | Path, relative_to: Path | None = None) -> Path:
    """Return the file that `name` means where data of `kind` is expected.

    name: the name of a preset, or a path: anything with a separator or one of
        `SUFFIXES`. A path is tried below `relative_to` (the referring file or its
        folder), then below the current folder, then beside the presets.
    Raises ConfigError with the nearest name if there is no such preset or file.
    """
    text = str(name)
    if _is_path(text):
        return find_file(text, relative_to, data_root() / KINDS[kind].folder)
    presets = _presets(kind)
    if text in presets:
        return presets[text]
    noun = KINDS[kind].noun
    given = _outside(kind).get(text, ())
    if len(given) == 1:
        return given[0][1]
    if given:
        packages = ", ".join(plugin.origin for plugin, _ in given)
        raise ConfigError(f"the {noun} preset {text!r} is in several packages: {packages}")
    if Path(text).is_dir():
        expected = "the name of one or the path of a file"
        raise ConfigError(f"{text!r} is a folder and no {noun} preset, expected {expected}")
    names = list_presets(kind)
    raise ConfigError(
        f"no {noun} preset is called {text!r}; known: {', '.join(names) or 'none'}",
        found=text,
        expected=f"a {noun} preset or the path of a file",
        nearest=nearest(text, names),
    )


def _presets(kind: str) -> dict[str, Path]:
    if kind not in KINDS:
        raise ConfigError(
            f"no kind of preset is called {kind!r}; known: {', '.join(KINDS)}",
            nearest=nearest(kind, KINDS),
        )
    return _files(data_root() / KINDS[kind].folder)


def _outside(kind: str) -> dict[str, tuple[tuple[Plugin, Path], ...]]:
    """By name, presets in folders of other packages that are laid out as ours."""
    found: dict[str, tuple[tuple[Plugin, Path], ...]] = {}
    if not KINDS[kind].may_be_outside:
        return found
    for plugin in (each for given in plugins(PRESETS).values() for each in given):
        root = plugin.folder()
        for name, path in _files(root / KINDS[kind].folder).items() if root else ():
            found[name] = (*found.get(name, ()), (plugin, path))
    return found


def _files(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        return {}
    return _listed(folder, folder.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _listed(folder: Path, changed_ns: int) -> dict[str, Path]:
    """Presets of a folder by name; it changes when one comes or goes. Not to be changed."""
    names = {entry: _stem(entry.name) for entry in folder.iterdir() if entry.is_file()}
    return {name: entry for entry, name in sorted(names.items()) if name is not None}


def _stem(file_name: str) -> str | None:
    for suffix in sorted(SUFFIXES, key=len, reverse=True):
        if file_name.endswith(suffix) and len(file_name) > len(suffix):
            return file_name.removesuffix(suffix)
    return None


def _is_path(text: str) -> bool:
    return "/" in text or "\\" in text or text.lower().endswith(SUFFIXES)


def find_file(
    name: str | Path, relative_to: Path | None = None, beside: Path | None = None
) -> Path:
    """Return the file at a path.

    The path is tried below `relative_to` (the referring file or its folder), then below the
    current folder, then below `beside`. Raises ConfigError, with a similar name, if there is none.
    """
    path = Path(name).expanduser()
    folders = [Path(), *([beside] if beside is not None else [])]
    if relative_to is not None and not path.is_absolute():
        folders.insert(0, relative_to if relative_to.is_dir() else relative_to.parent)
    candidates = [folder / path for folder in folders]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    # Reading the first candidate later would fail; say so now, with a similar name.
    first = candidates[0]
    if first.is_dir():
        raise ConfigError("is a folder, expected a file", file=display_path(first))
    names = []
    for candidate in candidates:
        if candidate.parent.is_dir():
            names += [display_path(e) for e in sorted(candidate.parent.iterdir()) if e.is_file()]
    near = nearest(display_path(first), names)
    raise ConfigError("no such file", file=display_path(first), found=str(path), nearest=near)
