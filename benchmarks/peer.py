"""One GEMM in SCALE-Sim: `peer.py M N K ROWS COLUMNS` writes its cycles.

Runs in a Python that has `scalesim` (3.0.0 fails with numpy 2.4) and in an empty
working directory. Weight stationary, SRAMs that hold everything, and its own
choice of bandwidths: only the array decides.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

SRAM_KIB = 65536

CONFIGURATION = """\
[general]
run_name = gemm
[architecture_presets]
ArrayHeight: {rows}
ArrayWidth: {columns}
IfmapSramSzkB: {sram}
FilterSramSzkB: {sram}
OfmapSramSzkB: {sram}
IfmapOffset: 0
FilterOffset: 1000000000
OfmapOffset: 2000000000
Dataflow: ws
ReadRequestBuffer: 64
WriteRequestBuffer: 64
[layout]
IfmapCustomLayout: False
FilterCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def main() -> None:
    """Simulate, and print the total of its own report."""
    from scalesim.scale_sim import scalesim

    m, n, k, rows, columns = sys.argv[1:6]
    Path("peer.cfg").write_text(CONFIGURATION.format(rows=rows, columns=columns, sram=SRAM_KIB))
    Path("gemm.csv").write_text(f"Layer,M,N,K,\ngemm,{m},{n},{k},\n")
    Path("layout.csv").write_text("Layer,\n")
    simulation = scalesim(
        save_disk_space=True,
        verbose=False,
        config="peer.cfg",
        topology="gemm.csv",
        layout="layout.csv",
        input_type_gemm=True,
    )
    simulation.run_scale(top_path="out")
    with open("out/gemm/COMPUTE_REPORT.csv", newline="") as report:
        row = next(csv.DictReader(report, skipinitialspace=True))
    print(f"\n{float(row['Total Cycles']):.0f}")


if __name__ == "__main__":
    main()
