# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Exploring a design space
#
# How large should arrays, scratchpad and bandwidth be, and what should multiply, if the chip is to
# decode with 4-bit weights at little area and energy? A sweep runs all combinations, keeps what
# came of each in a file, and goes on from there when something is added.
# You need `pip install 'cyclelab[notebook]'`.

# %%
import simulator as sim

# %% [markdown]
# ## A sweep
#
# What `cyclelab sweep FILE` takes as YAML is a mapping here: an experiment, axes, constraints and
# objectives. `equal` sizes the main units of every point to the area of the one with `MAC`.

# %%
UNIT = "machine.core.matrix_units.0"
SWEEP = {
    "name": "small_npu",
    "title": "What to build for Llama-2-7B in W4A8",
    "experiment": {
        "machine": "npu_w8a8",
        "workload": {
            "model": "llama-2-7b",
            "batch": 8,
            "prefill_tokens": 64,
            "decode_steps": 1,
            "precision": {
                "weights": "int4", "weight_group_size": 128,
                "activations": "int8", "kv_cache": "int8", "lm_head": "int8",
            },
        },
    },
    "axes": {
        "array": {
            "keys": [f"{UNIT}.rows", f"{UNIT}.columns"],
            "values": [[64, 64], [128, 128]],
            "labels": ["64×64", "128×128"],
        },
        "scratchpad": {
            "key": "machine.core.scratchpad.capacity_bytes",
            "values": [2**21, 2**22, 2**24],
            "labels": ["2 MiB", "4 MiB", "16 MiB"],
        },
        "bandwidth": {
            "key": "machine.memory.bandwidth_bytes_per_s",
            "values": [225e9, 450e9, 900e9],
            "labels": ["225 GB/s", "450 GB/s", "900 GB/s"],
        },
        "pe": {
            "cases": [
                {"name": "MAC", "set": {f"{UNIT}.weight_format": "int8"}},
                {"name": "narrow MAC", "set": {f"{UNIT}.weight_format": "int4"}},
                {
                    "name": "LUT",
                    "set": {
                        UNIT: {
                            "kind": "lut_tensor_core", "rows": 2, "columns": 64, "depth": 4,
                            "input_format": "int8", "weight_format": "bipolar4",
                            "table_format": "int10", "accumulator_format": "int32",
                        }
                    },
                },
            ]
        },
    },
    "equal": {"area": {"pe": "MAC"}},
    "baseline": {"pe": "MAC"},
    "objectives": {"decode.seconds": "min", "energy_j": "min", "area_mm2": "min"},
}
found = sim.sweep(SWEEP, workers=1)
found

# %% [markdown]
# Run this cell again, and nothing is simulated: points are in the store,
# `results/sweeps/small_npu.sqlite`. Add a value to an axis, and only what is new runs.
#
# ## The front
#
# Points that no other beats in all objectives. Names are the labels of their axes.

# %%
found.plot("front")

# %% [markdown]
# ## What matters?
#
# By how much a figure changes, at most, between points that differ in one axis alone.

# %%
found.plot("sensitivity")

# %% [markdown]
# The kind of PE decides about the decode step, then the size of arrays; the scratchpad about area.
# Bandwidth hardly matters on average, which hides something. Two axes at a time, the scratchpad
# at its best:

# %%
found.plot("heat_map", x="bandwidth", y="pe", figure="decode.seconds")

# %% [markdown]
# Tables take their weights bit by bit and need no row of weights in a register before a product
# can begin: with eight rows of activations, a systolic array mostly loads weights. So they turn
# bandwidth into speed where arrays do not. Whole points as lines, those on the front in colour:

# %%
found.plot("parallel")

# %% [markdown]
# ## Ratios, and everything else, as a table
#
# One row per point, ready for pandas.

# %%
frame = found.to_dataframe()
columns = ["array", "scratchpad", "bandwidth", "pe", "decode.seconds", "energy_j", "area_mm2"]
best = frame[columns].sort_values("decode.seconds").head(6)
best.round(4)

# %%
frame.groupby(["bandwidth", "pe"], sort=False)["decode.seconds"].min().unstack().mul(1e3).round(1)

# %% [markdown]
# `found.write("report")` writes tables, pictures and one HTML page of all this, to send to
# somebody; `cyclelab sweep FILE --output DIR` does the same. Sweeps run on all cores
# (`workers=`), on a cluster (`scheduler=`), and where there are too many points, `search` tries
# some: [docs/sweeps.md](../docs/sweeps.md).
