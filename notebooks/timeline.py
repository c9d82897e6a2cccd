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
# # Reading a timeline
#
# Every number of a run is the end of a chain of commands on queues: loads, multiplications,
# vector work, stores. This notebook follows such a chain, first by hand.
# You need `pip install 'cyclelab[notebook]'`.

# %%
import json
from pathlib import Path

import pandas as pd

import simulator as sim
from simulator.report.files import write_outputs

# %% [markdown]
# ## One product, tile by tile
#
# A 16 × 16 array with a bus of 16 bytes per cycle and a memory 100 cycles away (at 1 GHz a cycle
# is a nanosecond). `spans` has what each queue did.

# %%
product = sim.gemm(256, 256, 256, "gemmini_16x16")
spans = pd.DataFrame(product.spans)
spans[["queue", "label", "start_cycle", "end_cycle"]].head(8)

# %% [markdown]
# A tile is 22 × 64 × 16 (`mapping` says so). By hand:
#
# - *load weights*: 16 × 64 bytes at 16 per cycle are 64 cycles, and 100 until the first of
#   them comes: 164.
# - *load inputs* starts when the bus is free, at 64; 22 × 16 bytes are 22 cycles: it ends at
#   64 + 22 + 100 = 186. Loads overlap: the next one is asked for while the last is on its way.
# - *multiply* needs both. 64 columns are four times the width of the array, for 22 rows each:
#   4 · 22 = 88 cycles, from 186 to 274. Weights go in while the tile before streams.

# %%
tile = product.operators[0].mapping["tile"]
load = tile["k"] * tile["n"] // 16 + 100
both = tile["k"] * tile["n"] // 16 + -(-tile["m"] * tile["k"] // 16) + 100
(load, both, both + tile["n"] // 16 * tile["m"])

# %%
sim.plot(product, "timeline", end_cycle=1200)

# %% [markdown]
# After the first tile the array never waits. What a run lost says so: 186 cycles until the first
# operands, and the rest of the last tile at the end.

# %%
lost = product.operators[0].stall_cycles
print(product.cycles, "=", product.operators[0].compute_cycles, "+", lost)

# %% [markdown]
# ## A slower memory
#
# A quarter of the bandwidth, and loads no longer hide: the gaps between multiplications are what
# `memory_read` counts.

# %%
slow = sim.gemm(256, 256, 256, "gemmini_16x16", set={"machine.memory.bandwidth_bytes_per_s": 4e9})
sim.plot(slow, "timeline", end_cycle=2400)

# %%
array = pd.DataFrame(slow.spans).query("label == 'multiply'").sort_values("start_cycle")
gaps = array["start_cycle"] - array["end_cycle"].shift(fill_value=0)
print("gaps", gaps.clip(lower=0).sum(), "cycles; counted", slow.operators[0].stall_cycles)

# %% [markdown]
# ## A layer
#
# One layer of Llama-2-7B decodes a token after 2,048 others. The top row, *operator*, gives each
# operator the time by which it put off the end: only one is there at a time, and their sum is
# the layer. Below, loads end a little ahead of the array, and go on with the next operator's
# weights, which do not depend on what is computed.

# %%
layer = sim.run(
    "llama2_7b_on_tpu",
    set={"workload.layers": 1, "workload.prefill_tokens": 0, "workload.context_tokens": 2048},
)
sim.plot(layer, "timeline")

# %% [markdown]
# Options choose the phase and the cycles. Here attention alone: keys and values come while the
# array has those of the heads before, and the vector unit makes a softmax in between.

# %%
attention = next(op for op in layer.operators if op.name == "attention")
start = attention.start_cycle
sim.plot(layer, "timeline", start_cycle=start, end_cycle=start + attention.cycles)

# %%
rows = [
    {"operator": op.name, "cycles": op.exclusive_cycles, **op.stall_cycles}
    for op in layer.operators
    if op.block
]
pd.DataFrame(rows).fillna(0).set_index("operator").astype(int)

# %% [markdown]
# ## The same in Perfetto
#
# `timeline.json` is a trace that [Perfetto](https://ui.perfetto.dev) and `chrome://tracing` open:
# one row per queue, with what each command was and for which operator. `cyclelab run --output DIR`
# writes it, too.

# %%
write_outputs(layer, "layer", plots=False)
events = json.loads(Path("layer/timeline.json").read_text("utf-8"))["traceEvents"]
pd.DataFrame([event for event in events if event["ph"] == "X"])[["name", "cat", "ts", "dur"]].head()

# %% [markdown]
# How many commands are recorded is a setting, `simulation.timeline_commands`; what repeats and was
# skipped is grey in pictures. `--every-event` simulates repeats, too: the numbers are the same.
