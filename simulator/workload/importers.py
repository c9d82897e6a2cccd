"""Files of other programs as lists of GEMMs: importers by name, ours and those of packages."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pydantic import field_validator

from simulator.config import CyclelabError, Spec, plugins
from simulator.config.files import display_path
from simulator.config.plugins import Registry
from simulator.workload.gemms import GemmSpec, load_gemms
from simulator.workload.topology import load_topology

Importer = Callable[[Path], Sequence[GemmSpec]]
"""Reads a file; raises CyclelabError, with its line, for whatever is wrong."""


class ImportedSpec(Spec):
    """A file that an importer reads. importer: its name (`cyclelab list importers`)."""

    importer: str
    file: str

    @field_validator("importer")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in IMPORTERS:
            raise ValueError(IMPORTERS.unknown(name))
        return name


def _check_importer(name: str, importer: Any) -> None:
    if not callable(importer):
        raise ValueError(f"found {importer!r}, expected a function of a path")


IMPORTERS: Registry[Importer] = Registry("importer", plugins.IMPORTERS, _check_importer)
IMPORTERS.add("gemms", load_gemms)
IMPORTERS.add("topology", load_topology)


def import_gemms(name: str, path: Path) -> tuple[GemmSpec, ...]:
    """What an importer makes of a file.

    name: of one that there is. Raises CyclelabError for what it says is wrong, and if it fails.
    """
    importer = IMPORTERS[name]
    plugin = IMPORTERS.plugin(name)
    try:
        gemms = tuple(importer(path))
    except CyclelabError:
        raise
    except Exception as error:
        if plugin is None:
            raise
        first = (str(error).strip() or "no message").splitlines()[0]
        what = f"failed on {display_path(path)}: {type(error).__name__}: {first}"
        raise plugin.error(what) from None
    if plugin is not None and not (gemms and all(isinstance(each, GemmSpec) for each in gemms)):
        raise plugin.error(f"gave no list of GemmSpec for {display_path(path)}")
    return gemms
