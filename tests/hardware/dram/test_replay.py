"""Traces through one channel and several."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from simulator.config import ConfigError
from simulator.hardware.dram.channel import ChannelResult, simulate_requests
from simulator.hardware.dram.controller import ControllerSpec
from simulator.hardware.dram.load import load_device
from simulator.hardware.dram.replay import merged, replay

HBM2 = load_device("hbm2-2000")
CONTROLLER = ControllerSpec()


def requests(count: int, seed: int, spread: int = 0) -> np.ndarray:
    """Random requests that arrive within `spread` cycles."""
    generator = np.random.default_rng(seed)
    arrive = np.sort(generator.integers(0, spread + 1, count))
    columns = [generator.integers(0, size, count) for size in (2, HBM2.banks, 64, 32)]
    return np.column_stack([arrive, *columns])


def assert_equal(one: ChannelResult, other: ChannelResult) -> None:
    for field in fields(ChannelResult):
        mine, others = getattr(one, field.name), getattr(other, field.name)
        assert np.array_equal(mine, others) if isinstance(mine, np.ndarray) else mine == others


@pytest.mark.parametrize("sizes", [[300], [1, 299], [100] * 3, [7] * 42 + [6]])
def test_chunks_change_nothing(sizes: list[int]) -> None:
    rows = requests(300, seed=1, spread=500)
    parts = np.split(rows, np.cumsum(sizes)[:-1])
    (found,) = replay(HBM2, CONTROLLER, [[part] for part in parts])
    assert_equal(found, simulate_requests(HBM2, CONTROLLER, [rows]))
    assert merged([found]) is found


def test_channels_are_strangers() -> None:
    """Each does what it would do alone, with empty chunks in between."""
    first, second = requests(200, 2), requests(300, 3)
    nothing = first[:0]
    chunks = [[first[:50], nothing], [nothing, second], [first[50:], nothing]]
    found = replay(HBM2, CONTROLLER, chunks)
    assert_equal(found[0], simulate_requests(HBM2, CONTROLLER, [first]))
    assert_equal(found[1], simulate_requests(HBM2, CONTROLLER, [second]))


def test_merging_adds_counts_and_takes_the_longest_time() -> None:
    found = replay(HBM2, CONTROLLER, [[requests(50, 4), requests(2000, 5)]])
    total = merged(found)
    assert found[0].bin_cycles < found[1].bin_cycles == total.bin_cycles
    assert total.cycles == max(one.cycles for one in found)
    assert total.reads + total.writes == 2050
    assert total.latency_counts.sum() == total.reads
    assert total.activity.shape == (4, 2 * HBM2.banks, 256)
    both = [one.activity.sum(axis=2) for one in found]
    assert np.array_equal(total.activity.sum(axis=2), np.concatenate(both, axis=1))
    for name, number in total.commands.items():
        assert number == sum(one.commands[name] for one in found)
    mean = sum(one.latency_mean_cycles * one.reads for one in found) / total.reads
    assert total.latency_mean_cycles == pytest.approx(mean)
    assert total.latency_max_cycles == max(one.latency_max_cycles for one in found)


def test_a_channel_without_requests() -> None:
    total = merged(replay(HBM2, CONTROLLER, [[requests(50, 6), requests(0, 7)]]))
    assert total.reads + total.writes == 50


def test_progress_after_each_chunk() -> None:
    seen: list[None] = []
    rows = requests(30, 8)
    replay(HBM2, CONTROLLER, [[rows[:10]], [rows[10:]]], lambda: seen.append(None))
    assert len(seen) == 2


def test_a_wrong_trace_is_noticed_before_anything_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def chunks() -> object:
        raise ConfigError("wrong")
        yield

    monkeypatch.setattr("simulator.hardware.dram.replay.Channel", None)
    with pytest.raises(ConfigError):
        replay(HBM2, CONTROLLER, chunks())  # type: ignore[arg-type]
