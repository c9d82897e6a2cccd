"""Machines run weights of GGUF types, and read every byte of them once per decoded token."""

from __future__ import annotations

import pytest

from simulator.config import CyclelabError
from simulator.experiment import load_experiment
from simulator.report.result import Result
from simulator.runner import run_experiment

BYTES = {
    "q4_0": 3_716_481_024,
    "q4_k": 3_716_481_024,
    "q6_k": 5_419_868_160,
    "q8_0": 7_020_019_712,
}
"""Of Llama-2-7B's 6,607,077,376 weights: blocks of 18 bytes per 32, 144 per 256, 210, 34."""

DECODE = ("workload.prefill_tokens=0", "workload.context_tokens=8", "workload.decode_steps=1")


def decoded(experiment: str, name: str, *settings: str) -> Result:
    chosen = [f"workload.precision.{key}={name}" for key in ("weights", "lm_head")]
    return run_experiment(load_experiment(experiment, [*DECODE, *chosen, *settings]))


@pytest.mark.parametrize("name", BYTES)
@pytest.mark.parametrize(
    ("experiment", "settings"),
    [
        ("llama2_7b_on_a100", []),
        ("llama2_7b_w4a8", ["workload.precision.weight_group_size=0"]),
        ("sail_llama2_7b_n1", []),
        ("sail_llama2_7b", []),
    ],
)
def test_every_byte_is_read_once(experiment: str, settings: list[str], name: str) -> None:
    found = decoded(experiment, name, *settings)
    products = [op for op in found.operators if op.kind == "matmul"]
    assert sum(op.bytes["dram_read"] for op in products) == BYTES[name]


def test_a_machine_whose_units_do_not_take_the_codes_says_so() -> None:
    settings = ["workload.precision.weight_group_size=0", "machine=mixpe_w4a8"]
    with pytest.raises(CyclelabError, match="multiplies int8 activations by int6 weights"):
        decoded("llama2_7b_w4a8", "q6_k", *settings)
