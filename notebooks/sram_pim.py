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
# # Tables in the cache: LUT-GEMV in SRAM, SAIL-style
#
# SAIL (arXiv:2509.25853) puts SRAM arrays that compute beside the slices of a CPU's last-level
# cache, and multiplies by looking up sums of weights. **Its full text was not at hand**: sizes,
# clocks and cycles of the arrays below are assumptions, and what comes out is SAIL-style, not
# SAIL. This notebook goes from one array to tokens per second.
# You need `pip install 'cyclelab[notebook]'`.

# %%
from functools import cache

import matplotlib.pyplot as plt
import pandas as pd

import simulator as sim

# %% [markdown]
# ## One array
#
# A table holds all sums of k weights. Bits of k activations, one from each, select an entry; it is
# added to a sum, shifted by the place of the bit. Here every column is an output, and bits of a
# number lie below each other (layout `bit_serial`).

# %%
array = sim.sram("256x256_bit_serial", 1024, 256, batch=4)
print(array.summary())

# %%
sim.plot(array)

# %% [markdown]
# Larger tables need fewer look-ups, but take longer to make, and more rows. Hatched ones have no
# room beside the sums of the whole batch.

# %%
sim.plot(array, "cycles")

# %% [markdown]
# In the other layout, `bit_parallel`, an entry is one row, and adders beside the array keep the
# sums. A look-up is one access; an array has fewer outputs, as many as entries fit side by side.

# %%
rows = []
for layout in ("bit_serial", "bit_parallel"):
    for batch in (1, 4, 16):
        run = sim.sram(f"256x256_{layout}", 1024, 256, batch=batch)
        per_mac = run.cycles / (batch * 1024 * 256)
        rows.append((layout, batch, run.best.basis_weights, run.cycles, round(per_mac, 3)))
pd.DataFrame(rows, columns=["layout", "batch", "k", "cycles", "cycles per MAC"])

# %% [markdown]
# ## Patterns come again
#
# Few bits make few patterns: of k = 4 activations there are 16. A module that remembers what each
# gave lately spares the array a look-up. How many depends on the activations, here generated:
# uniform over all codes, or Gaussian, whose upper bits repeat the sign.

# %%
rows = []
for distribution in ("uniform", "gaussian"):
    for batch in (1, 2, 4):
        settings = {"basis_weights": 4, "reuse": {}, "activations.distribution": distribution}
        run = sim.sram("256x256_bit_serial", 1024, 256, batch=batch, set=settings)
        reuse = run.reuse
        hits, saved = reuse.rate, reuse.saved_cycles / run.cycles
        rows.append((distribution, batch, f"{hits:.1%}", f"{saved:.1%}"))
pd.DataFrame(rows, columns=["activations", "batch", "hits", "cycles saved"])

# %% [markdown]
# SAIL has 13.8 % fewer cycles, for activations that we do not know. Between uniform and Gaussian
# ones, a batch of one saves about as much. A hit is taken to cost nothing.
#
# ## Scales
#
# Weights of four bits come in groups of 32 with a scale each (GGUF's Q4_0). So the sums of every
# group have to become FP32, be multiplied by the scale and added: bit by bit in an array, that
# takes as long as all of the group's look-ups.

# %%
rows = []
for k in (4096, 256, 128, 64, 32):
    run = sim.sram("256x256_bit_serial", k, 256, set={"basis_weights": 4})
    c = run.conversion
    rows.append((k, run.cycles, c.convert_cycles + c.scale_cycles))
table = pd.DataFrame(rows, columns=["weights per scale", "look-ups and tables", "scaling"])
table["scaling is"] = [f"{s / c:.0%}" for _, c, s in rows]
table

# %% [markdown]
# The machine therefore has as many arrays that convert as arrays that look up; without, the
# cores would have to scale every sum.
#
# ## The machine
#
# 32 + 32 arrays of 8 KiB stand beside each of 64 slices of the cache of a Neoverse-N1-like server,
# with eight channels of DDR4. Sixteen of its cores do attention, norms and what is left to add. Eight
# requests of 512 tokens decode one token each of Llama-2-7B.

# %%
EXPERIMENT = "sail_llama2_7b"
result = sim.run(EXPERIMENT)
alone = sim.run("sail_llama2_7b_n1")
f"{result.tokens_per_s:.0f} tokens/s with arrays, {alone.tokens_per_s:.0f} without"

# %% [markdown]
# Main memory hardly rests: weights come while arrays make tables, look up, drain and convert, and
# those of the next operator while attention or norms are at the end. Only keys and values wait for
# the barrier ahead of attention.

# %%
sim.plot(result, "timeline")

# %%
sim.plot(result, "utilisation")

# %% [markdown]
# ## Bits
#
# Main memory bounds the rate: each step reads all matrices once, and the keys and values. With
# arrays, every type of weights comes close to that bound. On the cores alone it does not matter how
# few bits there are, and unpacking them costs more than it saves.

# %%
BITS = {
    **{"q2_k": 2.625, "q3_k": 3.4375, "q4_0": 4.5, "q4_k": 4.5, "q4_1": 5.0},
    **{"q5_0": 5.5, "q5_k": 5.5, "q5_1": 6.0, "q6_k": 6.5625, "q8_0": 8.5},
}


@cache
def rate(arrays=True, cores=16, batch=8, weights="q4_0"):
    """Tokens per second, and what main memory allows."""
    settings = {
        "machine": "neoverse_n1_sram_pim" if arrays else "neoverse_n1",
        "machine.cores": cores,
        "workload.batch": batch,
        "workload.precision.weights": weights,
    }
    run = sim.run(EXPERIMENT, set=settings)
    return run.tokens_per_s, batch / run.phases[0].memory_busy_seconds


LINES = {"DRAM bound": ("--", "0.5"), "with arrays": ("o-", "C0"), "cores alone": ("o-", "C1")}


def against(label, values, points):
    """A table of rates along one axis. points: what `rate` is asked for."""
    rows = [(rate(True, **point), rate(False, **point)[0]) for point in points]
    columns = {
        "DRAM bound": [bound for (_, bound), _ in rows],
        "with arrays": [tokens for (tokens, _), _ in rows],
        "cores alone": [tokens for _, tokens in rows],
    }
    return pd.DataFrame(columns, index=pd.Index(values, name=label))


def draw(axes, table, log=False):
    """Rates as lines."""
    for name, (style, colour) in LINES.items():
        axes.plot(table.index, table[name], style, color=colour, label=name, markersize=4)
    axes.set_xlabel(table.index.name)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    if log:
        axes.set_xscale("log", base=2)
        axes.set_xticks(table.index, [str(value) for value in table.index])


bits = against("bits per weight", BITS.values(), [{"weights": name} for name in BITS])
bits.assign(type=list(BITS)).round(1)

# %%
figure, axes = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
draw(axes, bits)
plt.setp(axes.lines[1:], linestyle="none")
for name, (x, y) in zip(BITS, bits["with arrays"].items(), strict=True):
    below = -25 if name in ("q4_k", "q5_k") else -14
    axes.annotate(name, (x, y), (-8, below), textcoords="offset points", ha="center", fontsize=8)
axes.set_ylabel("tokens/s")
axes.legend(frameon=False)
plt.show()

# %% [markdown]
# ## Threads and batch
#
# One core with arrays decodes as fast as dozens without: what it has left to do is attention.
# SAIL's factor of 10.7 lies inside, where threads are few. All 64 cores reach the bound by
# themselves, and arrays bring nothing.

# %%
CORES = [1, 2, 4, 8, 16, 32, 64]
threads = against("threads", CORES, [{"cores": cores} for cores in CORES])
speedup = (threads["with arrays"] / threads["cores alone"]).round(1)
threads.round(1).assign(speedup=speedup)

# %%
BATCHES = [1, 2, 4, 8, 16, 32]
batches = against("requests", BATCHES, [{"batch": batch} for batch in BATCHES])
speedup = (batches["with arrays"] / batches["cores alone"]).round(1)
batches.round(1).assign(speedup=speedup)

# %% picture="sail_threads_batch.png"
figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2), dpi=130, layout="constrained")
draw(left, threads, log=True)
left.set_title("eight requests", fontsize=10)
left.set_ylabel("tokens/s")
draw(right, batches, log=True)
right.set_title("sixteen threads", fontsize=10)
right.legend(frameon=False)
plt.show()

# %% [markdown]
# ## How many arrays, of which kind?
#
# Layout, clock, number of arrays and reuse are all assumed, so here is what they matter. With eight
# requests the machine waits for main memory, whatever the arrays are like; with 64, it does not:
# these are 64.

# %%
ARRAYS = "machine.arrays"
VARIANTS = {
    "as assumed": {},
    "layout bit_parallel": {f"{ARRAYS}.array.layout": "bit_parallel"},
    "reuse of patterns": {f"{ARRAYS}.array.reuse": {}},
    "0.625 GHz": {f"{ARRAYS}.clock.frequency_hz": 0.625e9},
    "2.5 GHz": {f"{ARRAYS}.clock.frequency_hz": 2.5e9},
    "8 + 8 arrays per slice": {
        f"{ARRAYS}.arrays_per_slice": 8,
        f"{ARRAYS}.conversion_arrays_per_slice": 8,
    },
    "32 + 0, cores scale": {f"{ARRAYS}.conversion_arrays_per_slice": 0},
}


def variant(settings):
    """Rate of 64 requests, and areas."""
    run = sim.run(EXPERIMENT, set={"workload.batch": 64} | settings)
    area = {path: estimate.value for path, estimate in run.area_by_component.items()}
    ours = {path: mm2 for path, mm2 in area.items() if "sram_pim" in path}
    cells = sum(mm2 for path, mm2 in ours.items() if path.endswith(".array"))
    return {
        "tokens/s": run.tokens_per_s,
        "arrays, mm²": cells,
        "beside them, mm²": sum(ours.values()) - cells,
        "chip, mm²": sum(area.values()),
    }


pd.DataFrame({name: variant(s) for name, s in VARIANTS.items()}).T.round(1)

# %% [markdown]
# The last columns are the price. A table of patterns in layout `bit_serial` has to remember what
# every column found, 32 entries of it: nearly as many bits as the array itself, in register files,
# and nine times its area. In layout `bit_parallel` such tables would be small, but sums are
# registers beside the array, larger than all the rest. The paper says about 2 % of area; how its
# arrays come by that is not known here.
#
# More in [docs/cpu.md](../docs/cpu.md) and [docs/sram_pim.md](../docs/sram_pim.md), with what is
# assumed and what is left out.
