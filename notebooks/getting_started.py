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
# # Getting started
#
# From a YAML file to a table, a roofline, a timeline and an explanation.
# You need `pip install 'cyclelab[notebook]'`, or `pip install '.[notebook]'` in a checkout.

# %%
from pathlib import Path

import simulator as sim

# %% [markdown]
# ## One file is one experiment
#
# It names a model and a machine, both by preset here, and says how many tokens to run.

# %%
Path("llama.yaml").write_text(
    """\
name: Llama-2-7B on a TPUv3-like core
machine: tpuv3_core
workload:
  model: llama-2-7b
  batch: 1
  prefill_tokens: 2048
  decode_steps: 1
  precision: {weights: bf16, activations: bf16, kv_cache: bf16}
"""
)
result = sim.run("llama.yaml")
result

# %% [markdown]
# The prompt is processed in one phase, `prefill`; each further token is a phase of its own.
# `share` is the operator's part of the phase, `lost to` the largest part of its time in which it
# did not compute. The value of an area or energy stands before its bounds.
#
# ## Every operator of every layer
#
# `to_dataframe()` has a row per operator instance, ready for pandas.

# %%
frame = result.to_dataframe()
frame[["phase", "path", "kind", "cycles", "exclusive_cycles", "utilisation", "bound"]].head(8)

# %%
decode = frame[frame["phase"] == "decode[0]"]
decode.groupby("name")["exclusive_cycles"].sum().sort_values(ascending=False).head(5)

# %% [markdown]
# ## Why does decoding take so long?
#
# The roofline has the answer in a picture: prefill operators reach the peak, decode operators
# hang on the slanted roof of the memory, as each weight is fetched for a single token.

# %%
sim.plot(result, "roofline")

# %% [markdown]
# `explain` has it in words, next to the bounds.

# %%
from simulator.report.explain import explain

print(explain(result, "gate_up_proj", phase="decode"))

# %% [markdown]
# ## What happens when?
#
# The first layer, as far as commands were recorded (`simulation.timeline_commands`). The top row
# shows which operator put off the end; below, what each queue did, tile by tile.

# %%
sim.plot(result, "timeline")

# %% [markdown]
# ## Change one thing
#
# `set` takes the keys of the YAML file. Eight requests at once fetch the weights once for all:

# %%
eight = sim.run("llama.yaml", set={"workload.batch": 8, "workload.prefill_tokens": 512})
one = sim.run("llama.yaml", set={"workload.prefill_tokens": 512})
for name, run in (("1 request", one), ("8 requests", eight)):
    step = run.phases[-1]
    print(f"{name:<10}  {step.seconds * 1e3:5.1f} ms per step, "
          f"{step.generated / step.seconds:5.0f} tokens/s")

# %% [markdown]
# ## Where the energy goes
#
# Error bars run from the low to the high bound of the technology's sources.

# %%
sim.plot(eight, "energy_by_component")
