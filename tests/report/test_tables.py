import builtins
import csv
import io
from typing import Any

import pytest

from simulator.config import CyclelabError
from simulator.report.result import Result
from simulator.report.tables import csv_text, mapping_text, operator_rows, phase_rows


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_operator_rows_are_instances_that_add_up(result: Result) -> None:
    rows = read(csv_text(operator_rows(result)))
    assert len(rows) == len(result.operators)
    assert "energy_low_j" in rows[0] and "dram_read_bytes" in rows[0]
    stalls = [name for name in rows[0] if name.startswith("stall_")]
    assert "stall_memory_read_cycles" in stalls
    for row in rows:
        total = int(row["compute_cycles"]) + sum(int(row[name]) for name in stalls)
        assert int(row["cycles"]) == total
    assert sum(int(row["exclusive_cycles"]) for row in rows) == result.cycles


def test_paths_are_unique_within_a_phase(result: Result) -> None:
    rows = operator_rows(result)
    assert len({(row["phase"], row["path"]) for row in rows}) == len(rows)
    assert rows[2]["path"] == "layers.0.qkv_proj"


def test_phase_rows(result: Result) -> None:
    rows = read(csv_text(phase_rows(result)))
    assert [row["phase"] for row in rows] == ["prefill", "decode[0]", "decode[1]"]
    assert sum(int(row["cycles"]) for row in rows) == result.cycles
    assert int(rows[0]["busy_core0.matrix_cycles"]) == result.phases[0].busy_cycles["core0.matrix"]


def test_efficiency_of_a_phase_by_hand(result: Result) -> None:
    """Two operations per MAC; per token generated in a decode, taken in elsewhere."""
    for row, phase in zip(phase_rows(result), result.phases, strict=True):
        tera = 2 * phase.macs / 1e12
        tokens = phase.generated if phase.kind == "decode" else phase.tokens
        energy = phase.energy_j
        assert row["energy_per_token_j"] == pytest.approx(energy.value / tokens)
        assert row["energy_per_token_high_j"] == pytest.approx(energy.high / tokens)
        assert row["edp_js"] == pytest.approx(energy.value * phase.seconds)
        assert row["tops_per_w"] == pytest.approx(tera / energy.value)
        assert row["tops_low_per_w"] == pytest.approx(tera / energy.high)
        area = result.area_mm2
        assert row["tops_high_per_mm2"] == pytest.approx(tera / phase.seconds / area.low)


def test_parts_of_energies_are_columns(result: Result) -> None:
    rows = read(csv_text(operator_rows(result)))
    parts = [name for name in rows[0] if name.startswith("energy_") and "." in name]
    assert "energy_core.matrix_unit_j" in parts
    for row in rows:
        total = sum(float(row[name]) for name in [*parts, "energy_memory_j", "energy_static_j"])
        assert total == pytest.approx(float(row["energy_j"]))


def test_data_frame_has_the_csv_columns(result: Result) -> None:
    frame = result.to_dataframe()
    assert list(frame.columns) == list(operator_rows(result)[0])
    assert int(frame["macs"].sum()) == sum(op.macs for op in result.operators)


def test_without_pandas_says_what_to_install(
    result: Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without_pandas(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without_pandas)
    with pytest.raises(CyclelabError, match=r"pip install 'cyclelab\[analysis\]'"):
        result.to_dataframe()


def test_mapping_in_a_line() -> None:
    mapping = {
        "tile": {"m": 128, "n": 4096},
        "order": "nm",
        "kept": False,
        "nothing": "",
        "none": [],
        "fused": ["rope", "add"],
        "scratchpad_bytes": 2_097_152,
        "estimated_cycles": 35_512,
    }
    assert mapping_text(mapping) == (
        "tile m 128, n 4,096; order nm; kept no; fused rope, add; "
        "scratchpad 2.10 MB; estimated 35,512 cycles"
    )
