"""Other packages: one that is installed and used, and those that do something wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import simulator as sim
from simulator.cli import main
from simulator.config import CyclelabError, plugins
from simulator.explore.sweep.options import Options
from simulator.explore.sweep.points import key_of
from simulator.explore.sweep.run import plan_all
from tests.explore.clusters import running
from tests.explore.sweeps import made, small, written

ROOT = Path(__file__).parent.parent
EXAMPLE = ROOT / "examples" / "bit_serial"
EXPERIMENT = """
name: products
machine: bit_serial_npu
workload:
  imported: {importer: products, file: layers.products}
  precision: {weights: int4, activations: int8}
"""
PRODUCTS = "# of a layer\nup = 64 x 128 x 256\ndown = 64 x 256 x 128\n"
SWEEP = (
    small(axes="  n: {key: workload.gemms.0.n, values: [16, 32]}\n")
    .replace("gemmini_16x16", "bit_serial_npu")
    .replace("weights: int8", "weights: int4")
)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the example package, installed as pip does."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("target")
    shutil.copytree(EXAMPLE, source / "example")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--target", str(target), str(source / "example")], check=True)
    return target


def cyclelab(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python(installed, folder, "-m", "simulator.cli", *arguments)


def python(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(ROOT), str(installed)])
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_a_package_adds_is_listed_with_its_origin(installed: Path, tmp_path: Path) -> None:
    listed = cyclelab(installed, tmp_path, "list").stdout.splitlines()
    shown = (ROOT / "docs" / "plugins.md").read_text("utf-8")
    names = []
    for line in listed:
        if line.endswith("(cyclelab-bit-serial 0.1)"):
            assert f"\n{line}\n" in shown
            names.append(line.split()[0])
    assert sorted(names) == ["bit_serial_grid", "bit_serial_npu", "ddr4-3200-cl24", "products"]


def test_unit_machine_and_importer_are_run(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "layers.products").write_text(PRODUCTS)
    (tmp_path / "products.yaml").write_text(EXPERIMENT)
    ran = cyclelab(installed, tmp_path, "run", "products.yaml", "--output", "out", "--no-plots")
    assert ran.returncode == 0, ran.stderr
    result = (tmp_path / "out" / "result.json").read_text()
    assert '"package cyclelab-bit-serial 0.1"' in result
    priced = cyclelab(installed, tmp_path, "cost", "bit_serial_grid")
    assert "bit_serial_grid 16×16" in priced.stdout
    device = cyclelab(installed, tmp_path, "cost", "ddr4-3200-cl24")
    assert device.returncode == 0, device.stderr
    (tmp_path / "layers.products").write_text(PRODUCTS + "up is 64 wide\n")
    wrong = cyclelab(installed, tmp_path, "run", "products.yaml")
    assert wrong.returncode == 2
    assert "layers.products:4: found 'up is 64 wide', expected name = M x N x K" in wrong.stderr


@pytest.mark.slow
def test_the_contract_runs_on_the_package(installed: Path, tmp_path: Path) -> None:
    """The suite over five units; it takes ten seconds of CPU."""
    shutil.copy(EXAMPLE / "test_contract.py", tmp_path)
    ran = python(installed, tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert ran.returncode == 0, ran.stdout
    assert " passed" in ran.stdout


def test_workers_have_it_too(installed: Path, tmp_path: Path) -> None:
    sweep = written(tmp_path, SWEEP)
    ran = cyclelab(installed, tmp_path, "sweep", sweep, "--store", "s.sqlite", "--workers", "2")
    assert ran.returncode == 0, ran.stderr
    assert "2 points: 2 done" in ran.stdout


@pytest.mark.slow
def test_workers_of_a_cluster_have_it_or_say_so(installed: Path, tmp_path: Path) -> None:
    """Two Dask clusters of real processes, which take seconds to start."""
    sweep = written(tmp_path, SWEEP)
    paths = os.pathsep.join([str(ROOT), str(installed)])
    (tmp_path / "with").mkdir()
    with running(tmp_path / "with", PYTHONPATH=paths) as cluster:
        cluster.add()
        ran = cyclelab(installed, tmp_path, "sweep", sweep, "--scheduler", cluster.address)
    assert ran.returncode == 0, ran.stderr
    assert "2 points: 2 done" in ran.stdout
    (tmp_path / "without").mkdir()
    arguments = ("sweep", sweep, "--store", "other.sqlite")
    with running(tmp_path / "without") as cluster:
        cluster.add()
        ran = cyclelab(installed, tmp_path, *arguments, "--scheduler", cluster.address)
    assert ran.returncode == 2
    assert "it is not the point that was checked here" in ran.stderr
    assert "unknown matrix unit kind 'bit_serial_grid'" in ran.stderr


# -- packages that do something wrong -------------------------------------------------
Package = Callable[..., None]


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Package]:
    """Makes packages: a name, a module's text, and entry points by group."""

    def make(name: str, module: str, **groups: str) -> None:
        folder = tmp_path / f"site_{name}"
        info = folder / f"{name}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        lines = [f"[cyclelab.{group}]\n{entry}\n" for group, entry in groups.items()]
        (info / "entry_points.txt").write_text("\n".join(lines))
        (folder / f"{name}.py").write_text(module)
        monkeypatch.syspath_prepend(folder)
        plugins.plugins.cache_clear()

    yield make
    plugins.plugins.cache_clear()
    for name in [each for each in sys.modules if each.startswith("outside_")]:
        del sys.modules[name]


UNIT = "from simulator.hardware.systolic_array import SystolicArray as Unit\n"


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main([*arguments]) == 0
    return capsys.readouterr().out


def test_a_package_that_fails_breaks_nothing_else(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    package("outside_broken", "import nowhere\n", matrix_units="broken = outside_broken:Unit")
    words = (
        "'broken' of the package outside_broken 1.2 cannot be loaded from outside_broken:Unit: "
        "ModuleNotFoundError: No module named 'nowhere'"
    )
    assert f"broken           {words}" in printed(capsys, "list", "units")
    assert sim.gemm(8, 8, 8, "gemmini_16x16").cycles > 0
    with pytest.raises(CyclelabError, match=r"core.matrix_units.0: 'broken' of the package outs"):
        sim.gemm(8, 8, 8, "gemmini_16x16", {"machine.core.matrix_units": [{"kind": "broken"}]})
    assert main(["cost", "broken"]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("Unit = 3\n", "is no matrix unit kind: found 3, expected a class derived from MatrixUnit"),
        ("def Unit(: pass\n", "SyntaxError"),
        ("Other = 3\n", "AttributeError"),
        (
            "from simulator.hardware.matrix_unit import MatrixUnit\nclass Unit(MatrixUnit): pass\n",
            "expected spec_type, a class derived from MatrixUnitSpec",
        ),
        (
            "from simulator.hardware.matrix_unit import MatrixUnit, MatrixUnitSpec\n"
            "class Unit(MatrixUnit): spec_type = MatrixUnitSpec\n",
            "it lacks accumulator_format, actions, compute",
        ),
    ],
)
def test_what_is_no_unit_is_said(
    module: str, message: str, package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    package("outside_wrong", module, matrix_units="wrong = outside_wrong:Unit")
    listed = printed(capsys, "list", "units")
    assert "'wrong' of the package outside_wrong 1.2 " in listed and message in listed


def test_names_of_ours_and_names_of_two_packages_are_refused(
    package: Package, capsys: pytest.CaptureFixture[str]
) -> None:
    entries = "systolic_array = outside_{0}:Unit\nboth = outside_{0}:Unit"
    for name in ("one", "two"):
        package(f"outside_{name}", UNIT, matrix_units=entries.format(name))
    listed = printed(capsys, "list", "units")
    assert "'systolic_array' of outside_two 1.2, outside_one 1.2 is not used: the name is" in listed
    assert "'both' is of several packages: outside_two 1.2, outside_one 1.2" in listed
    assert sim.gemm(8, 8, 8, "gemmini_16x16").cycles > 0


def test_presets_of_a_package_do_not_hide_ours(
    package: Package, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    package("outside_data", "", presets="data = outside_data")
    folder = tmp_path / "site_outside_data"
    (folder / "outside_data.py").unlink()
    machines = folder / "outside_data" / "configs" / "machines"
    machines.mkdir(parents=True)
    (machines / "gemmini_16x16.yaml").write_text("name: theirs\n")
    (machines / "wide.yaml").write_text("extends: gemmini_16x16\ndescription: wider\n")
    (machines / "spoilt.yaml").write_text("a: [\n")
    listed = printed(capsys, "list", "machines")
    assert "machine 'gemmini_16x16' of outside_data 1.2 is not used: the name is" in listed
    assert "wider (outside_data 1.2)" in listed
    assert "spoilt.yaml:2: " in listed
    assert sim.gemm(8, 8, 8, "gemmini_16x16").name == sim.gemm(8, 8, 8, "wide").name


IMPORTER = """
def read(path):
    return {}
"""


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("[]", "gave no list of GemmSpec for a.txt"),
        ("['a']", "gave no list of GemmSpec for a.txt"),
        ("1 / 0", "failed on a.txt: ZeroDivisionError: division by zero"),
    ],
)
def test_an_importer_that_fails_is_named(
    returned: str,
    message: str,
    package: Package,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package("outside_reads", IMPORTER.format(returned), importers="theirs = outside_reads:read")
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("x")
    workload: dict[str, Any] = {"imported": {"importer": "theirs", "file": "a.txt"}}
    experiment = {"name": "x", "machine": "gemmini_16x16", "workload": workload}
    with pytest.raises(CyclelabError, match=f"'theirs' of the package outside_reads 1.2 {message}"):
        sim.run(experiment)
    workload["imported"]["importer"] = "thers"
    with pytest.raises(CyclelabError, match=r"unknown importer 'thers'; .* mean 'theirs'"):
        sim.run(experiment)


def test_the_key_of_a_point_changes_with_the_code_of_a_package(
    package: Package, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = small(axes="  workload.name: [a]\n").replace(
        "gemms: [{name: gemm, m: 16, n: 32, k: 64}]",
        f"imported: {{importer: theirs, file: {tmp_path / 'layers.any'}}}",
    )
    (tmp_path / "layers.any").write_text("one")
    code = IMPORTER.format("[]")
    package("outside_reads", code, importers="theirs = outside_reads:read")
    keys = [key(text)]
    (tmp_path / "layers.any").write_text("another")
    keys.append(key(text))
    (tmp_path / "site_outside_reads" / "outside_reads.py").write_text(code + "# changed\n")
    plugins.code_digest.cache_clear()
    keys.append(key(text))
    assert len(set(keys)) == 3


def key(text: str) -> bytes:
    sweep = made(text)
    experiment = sweep.experiment((0,))
    assert experiment is not None
    assert plan_all(sweep, Options()).keys == [key_of(experiment)]
    return key_of(experiment)
