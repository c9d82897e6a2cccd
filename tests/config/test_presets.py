"""Finding shipped data by name, and documents that build on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.config import (
    KINDS,
    ConfigError,
    apply_overrides,
    find,
    list_presets,
    load_document,
    load_preset,
    parse_document,
    resolve_preset,
    resources,
)

TPU = """\
name: tpu
cores: 2
core:
  units:
    - {rows: 128, columns: 128}
  dma: {outstanding: 4}
  clock_hz: {value: 940e6, source: data sheet}
"""


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shipped data of the test's own, and an empty current folder beside it."""
    root = tmp_path / "root"
    machines, models = root / "configs/machines", root / "workloads/models"
    for folder in (machines / "tables", models, tmp_path / "here"):
        folder.mkdir(parents=True)
    (machines / "tpu.yaml").write_text(TPU)
    (machines / "big_tpu.yaml").write_text("extends: tpu\nname: big\ncore: {dma: {depth: 9}}\n")
    (machines / "README.md").write_text("no preset")
    (machines / "tables/part.yaml").write_text("no: preset")
    (models / "llama-3.1-8b.json").write_text("{}")
    (models / "trace.csv.gz").write_bytes(b"")
    monkeypatch.setattr(resources, "data_root", lambda: root)
    monkeypatch.chdir(tmp_path / "here")
    return root


def message(kind: str, name: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_preset(kind, name)
    return str(caught.value)


def test_presets_are_listed_by_file_name() -> None:
    assert list_presets("machines") == ["big_tpu", "tpu"]
    assert list_presets("models") == ["llama-3.1-8b", "trace"]
    assert list_presets("traces") == []
    with pytest.raises(ConfigError, match="did you mean 'machines'"):
        list_presets("machine")


def test_a_name_is_a_preset_even_with_dots_in_it(root: Path) -> None:
    assert find("models", "llama-3.1-8b") == root / "workloads/models/llama-3.1-8b.json"


def test_a_path_starts_at_the_referring_file_then_at_the_current_folder(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    there.mkdir()
    (there / "m.yaml").write_text("a: there")
    assert find("machines", "m.yaml", there) == there / "m.yaml"
    assert find("machines", "m.yaml", there / "experiment.yaml") == there / "m.yaml"
    (here / "n.yaml").write_text("a: here")
    assert find("machines", "./n.yaml", there).read_text() == "a: here"
    assert find("machines", there / "m.yaml") == there / "m.yaml"


def test_wrong_names_and_paths_name_the_nearest(tmp_path: Path) -> None:
    assert message("machines", "tpuu") == (
        "no machine preset is called 'tpuu'; known: big_tpu, tpu; did you mean 'tpu'?"
    )
    assert "known: none" in message("traces", "azure")
    (tmp_path / "here/mine.yaml").write_text("a: 1")
    assert message("machines", "mime.yaml") == (
        "mime.yaml: no such file; did you mean 'mine.yaml'?"
    )
    assert message("machines", "no/such.yaml") == "no/such.yaml: no such file"
    (tmp_path / "here/sub").mkdir()
    assert message("machines", "./sub") == "sub: is a folder, expected a file"
    folder = " is a folder and no machine preset, expected the name of one or the path of a file"
    assert message("machines", "sub") == f"'sub'{folder}"
    assert message("machines", ".") == f"'.'{folder}"
    assert "no such file" in message("machines", "../\0/x.yaml")
    assert "no machine preset" in message("machines", "")
    assert "no such file" in message("machines", "~nobody/x.yaml")


def test_a_preset_that_extends_another(root: Path) -> None:
    document = load_preset("machines", "big_tpu")
    assert document.data == {
        "name": "big",
        "cores": 2,
        "core": {
            "units": [{"rows": 128, "columns": 128}],
            "dma": {"outstanding": 4, "depth": 9},
            "clock_hz": 940e6,
        },
    }
    assert document.marks["core", "dma", "outstanding"][0].endswith("machines/tpu.yaml")
    assert document.marks["core", "dma", "depth"][0].endswith("machines/big_tpu.yaml")
    assert document.sources["core", "clock_hz"].source == "data sheet"


def test_a_name_where_a_mapping_is_wanted() -> None:
    document = parse_document("model: x\nmachine: tpu\n", "e.yaml")
    resolved = resolve_preset(document, ("machine",), "machines")
    assert resolved.data["machine"] == load_preset("machines", "tpu").data
    assert resolved.data["model"] == "x"
    assert resolve_preset(document, ("nothing",), "machines") == document


def test_a_mapping_that_extends_a_preset(tmp_path: Path) -> None:
    text = "machine:\n  extends: big_tpu\n  core: {units: [{rows: 8}]}\n"
    (tmp_path / "here/e.yaml").write_text(text)
    resolved = resolve_preset(load_document("e.yaml"), ("machine",), "machines")
    core = resolved.data["machine"]["core"]
    assert core["units"] == [{"rows": 8}]
    assert core["dma"] == {"outstanding": 4, "depth": 9}
    assert "extends" not in resolved.data["machine"]
    assert resolved.marks["machine", "core", "units"] == ("e.yaml", 3)
    assert resolved.marks["machine", "name"][0].endswith("machines/big_tpu.yaml")


def test_indices_over_a_list_change_its_items() -> None:
    text = "machine: {extends: tpu, core: {units: {0: {rows: 64}}}}\n"
    resolved = resolve_preset(parse_document(text), ("machine",), "machines")
    assert resolved.data["machine"]["core"]["units"] == [{"rows": 64, "columns": 128}]
    text = "machine: {extends: tpu, core: {units: {1: {rows: 64}}}}\n"
    with pytest.raises(ConfigError, match="no item '1' in the list, expected an index of 0 to 0"):
        resolve_preset(parse_document(text), ("machine",), "machines")


def test_settings_reach_through_the_name_of_a_preset() -> None:
    document = parse_document("machine: tpu\n", "e.yaml")
    settings = ["machine.core.units.0.rows=64", "machine.cores=1"]
    machine = resolve_preset(apply_overrides(document, settings), ("machine",), "machines")
    assert machine.data["machine"]["core"]["units"] == [{"rows": 64, "columns": 128}]
    assert machine.data["machine"]["cores"] == 1
    mark = machine.marks["machine", "core", "units", 0, "rows"]
    assert mark == ("--set machine.core.units.0.rows=64", None)


def test_extensions_of_files_start_at_the_file(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "base.yaml").write_text("extends: tpu\ncores: 7\n")
    (folder / "e.yaml").write_text("machine: {extends: base.yaml, name: mine}\n")
    document = load_document(folder / "e.yaml")
    machine = resolve_preset(document, ("machine",), "machines").data["machine"]
    assert (machine["name"], machine["cores"]) == ("mine", 7)


def test_a_wrong_extension_points_at_its_line(tmp_path: Path) -> None:
    def found(text: str) -> str:
        with pytest.raises(ConfigError) as caught:
            resolve_preset(parse_document(text, "e.yaml"), ("machine",), "machines")
        return str(caught.value)

    assert found("a: 1\nmachine: tpuu\n") == (
        "e.yaml:2: machine: no machine preset is called 'tpuu'; known: big_tpu, tpu; "
        "did you mean 'tpu'?"
    )
    nested = found("machine:\n  extends: gpu\n")
    assert nested.startswith("e.yaml:2: machine.extends: no machine preset is called 'gpu'")
    assert found("machine: {extends: 3}\n").startswith("e.yaml:1: machine.extends: expected the ")
    assert found("machine: x.yaml\n") == "e.yaml:1: machine: x.yaml: no such file"


def test_circles_of_extensions_are_named(root: Path) -> None:
    (root / "configs/machines/a.yaml").write_text("extends: b\n")
    (root / "configs/machines/b.yaml").write_text("x: 1\nextends: a\n")
    assert "presets extend each other in a circle: a → b → a" in message("machines", "a")


def test_every_kind_has_a_folder_in_the_checkout() -> None:
    checkout = Path(__file__).parents[2]
    assert all((checkout / kind.folder).is_dir() for kind in KINDS.values())
