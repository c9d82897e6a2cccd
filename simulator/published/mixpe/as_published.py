"""MixPE's numbers by the method of its own simulator."""

from __future__ import annotations

import math

from simulator.published.finding import Finding, Study
from simulator.published.mixpe.search import network_cost
from simulator.published.mixpe.spec import MixpeSpec, load_mixpe

NOTES = (
    "The method is that of the authors' simulator, written anew: output stationary arrays without "
    "fill or drain, tiles of powers of two in half of each buffer, the best of all tilings and "
    "orders of loops, DRAM behind computation but for the first and last tiles.",
    "W4A8 is simulated as 4 bit x 4 bit on an array of four times INT8's PEs, each of which takes "
    "twice as many rows and columns at 4 bit as at 8: sixteen times INT8's peak. One of its PEs "
    "draws what one of INT8's draws. W4A16 is simulated as 8 bit x 8 bit.",
    "Dequantisation is a GEMM besides each layer's: [k/8] x [n/128] for MixPE, [k] x [n/8] for "
    "the others.",
    "One token per sequence, batch 64, no attention. Llama2-13B's MLP has two matrices of four "
    "times the width in place of three that are 13824 wide.",
    "Published numbers have two decimals: a time is known to ±0.005, an energy, the sum of four, "
    "to ±0.02. The means are those of a re-run.",
)


def as_published() -> Study:
    """The study; the search runs when it does."""
    data = load_mixpe()
    return Study(
        "mixpe_as_published",
        f"MixPE: time and energy per {data.reference}, by the method of its own simulator",
        f"Zhang et al., MixPE, arXiv:2411.16158; {data.published_source}; means: "
        f"{data.means_source}",
        lambda: findings(data),
        NOTES,
    )


def findings(data: MixpeSpec) -> list[Finding]:
    """Time and energy of each design on each network, then geometric means."""
    per = f"per {data.reference}"
    base = {network: network_cost(data, network, data.reference) for network in data.networks}
    found, means = [], []
    for design, published in data.published.items():
        times, energies = [], []
        for index, network in enumerate(data.networks):
            cycles, spent = network_cost(data, network, design)
            base_cycles, base_spent = base[network]
            times.append(cycles / base_cycles)
            energies.append(spent.total / base_spent.total)
            case = f"{network}, {design}"
            found.append(Finding(case, "time", per, published.time[index], times[-1]))
            found.append(Finding(case, "energy", per, published.energy(index), energies[-1]))
        mean = data.means[design]
        case = f"geometric mean, {design}"
        means.append(Finding(case, "time", per, mean.time, _geometric_mean(times)))
        means.append(Finding(case, "energy", per, mean.energy, _geometric_mean(energies)))
    return found + means


def _geometric_mean(values: list[float]) -> float:
    return math.prod(values) ** (1 / len(values))
