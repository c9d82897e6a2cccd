"""What is measured: command lines, the bars they have to stay below, and their sizes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Sizes:
    """How large the jobs are; tests shrink them.

    model, moe_model, arrays_model: shipped names or paths of Hugging Face configurations.
    """

    model: str = "llama-2-7b"
    moe_model: str = "mixtral-8x7b"
    arrays_model: str = "llama-2-13b"
    prefill_tokens: int = 2048
    decode_steps: int = 1000
    gemm: int = 4096
    large_gemm: int = 16384


@dataclass(frozen=True)
class Job:
    """A child process: Python with `arguments`.

    bar_s, bar_bytes: CPU time and memory it has to stay below, if a bar was set.
    repeats: runs of which the median counts; 1 for long ones.
    rate: what it counts; it then writes `{"count": …, "seconds": …}`.
    """

    name: str
    arguments: tuple[str, ...]
    bar_s: float | None = None
    bar_bytes: float | None = None
    repeats: int = 5
    rate: str | None = None


MACHINES = {
    "tpuv3_core": {},
    "tpuv4i": {"weights": "int8"},
    "gemmini_16x16": {"weights": "int8", "activations": "int8", "kv_cache": "int8"},
}
"""Machines with the formats, other than bf16, that their units and memories ask for."""

FOUR_BITS = {
    "weights": "int4",
    "weight_group_size": 128,
    "activations": "int8",
    "kv_cache": "int8",
    "lm_head": "int8",
}
LOW_BIT = dict.fromkeys(("npu_w8a8", "npu_w4a8", "npu_w4a8_shift_add", "npu_w4a8_lut"), FOUR_BITS)
"""Machines for weights of four bits."""

TWO_BITS = {"weights": "ternary", "activations": "int8", "kv_cache": "int8", "lm_head": "int8"}
GPUS = {
    "a100": dict.fromkeys(("weights", "activations", "kv_cache", "residual"), "fp16"),
    "a100_lut_4x": TWO_BITS,
}
"""GPUs, with their formats."""

COMMAND_LEVEL = {"tpuv3_core_hbm2": {}, "tpuv4i_hbm2": {"weights": "int8"}}
"""Machines whose memory is modelled by commands, with their formats."""

COMMAND = ("-m", "simulator")
EXAMPLE = "configs/experiments/llama2_7b_on_tpu.yaml"
ARRAYS_EXAMPLE = "configs/experiments/sail_llama2_7b.yaml"
CAPACITY = "machine.memory.capacity_bytes=400000000000"
GEMM_ARRAYS = "machine.core.matrix_units.0.count=1"


def jobs(sizes: Sizes) -> Iterator[Job]:
    """All jobs, the quick ones first."""
    example = str(HERE.parent / EXAMPLE)
    yield Job("`cyclelab --help`", (*COMMAND, "--help"), bar_s=0.3)
    yield Job("`import simulator`", ("-c", "import simulator"))
    yield Job("`from simulator import run`", ("-c", "from simulator import run"))
    yield Job(f"`cyclelab run {EXAMPLE}`", (*COMMAND, "run", example), bar_s=3)
    yield Job("the same without pictures", (*COMMAND, "run", example, "--no-plots"))
    yield from _llama(sizes)
    yield from _arrays(sizes)
    yield from _dram(sizes)
    yield from _gemms(sizes)
    yield from _long(sizes)
    yield from _rates(sizes)


def _llama(sizes: Sizes) -> Iterator[Job]:
    what = f"{_short(sizes.model)}, prefill {sizes.prefill_tokens} + 1 decode step"
    for machine in (*MACHINES, *LOW_BIT, *GPUS):
        arguments = experiment(sizes.model, sizes.prefill_tokens, 1, machine)
        yield Job(f"{what}, `{machine}`", arguments, bar_s=2)
    yield Job(
        "`cyclelab run bert_base_on_gemmini --every-event`",
        (*COMMAND, "run", "bert_base_on_gemmini", "--every-event"),
        repeats=3,
    )
    for machine in MACHINES:
        yield Job(
            f"{what}, `{machine}`, `--every-event`",
            (*experiment(sizes.model, sizes.prefill_tokens, 1, machine), "--every-event"),
            bar_s=60,
            bar_bytes=2e9,
            repeats=1,
        )


def _arrays(sizes: Sizes) -> Iterator[Job]:
    """A decode step of eight requests on arrays beside a CPU's cache."""
    for machine, bar_s in (("neoverse_n1_sram_pim", 2), ("neoverse_n1_sram_pim_ddr4", 10)):
        settings = (f"machine={machine}", f"workload.model={sizes.arrays_model}", "output=null")
        command = (*COMMAND, "run", str(HERE.parent / ARRAYS_EXAMPLE))
        arguments = (*command, *(part for pair in settings for part in ("--set", pair)))
        what = f"{_short(sizes.arrays_model)}, 1 decode step, batch 8, Q4_0, `{machine}`"
        yield Job(what, arguments, bar_s=bar_s, repeats=3)


def _dram(sizes: Sizes) -> Iterator[Job]:
    """Memory at command level; the bars are CPU seconds of the whole process."""
    model = _short(sizes.model)
    for machine, bits in (("tpuv3_core_hbm2", "bf16"), ("tpuv4i_hbm2", "int8 weights")):
        steps = experiment(sizes.model, 0, 1, machine, context=sizes.prefill_tokens)
        what = f"{model}, 1 decode step, {bits}, `{machine}`"
        yield Job(what, steps, bar_s=5, repeats=3)
        yield Job(f"{what}, `--every-event`", (*steps, "--every-event"), repeats=1)
    yield Job(
        f"{model}, prefill {sizes.prefill_tokens} + 1 decode step, `tpuv3_core_hbm2`",
        experiment(sizes.model, sizes.prefill_tokens, 1, "tpuv3_core_hbm2"),
        bar_s=10,
        repeats=1,
    )


def _gemms(sizes: Sizes) -> Iterator[Job]:
    for size, bar_s in ((sizes.gemm, 1.0), (sizes.large_gemm, None)):
        numbers = (str(size),) * 3
        command = (*COMMAND, "gemm", *numbers, "--machine", "tpuv3_core", "--set", GEMM_ARRAYS)
        what = f"GEMM {size}³, one 128×128 array"
        yield Job(what, command, bar_s)
        yield Job(f"{what}, `--every-event`", (*command, "--every-event"), bar_s)


def _long(sizes: Sizes) -> Iterator[Job]:
    prefill = f"prefill {sizes.prefill_tokens}"
    what = f"{_short(sizes.moe_model)}, random routing, {prefill} + 1 decode step"
    yield Job(what, experiment(sizes.moe_model, sizes.prefill_tokens, 1, "tpuv3_core"), repeats=3)
    yield Job(
        f"{_short(sizes.model)}, {prefill} + {sizes.decode_steps} decode steps",
        experiment(sizes.model, sizes.prefill_tokens, sizes.decode_steps, "tpuv3_core"),
        repeats=1,
    )


def _rates(sizes: Sizes) -> Iterator[Job]:
    micro = str(HERE / "micro.py")
    for name, what in (
        ("engine", "commands"),
        ("timing", "timings"),
        ("registers", "PE updates"),
    ):
        yield Job(f"`{name}`", (micro, name), repeats=3, rate=what)
    for device in (
        "ddr4-3200",
        "hbm2-2000",
        "ddr5-4800",
        "hbm3-6400",
        "lpddr5-6400",
        "gddr6-14000",
    ):
        for name, what in (("dram_stream", "streaming"), ("dram_random", "random")):
            job = (micro, name, device)
            yield Job(f"`{device}`, {what}", job, repeats=3, rate="requests")
    yield Job("`workload`", (micro, "workload", sizes.model), repeats=3, rate="workloads")
    yield Job("`mapping`", (micro, "mapping", sizes.model), repeats=3, rate="phases")


def experiment(
    model: str, prefill: int, decode: int, machine: str, context: int = 0
) -> tuple[str, ...]:
    """`cyclelab run` of a model, summary printed and nothing written."""
    formats = {"weights": "bf16", "activations": "bf16", "kv_cache": "bf16"} | {
        **MACHINES,
        **LOW_BIT,
        **GPUS,
        **COMMAND_LEVEL,
    }.get(machine, {})
    settings = {
        "machine": machine,
        "workload.model": model,
        "workload.prefill_tokens": str(prefill),
        "workload.context_tokens": str(context),
        "workload.decode_steps": str(decode),
        "workload.precision": "{" + ", ".join(f"{k}: {v}" for k, v in formats.items()) + "}",
        "output": "null",
    }
    pairs = [f"{key}={value}" for key, value in settings.items()]
    if machine not in COMMAND_LEVEL:
        pairs.append(CAPACITY)
    overrides = (part for pair in pairs for part in ("--set", pair))
    return (*COMMAND, "run", str(HERE.parent / EXAMPLE), *overrides)


def _short(model: str) -> str:
    return Path(model).stem if model.endswith(".json") else model
