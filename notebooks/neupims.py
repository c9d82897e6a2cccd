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
# # From blocked memory to sub-batches in turns: NeuPIMs
#
# NeuPIMs (Heo et al., ASPLOS 2024) is an NPU on a memory whose banks multiply. Decoding a token
# needs GEMMs, which an NPU does well, and attention over every request's own keys and values,
# GEMVs that read much and compute little: those run in the memory. This notebook goes from one
# channel to a served model, and asks at each step what the idea brings.
# You need `pip install 'cyclelab[notebook]'`.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import simulator as sim

# %% [markdown]
# ## One channel, one row buffer
#
# A row of the matrix lies in each of 32 banks. Units beside the banks open it, multiply it by a
# vector that was loaded before, and close it again: a *tile*. With one row buffer per bank, as in
# Newton, reads have to wait until the units are done: the channel is *blocked*.

# %%
blocked = sim.pim(320, 512, "hbm2-newton-single", 128, reads=True)
print(blocked.summary())

# %%
sim.plot(blocked)

# %% [markdown]
# ## Two row buffers
#
# NeuPIMs gives every bank a second row buffer. Reads go on in the first while units work in the
# second; both share the command bus and the limits of power (four activations per tFAW).

# %%
dual = sim.pim(320, 512, "hbm2-neupims-dual", 128, reads=True)
sim.plot(dual)

# %%
for name, run in (("one row buffer", blocked), ("two", dual)):
    print(
        f"{name:<15} {run.result.cycles_per_tile:6.1f} cycles a tile, "
        f"reads have {100 * run.result.read_share:.0f} % of the data bus"
    )

# %% [markdown]
# A tile takes no longer, and reads keep most of the bus. Most of a tile is opening and closing
# rows: `computing` in the summary above is a quarter of the time.
#
# ## A layer on five systems
#
# 256 requests of ShareGPT's lengths decode a token each, on one of four devices that share the
# layers of GPT3-6.7B. The systems differ in where attention runs. The NPU alone streams keys and
# values at the true rate of the same memory.

# %%
EXPERIMENT = "neupims_gpt3_7b_b256"
SYSTEMS = {
    "A100": {"machine": "a100"},
    "NPU": {"mapping.pim.attention": "units"},
    "one row buffer": {
        "machine.memory.device": "hbm2-newton-single",
        "mapping.pim.barrier": True,
        "mapping.pim.interleave": "never",
    },
    "dual row buffers": {"mapping.pim.interleave": "never"},
    "dual, in turns": {"mapping.pim.interleave": "always"},
}


def layers(system, requests):
    """A run of three layers, for a multiple of 64 requests."""
    settings = {"workload.layers": 3, "workload.running.repeat": requests // 64}
    return sim.run(EXPERIMENT, set=settings | SYSTEMS[system])


def microseconds_per_layer(result):
    """Of its layers, without embedding and LM head."""
    cycles = sum(op.exclusive_cycles for op in result.operators if op.in_layers)
    return cycles / 3 / result.machine["clock_hz"] * 1e6


results = {system: layers(system, 256) for system in SYSTEMS}
times = pd.Series({s: microseconds_per_layer(r) for s, r in results.items()}, name="µs per layer")
times.round(1).to_frame().assign(speedup=(times["NPU"] / times).round(2))

# %% [markdown]
# ## Who is busy
#
# Attention in the memory and GEMMs on the NPU take turns as long as a batch is one: while one
# works, the other waits. Two sub-batches let both work, but each reads all weights.

# %%
sim.plot(results["dual row buffers"], "utilisation")

# %%
sim.plot(results["dual, in turns"], "utilisation")

# %% [markdown]
# The timeline shows the stages: `attention[1]` in the memory beside the GEMMs of the other half.

# %%
sim.plot(results["dual, in turns"], "timeline")

# %% [markdown]
# ## When do turns pay?
#
# With few requests a GEMM takes as long for half a batch as for the whole: its weights have to be
# read. Turns pay where attention takes longer than that.

# %%
rows = {}
for system in ("NPU", "dual row buffers", "dual, in turns"):
    runs = {64: layers(system, 64), 256: results[system], 512: layers(system, 512)}
    rows[system] = {requests: microseconds_per_layer(run) for requests, run in runs.items()}
table = pd.DataFrame(rows).rename_axis("requests")
(table["NPU"].to_numpy()[:, None] / table[["dual row buffers", "dual, in turns"]]).round(2)

# %%
figure, axes = plt.subplots(figsize=(6.4, 3.2))
for system in table:
    axes.plot(table.index, table[system], marker="o", label=system)
axes.set_xlabel("requests")
axes.set_ylabel("µs per layer")
axes.set_ylim(bottom=0)
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# The paper has 2.4 times over the NPU alone, on average over models, batches and datasets. Here
# that comes out at none of these: its own simulator's NPU is far below what the memory's
# bandwidth allows. More in [docs/pim.md](../docs/pim.md) and `cyclelab reproduce
# neupims_throughput`.
#
# ## Serving
#
# Requests come and go. 64 at a time are decoded here, each on the channel that it was given; those
# that end make room for others. Iterations like one that was simulated are not simulated again.

# %%
served = sim.serve("neupims_serving_b64", set={"serving.iterations": 100, "workload.layers": 3})
print(served.summary())

# %%
sim.plot(served)
