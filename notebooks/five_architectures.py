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
# # Five architectures, one model
#
# Systolic arrays, LUT tensor cores, shift-add PEs (MixPE), an NPU over a memory that computes
# (NeuPIMs) and SRAM arrays beside a CPU's cache (SAIL-style) decode the same tokens of
# Llama-2-7B, and a GPU beside them. Papers report each against a baseline of its own; here they
# share the workload, the technology and the simulator.
# You need `pip install 'cyclelab[notebook]'`.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import simulator as sim
from simulator.explore.spec import load_comparison

# %% [markdown]
# ## Side by side
#
# A comparison is one YAML file: an experiment, and cases that change it. This one is shipped, and
# `cyclelab compare five_architectures` prints the same tables.

# %%
found = sim.compare("five_architectures")
found

# %%
sim.plot(found)

# %% [markdown]
# Time and energy hang together less than one might think. The GPU has the fastest memory, and
# with it the shortest step; the NPUs take half its energy behind a memory of a third of its
# bandwidth. Bounds in the table are those of prices per operation and byte, not of cycles: those
# are exact for the machine that is described.
#
# ## What they wait for
#
# Matrices are shared by all requests, keys and values are not. So attention is a product of a
# matrix and a vector for each head and request, whatever the batch, and a systolic array
# fills and drains for a handful of columns. That is what PIM is for.

# %%
KINDS = {"matmul": "matrices", "attention": "attention", "vector": "norms and other vectors"}
comparison = load_comparison("five_architectures")
shared = comparison.experiment
runs = {
    case.name: sim.run({"name": case.name, **shared}, set=case.set) for case in comparison.cases
}


def milliseconds(run):
    """Exclusive time by kind of operator, and how long main memory moved data."""
    clock_hz = run.machine["clock_hz"]
    times = dict.fromkeys(KINDS.values(), 0.0)
    for operator in run.operators:
        kind = KINDS.get(operator.kind, KINDS["vector"])
        times[kind] += 1e3 * operator.exclusive_cycles / clock_hz
    times["step"] = 1e3 * run.seconds
    times["main memory busy"] = 1e3 * run.phases[0].memory_busy_seconds
    return times


table = pd.DataFrame({name: milliseconds(run) for name, run in runs.items()}).T
table.round(1)

# %% picture="five_architectures.png"
figure, axes = plt.subplots(figsize=(9, 3.2), dpi=110, layout="constrained")
left = pd.Series(0.0, index=table.index)
for kind, colour in zip(KINDS.values(), ("#0072b2", "#e69f00", "#999999"), strict=True):
    axes.barh(table.index, table[kind], left=left, color=colour, label=kind, height=0.65)
    left += table[kind]
axes.plot(
    table["main memory busy"], table.index, "|", color="black", markersize=16, label="memory busy"
)
axes.invert_yaxis()
axes.set_xlabel("one step, ms")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# Where the black mark reaches the end of the bar, the machine waits for memory and nothing else:
# fewer bits or more bandwidth are all that helps. Where it stays behind, units are the limit.
#
# ## With the batch
#
# One request alone reads all weights for one token. The more requests share them, the more do
# the units matter, and the keys and values.

# %%
BATCHES = (1, 4, 16)
rates = {}
for batch in BATCHES:
    for case in comparison.cases:
        if batch == shared["workload"]["batch"]:
            run = runs[case.name]
        else:
            settings = case.set | {"workload.batch": batch}
            run = sim.run({"name": case.name, **shared}, set=settings)
        rates.setdefault(case.name, []).append(run.tokens_per_s)
rates = pd.DataFrame(rates, index=pd.Index(BATCHES, name="requests")).T
rates.round(0)

# %%
figure, axes = plt.subplots(figsize=(7, 3.6), dpi=110, layout="constrained")
for (name, row), mark in zip(rates.iterrows(), "osD^vP", strict=True):
    axes.plot(BATCHES, row, marker=mark, label=name)
axes.set_xscale("log", base=2)
axes.set_yscale("log")
axes.set_xticks(BATCHES, BATCHES)
axes.set_xlabel("requests")
axes.set_ylabel("tokens/s")
axes.spines[["top", "right"]].set_visible(False)
axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
plt.show()

# %% [markdown]
# ## Per watt, per square millimetre

# %%
sim.plot(found, "efficiency")

# %% [markdown]
# ## What this does not say
#
# - Formats differ, and with them what the model answers: 4-bit weights are not FP16 weights.
# - Areas are of the parts that are listed: cores of the CPU, control, networks and PHYs are not
#   among them, so the CPU's square millimetres are its caches and arrays.
# - SAIL's full text was not at hand: its arrays are SAIL-style.
# - One context and one model. `set=` takes another one:
#   `sim.compare("five_architectures", set={"workload.context_tokens": 256})`.
