"""Mistakes in a comparison's file are said with the line they stand in."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.config import CyclelabError
from simulator.explore.case import CaseSpec, build_case
from simulator.explore.compare import compare
from simulator.explore.spec import load_comparison
from tests.explore.comparisons import SMALL, written

LINES = [*enumerate(SMALL.splitlines(), 1)]


def line_of(start: str) -> int:
    """Line of the small comparison that begins so."""
    return next(number for number, line in LINES if line.strip().startswith(start))


NARROW, TABLES = "set: {machine: npu_w4a8}", "set: {machine: npu_w4a8_lut"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        # In the experiment that all share.
        ("k: 512", "k: 0", line_of("gemms"), "case 'unpacked': workload.gemms.0.k: found 0"),
        ("gemms:", "gemmes:", line_of("gemms"), "unknown key 'gemmes'; did you mean 'gemms'?"),
        ("activations: int8", "activations: int9x", line_of("precision"), "int9x"),
        # In the settings of a case.
        ("npu_w4a8}", "npu_w4a9}", line_of(NARROW), "case 'narrow': machine: .*'npu_w4a8'"),
        (
            "npu_w4a8}",
            "npu_w4a8, machine.coers: 2}",
            line_of(NARROW),
            "machine.coers: .*mean 'cores'",
        ),
        ("npu_w4a8}", "npu_w4a8, machine.cores: 0}", line_of(NARROW), "machine.cores: found 0"),
        ("bipolar4", "bipolar5x", line_of(TABLES), "case 'tables': .*bipolar5x"),
        # While it runs: a choice that cannot be made, and a machine that cannot do it.
        (
            "npu_w4a8}",
            "npu_w4a8, mapping.operators.gem.m: 1}",
            line_of(NARROW),
            "case 'narrow': mapping.operators.gem: .*did you mean 'gemm'",
        ),
        ("bipolar4", "fp16", line_of("- name: tables"), "no matrix unit of the machine"),
        # Of the comparison itself.
        (
            "- name: tables",
            "- name: tables\n    per: narow",
            line_of("- name: tables") + 1,
            "case 'tables': per: there is no case 'narow'; did you mean 'narrow'?",
        ),
    ],
)
def test_file_and_line(tmp_path: Path, old: str, new: str, line: int, message: str) -> None:
    with pytest.raises(CyclelabError, match=rf"(?s)small\.yaml:{line}: .*{message}"):
        compare(load_comparison(written(tmp_path, **{old: new})))


def test_a_setting_on_a_line_of_its_own(tmp_path: Path) -> None:
    lines = "set:\n      machine: npu_w4a8\n      machine.core.matrix_units.0.colums: 8\n"
    changed = written(tmp_path, **{NARROW + "\n": lines})
    with pytest.raises(CyclelabError, match=rf"small\.yaml:{line_of(NARROW) + 2}: .*'columns'"):
        compare(load_comparison(changed))


def test_what_cannot_be_equal_is_said_of_the_case(tmp_path: Path) -> None:
    changes = {"npu_w4a8_lut": "gemmini_16x16", "equal: none": "equal: area"}
    line = line_of("- name: tables")
    with pytest.raises(CyclelabError, match=rf"small\.yaml:{line}: case 'tables': areas are"):
        compare(load_comparison(written(tmp_path, **changes)))


def test_the_command_line_is_named_where_it_is_at_fault(tmp_path: Path) -> None:
    with pytest.raises(CyclelabError, match=r"^--set workload.layrs=1: case 'unpacked': workload"):
        compare(load_comparison(written(tmp_path)), ["workload.layrs=1"])


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "shared.yaml").write_text("extends: llama2_7b_w4a8\n", "utf-8")
    start, _, rest = SMALL.partition("  machine: npu_w8a8\n")
    _, _, cases = rest.partition("cases:")
    path = tmp_path / "relative.yaml"
    path.write_text(f"{start}  extends: shared.yaml\ncases:{cases}", "utf-8")
    spec = load_comparison(str(path))
    built = build_case(spec.shared, spec.cases[1], (), spec.written(spec.cases[1]))
    assert built.spec.machine.name == "npu_w4a8" and built.spec.name == "narrow"


def test_settings_that_stand_in_no_file_are_named_by_their_key() -> None:
    case = CaseSpec(name="a", set={"machine.coers": 2})
    with pytest.raises(CyclelabError, match=r"^case 'a': machine.coers: unknown key"):
        build_case({"extends": "llama2_7b_w4a8"}, case)
