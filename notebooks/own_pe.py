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
# # Your own PE in forty lines
#
# What if a PE multiplied only the leading bits of its operands? DRUM (Hashemi, Bahar & Reda,
# ICCAD 2015) takes the k bits from the first 1 of each magnitude on, sets the lowest of them so
# that errors cancel, multiplies those and shifts the product back. cyclelab has no such PE. Here it
# gets one: what it computes, what it is made of, and then a model on arrays of it.
# You need `pip install 'cyclelab[notebook]'`.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

import simulator as sim
from simulator.config import CyclelabError
from simulator.cost import load_technology
from simulator.hardware.primitives import Primitive
from simulator.hardware.systolic_array import SystolicArray, SystolicArraySpec
from simulator.hardware.systolic_array.multipliers import MULTIPLIERS, Multiplier

# %% [markdown]
# ## What it computes
#
# Two functions of numpy: the leading bits of a number and their place, and the product.

# %%
K = 4


def leading(values):
    """The K bits from the first 1 on, the lowest one set if bits are lost; and their place."""
    magnitude = np.abs(values.astype(np.int64))
    place = np.maximum(0, np.frexp(magnitude)[1] - K)
    return np.where(place > 0, (magnitude >> place) | 1, magnitude), place


def drum(inputs, weights, accumulator):
    """Products of the leading bits, at their places, with their sign."""
    (a, i), (b, j) = leading(inputs), leading(weights)
    sign = np.sign(inputs).astype(np.int64) * np.sign(weights).astype(np.int64)
    return sign * (a * b << i + j)


# %% [markdown]
# ## What it is made of
#
# A `Multiplier` says which formats it takes and which primitives form a product. Technologies
# have prices of primitives, so area and energy follow.

# %%
class Drum(Multiplier):
    """K leading bits of each operand are multiplied (DRUM, ICCAD 2015); approximate."""

    def check(self, inputs, weights):
        for each in (inputs, weights):
            if not each.consecutive or not each.signed or each.bits <= K:
                raise CyclelabError(f"multiplier 'drum' takes int{K + 1} and wider, not {each.name}")

    def parts(self, inputs, weights):
        found = {"pe.drum.multiplier": (Primitive("multiplier", formats=(f"uint{K}",) * 2), 1)}
        for name, bits in (("input", inputs.bits), ("weight", weights.bits)):
            path, choices = f"pe.drum.{name}", bits - K
            found[f"{path}_magnitude"] = (Primitive("adder", formats=(f"int{bits}",)), 1)
            found[f"{path}_first_one"] = (Primitive("and2", bits=bits), 1)
            found[f"{path}_leading"] = (Primitive("mux2", bits=K), choices)
        width = inputs.bits + weights.bits
        places = inputs.bits + weights.bits - 2 * K
        stages = int(places).bit_length()
        found["pe.drum.shifter"] = (Primitive("shifter", bits=width), stages)
        found["pe.drum.sign"] = (Primitive("adder", formats=(f"int{width}",)), 1)
        return found

    def products(self, inputs):
        return drum

    def product_error(self, inputs):
        all_of_8_bits = np.arange(1, 128)
        exact = np.outer(all_of_8_bits, all_of_8_bits)
        return np.abs(drum(all_of_8_bits[:, None], all_of_8_bits[None], None) / exact - 1).max()


MULTIPLIERS.add("drum", Drum(), replace=True)  # so that this cell can be run again

# %% [markdown]
# From here on, `multiplier: drum` is a setting like any other, of every systolic array.
#
# ## Values
#
# The array sums products as its dataflow has it; the register-level model moves operands through
# the grid, cycle by cycle, and must find the same sums.

# %%
spec = SystolicArraySpec(
    rows=4, columns=4, dataflow="weight_stationary", multiplier="drum",
    input_format="int8", weight_format="int8", accumulator_format="int32",
)
array = SystolicArray(spec)
rng = np.random.default_rng(1)
x, w = rng.integers(-128, 128, (6, 8), np.int8), rng.integers(-128, 128, (8, 5), np.int8)
stepped = array.registers(x, w)
found, exact = array.compute(x, w), x.astype(int) @ w.astype(int)
print("registers agree:", (stepped.values == found).all(), "·", stepped.cycles, "cycles")
print("error of a sum:", f"{np.abs(found - exact).mean() / np.abs(exact).mean():.1%} on average")
print("worst product: ", f"{array.product_error:.1%}")

# %% [markdown]
# ## Area
#
# One PE in 7 nm, beside one with a whole multiplier.

# %%
technology = load_technology("7nm")


def pe_um2(bits, kind, part):
    """µm² of the parts of one PE whose path has `part` in it."""
    formats = dict(input_format=f"int{bits}", weight_format=f"int{bits}")
    one = SystolicArraySpec(
        rows=1, columns=1, dataflow="weight_stationary", multiplier=kind,
        accumulator_format="int32" if bits == 8 else "int48", **formats,
    )
    parts = [each for each in SystolicArray(one).structure() if part in each.path]
    return sum(technology.primitive_area_um2(p.primitive).value * p.count for p in parts)


rows = [
    {
        "bits": bits,
        "multiplier, µm²": pe_um2(bits, "array", "pe.multiplier"),
        "DRUM, µm²": pe_um2(bits, "drum", "pe.drum"),
        "PE, µm²": pe_um2(bits, "array", "pe."),
        "PE with DRUM, µm²": pe_um2(bits, "drum", "pe."),
    }
    for bits in (8, 12, 16)
]
areas = pd.DataFrame(rows).set_index("bits")
areas.round(1)

# %% [markdown]
# At 8 bits there is nothing to gain: signs, places and shifts cost more than they save. At 16
# bits what multiplies is smaller by 29 %, a PE by 19 %: registers and the adder stay.
#
# ## A model on it
#
# One layer of Llama-2-7B in 16-bit integers, a prompt of 512: arrays of equal area, with whole
# multipliers and with DRUM.

# %%
unit = sim.load("llama2_7b_w4a8").spec.machine.core.matrix_units[0].model_dump()
formats = {"input_format": "int16", "weight_format": "int16", "accumulator_format": "int48"}
case = "machine.core.matrix_units.0"
comparison = {
    "name": "drum",
    "title": "A layer of Llama-2-7B in 16-bit integers, arrays of equal area",
    "equal": "area",
    "experiment": {
        "machine": "npu_w8a8",
        "workload": {
            "model": "llama-2-7b", "layers": 1, "prefill_tokens": 512, "decode_steps": 1,
            "precision": {"weights": "int16", "activations": "int16", "kv_cache": "int16"},
        },
    },
    "cases": [
        {"name": name, "set": {case: unit | formats | {"multiplier": kind}}}
        for name, kind in (("multipliers", "array"), ("DRUM", "drum"))
    ],
}
outcome = sim.compare(comparison)
outcome

# %%
sim.plot(outcome)

# %% [markdown]
# ## Beyond a notebook
#
# A package can name the class as an entry point (`cyclelab.multipliers`), and then every command
# knows it; whole matrix units, memory devices and importers work alike, and there is a suite of
# tests that any unit can run: [your own unit](../docs/plugins.md).
