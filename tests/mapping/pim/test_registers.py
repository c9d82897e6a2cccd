"""Attention on units that hold vectors in registers: AttAcc's, HBM-PIM's."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.engine.record import Execution
from simulator.hardware.npu import NpuSpec
from simulator.mapping.program import Command, Program, QueueKind
from tests.mapping.pim.machines import (
    attention_macs,
    decoding,
    device_of,
    executed,
    labelled_runs,
    machine,
    mapped,
    model,
    phases,
    run_commands,
)
from tests.mapping.pim.test_attention import attention_of

ATTACC = ("hbm3-attacc-bank", "hbm3-attacc-bank-group", "hbm3-attacc-buffer")
SAMSUNG = "hbm2-samsung-pim"
ORDER = "pseudo_channel, bank_group, column, bank, rank, row"


def npu_on(device: str, channels: int, *settings: str, refresh: str = "all_bank") -> NpuSpec:
    return machine(
        channels,
        f"device={device}",
        f"controller.refresh={refresh}",
        f"controller.address_mapping.order=[{ORDER}]",
        *settings,
    )


def decoded(
    npu: NpuSpec, *contexts: int, shape: dict[str, Any] | None = None, **pim: Any
) -> tuple[Program, Execution]:
    (phase,) = phases(model(**(shape or {})), decoding(*contexts))
    program = mapped(phase, npu, **pim)
    return program, executed(program, npu)


def commands_named(program: Program, *labels: str) -> list[Command]:
    return [each for each in program.commands() if each.label in labels]


def kind_of(program: Program, command: Command) -> QueueKind:
    return program.queues[command.queue].kind


def channels_of(program: Program) -> set[int]:
    return {program.queues[command.queue].channel for command in run_commands(program)}


# -- AttAcc --------------------------------------------------------------------------
@pytest.mark.parametrize(("interval", "published"), [(6, 36_572), (4, 26_768)])
def test_a_layer_of_attacc_takes_what_is_published_of_its_channels(
    interval: int, published: int
) -> None:
    """130 heads of 2,048 tokens and 128 elements on 16 channels, FP16, at bank level.

    Each head has 64 tiles of 16 · 8 COMPs. The published simulator counts the busiest
    channel's commands; here queries come from the NPU and the last sums go back to it.
    """
    npu = npu_on("hbm3-attacc-bank", 16, f"device.timing.cycles.nCOMP={interval}")
    shape = {"heads": 130, "head_dim": 128, "hidden_size": 130 * 128}
    program, execution = decoded(npu, 2048, shape=shape)
    assert channels_of(program) == set(range(16))
    assert execution.dram is not None
    commands = execution.dram.commands
    assert commands["COMP"] == 130 * (2 * 2048 * 128) // (16 * 64)
    assert commands["GWRITE"] == 130 * (128 + 2048) * 2 // 32
    cycles = attention_of(program, execution) / (device_of(npu).timing.clock_ps / 1000)
    assert published < cycles < 1.03 * published


def test_vectors_come_with_the_runs() -> None:
    """Of all that is written, units ask only for new values: a burst for each of their elements."""
    npu = npu_on("hbm3-attacc-bank", 2)
    programs = [decoded(npu, 300, writes=each)[0] for each in ("corrected", "as_published")]
    written = [
        sum(c.transfer_bytes for c in each.commands() if kind_of(each, c) is QueueKind.STORE)
        for each in programs
    ]
    assert written[0] - written[1] == 4 * 64 * (32 - 2)


def test_closer_to_the_banks_is_faster() -> None:
    """As many multipliers as banks, bank groups, pseudo channels."""
    cycles = [attention_of(*decoded(npu_on(device, 2), 2000, 2000)) for device in ATTACC]
    assert cycles[0] < cycles[1] < cycles[2]


def test_tokens_beyond_the_registers_leave_sums_that_are_added() -> None:
    """4 banks of 512 operands hold 2,048 probabilities: 5,000 tokens have 3 sums per element."""
    program, _ = decoded(npu_on("hbm3-attacc-bank", 4), 5000)
    contexts = [run for label, run in labelled_runs(run_commands(program)) if label == "context"]
    assert sum(run.inputs > 0 for run in contexts) == 4 * 3
    names = [info.name for info in program.operators]
    adds = commands_named(program, "add")
    (added,) = [each for each in adds if names[each.operator] == "attention"]
    adders = [n for action, n in added.actions.counts.items() if action.path.endswith("adder")]
    assert adders == [2 * 4 * 64]


# -- HBM-PIM -------------------------------------------------------------------------
def test_sums_of_lanes_are_read_from_the_banks_and_added() -> None:
    """Sixteen lanes have a sum each, of two bytes: of every score, and every element."""
    npu = npu_on(SAMSUNG, 4)
    program, _ = decoded(npu, 300)
    sums = commands_named(program, "load sums")
    assert sum(command.transfer_bytes for command in sums) == 4 * (300 + 64) * 16 * 2
    assert len(sums) == 2 * 4  # of each head


def test_a_channel_with_more_holds_the_others_up_no_more_than_itself() -> None:
    """Sums of all channels come through one DMA engine, in the order in which they are due."""
    npu = npu_on(SAMSUNG, 8)
    crowded = decoding(*[300] * 4, channel=0)
    spread = [each for channel in range(1, 8) for each in decoding(300, channel=channel)]
    cycles = []
    for requests in (crowded, crowded + spread):
        (phase,) = phases(model(), requests)
        program = mapped(phase, npu)
        cycles.append(attention_of(program, executed(program, npu)))
    assert 0.99 * cycles[0] < cycles[1] < 1.5 * cycles[0]


# -- either --------------------------------------------------------------------------
@pytest.mark.parametrize("device", [*ATTACC, SAMSUNG])
@settings(max_examples=5, deadline=None)
@given(
    contexts=st.lists(st.integers(1, 2500), min_size=1, max_size=4),
    heads=st.sampled_from([(4, 4), (4, 2), (6, 1), (3, 3)]),
    head_dim=st.sampled_from([32, 64, 80, 128]),
)
def test_every_product_is_multiplied_once(
    device: str, contexts: list[int], heads: tuple[int, int], head_dim: int
) -> None:
    """MACs of the commands are the model's; COMPs are enough for them, however they are cut."""
    npu = npu_on(device, 3)
    query_heads, kv_heads = heads
    shape = {"heads": query_heads, "kv_heads": kv_heads, "head_dim": head_dim}
    (phase,) = phases(model(**shape), decoding(*contexts))
    program = mapped(phase, npu)
    commands = run_commands(program)
    macs = sum(command.macs for command in commands)
    assert macs == attention_macs(phase)
    memory = device_of(npu)
    assert memory.pim is not None
    per_comp = memory.banks // memory.pim.banks_per_unit * memory.pim.lanes
    comps = sum(run.tiles * run.segments * run.comps for _, run in labelled_runs(commands))
    assert comps * per_comp >= macs
    execution = executed(program, npu)
    assert execution.dram is not None
    assert execution.dram.commands["COMP"] == comps
    skipping = executed(program, npu, every_event=True)
    assert execution.records == skipping.records


@pytest.mark.parametrize("device", ["hbm3-attacc-bank", SAMSUNG, "hbm2-neupims-dual"])
def test_heads_spread_over_channels_where_requests_may_not(device: str) -> None:
    npu = npu_on(device, 4) if device != "hbm2-neupims-dual" else machine(4)
    together, apart = (decoded(npu, 2000, spread=each) for each in ("requests", "heads"))
    assert len(channels_of(together[0])) == 1
    assert channels_of(apart[0]) == {0, 1, 2, 3}
    assert attention_of(*apart) < 0.7 * attention_of(*together)


def test_units_with_registers_take_heads_by_themselves() -> None:
    assert len(channels_of(decoded(npu_on("hbm3-attacc-bank", 4), 500)[0])) == 4
    assert len(channels_of(decoded(machine(4), 500)[0])) == 1


def test_requests_that_are_somewhere_stay_there() -> None:
    (phase,) = phases(model(), decoding(700, 200, channel=2))
    program = mapped(phase, npu_on("hbm3-attacc-bank", 4), spread="heads")
    assert channels_of(program) == {2}


def test_the_row_of_the_registers_holds_no_keys() -> None:
    """HBM-PIM's vectors go through the last row of the banks."""
    npu = npu_on(SAMSUNG, 1)
    rows = device_of(npu).organisation.counts.rows
    (phase,) = phases(model(layers=1), decoding(*[8000] * 20))
    last = max(
        run.first_row + run.tiles for _, run in labelled_runs(run_commands(mapped(phase, npu)))
    )
    assert rows // 2 < last <= rows - 1


def test_estimates_are_in_cycles_of_the_cores() -> None:
    """A cycle of the memory has 769 ps, one of the cores 1,000."""
    npu = npu_on("hbm3-attacc-bank", 1, refresh="none")
    program, execution = decoded(npu, 4096)
    info = next(each for each in program.operators if each.name == "attention")
    estimate = info.mapping["estimated_cycles_of_the_busiest"]
    assert isinstance(estimate, int)
    taken = attention_of(program, execution)
    assert math.isclose(estimate, taken, rel_tol=0.1)
