"""The wheel: complete, and at home outside the checkout."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = ("simulator", "configs", "workloads")
FILES = ("setup.cfg", "pyproject.toml", "MANIFEST.in", "LICENSE", "README.md")


def files_below(folder: Path) -> set[str]:
    """Paths of the files below `folder`, as they are called relative to it."""
    return {
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources, so that building leaves nothing in the checkout."""
    copy = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", ".*")
    for folder in SOURCES:
        shutil.copytree(ROOT / folder, copy / folder, ignore=ignored)
    for file in FILES:
        if (ROOT / file).exists():
            shutil.copy(ROOT / file, copy / file)
    return copy


def build_wheel(source: Path, target: Path) -> zipfile.ZipFile:
    """The wheel of a source tree or source distribution."""
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(target)]
    if int(version("setuptools").split(".")[0]) >= 77:
        command.append("--no-build-isolation")
    subprocess.run([*command, str(source)], check=True)
    (file,) = target.glob("*.whl")
    return zipfile.ZipFile(file)


@pytest.fixture(scope="module")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel built from `tree`."""
    return build_wheel(tree, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_module(tree: Path, wheel: zipfile.ZipFile) -> None:
    modules = {f"simulator/{name}" for name in files_below(tree / "simulator")}
    # Stands for the data in the checkout; the data itself takes its place.
    modules.remove("simulator/data/__init__.py")
    assert "simulator/config/loader.py" in modules
    assert "simulator/py.typed" in modules
    assert not modules - set(wheel.namelist())


def test_the_wheel_holds_every_data_file(tree: Path, wheel: zipfile.ZipFile) -> None:
    data = {f"{folder}/{n}" for folder in SOURCES[1:] for n in files_below(tree / folder)}
    assert data
    packed = "simulator/data/"
    found = {name.removeprefix(packed) for name in wheel.namelist() if name.startswith(packed)}
    assert found == data


def test_the_wheel_holds_nothing_else(wheel: zipfile.ZipFile) -> None:
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert top == {"simulator", f"cyclelab-{version_in_source()}.dist-info"}


def test_a_source_distribution_builds_the_same_wheel(
    tree: Path, wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    program = "from setuptools.build_meta import build_sdist; import sys; build_sdist(sys.argv[1])"
    command = [sys.executable, "-c", program, str(tmp_path)]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    (source,) = tmp_path.glob("*.tar.gz")
    assert set(build_wheel(source, tmp_path).namelist()) == set(wheel.namelist())


def test_metadata(wheel: zipfile.ZipFile) -> None:
    info = f"cyclelab-{version_in_source()}.dist-info"
    metadata = wheel.read(f"{info}/METADATA").decode().splitlines()
    assert "License-Expression: Apache-2.0" in metadata
    assert "Requires-Python: >=3.11" in metadata
    assert {"Provides-Extra: analysis", "Provides-Extra: test"} <= set(metadata)
    assert "cyclelab = simulator.cli:main" in wheel.read(f"{info}/entry_points.txt").decode()
    assert b"Apache License" in wheel.read(f"{info}/licenses/LICENSE")


def test_an_installed_wheel_finds_its_data_by_name(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    site, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    wheel.extractall(site)
    elsewhere.mkdir()
    program = (
        "import json, simulator\n"
        "from simulator.config import KINDS, find, list_presets\n"
        "found = {k: {n: str(find(k, n)) for n in list_presets(k)} for k in KINDS}\n"
        "print(json.dumps([simulator.__file__, found]))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=elsewhere,
        env={"PYTHONPATH": str(site)},
        check=True,
        capture_output=True,
        text=True,
    )
    package, found = json.loads(answer.stdout)
    assert Path(package).is_relative_to(site)
    files = {file for presets in found.values() for file in presets.values()}
    assert files
    assert all(Path(file).is_relative_to(site / "simulator/data") for file in files)
    for kind, presets in found.items():
        assert set(presets) == set(names_in_checkout(kind))


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {file.parent for file in (ROOT / "simulator").rglob("*.py")}
    assert not [folder for folder in folders if not (folder / "__init__.py").exists()]


def names_in_checkout(kind: str) -> list[str]:
    from simulator.config import list_presets

    return list_presets(kind)


def version_in_source() -> str:
    import simulator

    return simulator.__version__
