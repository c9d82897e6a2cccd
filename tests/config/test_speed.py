"""Loading costs little beside any simulation."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from simulator.config import load_document, validate
from tests.config.specs import MachineSpec


def test_a_thousand_lines_load_and_validate_fast(tmp_path: Path) -> None:
    lines = ["name: m", "clock_hz: {value: 1e9, source: data sheet}", "units:"]
    lines += ["  - {kind: array, rows: 16}"] * 500
    lines += ["cycles:", *(f"  function_{i}: {{value: 2.5, source: x}}" for i in range(500))]
    (tmp_path / "m.yaml").write_text("\n".join(lines))
    validate(MachineSpec, load_document(tmp_path / "m.yaml"))
    started = time.process_time()
    machine = validate(MachineSpec, load_document(tmp_path / "m.yaml"))
    assert time.process_time() - started < 0.2  # about 0.04 on an idle core
    assert len(machine.units) == 500


def test_errors_and_settings_need_no_pydantic() -> None:
    program = (
        "import sys, simulator.config as c\n"
        "c.CyclelabError, c.nearest\n"
        "assert not {'pydantic', 'yaml', 'numpy'} & sys.modules.keys()\n"
        "c.load_document, c.apply_overrides, c.list_presets('machines')\n"
        "assert not {'pydantic', 'numpy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
