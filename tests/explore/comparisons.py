"""A small comparison to change: two GEMMs' worth of machines."""

from __future__ import annotations

from pathlib import Path

SMALL = """
name: small
title: Three kinds of units
equal: none
notes: [A note.]
experiment:
  machine: npu_w8a8
  workload:
    gemms: [{name: gemm, m: 256, n: 512, k: 512}]
    precision: {weights: int4, activations: int8}
cases:
  - name: unpacked
  - name: narrow
    set: {machine: npu_w4a8}
  - name: tables
    set: {machine: npu_w4a8_lut, workload.precision.weights: bipolar4}
"""


def written(folder: Path, **changes: str) -> str:
    """The comparison as a file, with some text replaced. Keys are old, underscores for spaces."""
    text = SMALL
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    path = folder / "small.yaml"
    path.write_text(text, "utf-8")
    return str(path)
