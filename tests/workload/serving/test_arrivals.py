"""Which requests arrive, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from simulator.config import ConfigError
from simulator.workload.serving.arrivals import arrivals_of
from simulator.workload.serving.lengths import draw_lengths, load_lengths
from simulator.workload.serving.spec import ServingSpec


def spec(requests: dict[str, Any], **changes: Any) -> ServingSpec:
    return ServingSpec.model_validate({"requests": requests, "batch": 4} | changes)


@pytest.mark.parametrize(("name", "means"), [("sharegpt", (80, 296)), ("alpaca", (12, 56))])
def test_drawn_lengths_have_the_published_means(name: str, means: tuple[int, int]) -> None:
    """Of 100,000 requests that nothing cuts; the error of a mean is below 1 %."""
    drawn = np.array(draw_lengths(load_lengths(name), 100_000, 0, 10**6))
    assert drawn.min() >= 1
    assert drawn.mean(axis=0) == pytest.approx(means, rel=0.02)


def test_drawn_lengths_vary_as_stated() -> None:
    drawn = np.array(draw_lengths(load_lengths("sharegpt"), 200_000, 3, 10**6))
    assert drawn.std(axis=0) / drawn.mean(axis=0) == pytest.approx([1.3, 0.9], rel=0.03)


def test_nothing_exceeds_the_models_context() -> None:
    drawn = np.array(draw_lengths(load_lengths("sharegpt"), 5000, 0, 256))
    assert drawn.min() >= 1 and drawn.sum(axis=1).max() == 256


def test_the_same_seed_draws_the_same() -> None:
    lengths = load_lengths("alpaca")
    assert draw_lengths(lengths, 50, 1, 2048) == draw_lengths(lengths, 50, 1, 2048)
    assert draw_lengths(lengths, 50, 1, 2048) != draw_lengths(lengths, 50, 2, 2048)


def test_poisson_arrivals_come_at_their_rate() -> None:
    wanted = {"lengths": "alpaca", "count": 20_000}
    found = arrivals_of(spec(wanted, arrivals="poisson", requests_per_s=50.0), 2048)
    times = np.array([each.arrival_fs for each in found]) * 1e-15
    between = np.diff(times)
    assert between.min() >= 0
    assert between.mean() == pytest.approx(0.02, rel=0.03)
    assert between.std() == pytest.approx(0.02, rel=0.05)


def test_arrivals_of_azures_trace() -> None:
    """The first two: 18:15:46.680590 with 374 and 44 tokens, 18:15:50.995169 with 396 and 109."""
    wanted = {"trace": "AzureLLMInferenceTrace_conv", "count": 2}
    found = arrivals_of(spec(wanted, arrivals="trace"), 4096)
    assert [(each.prompt_tokens, each.output_tokens) for each in found] == [(374, 44), (396, 109)]
    assert [each.arrival_fs for each in found] == [0, 4_314_579 * 10**9]


def test_arrivals_in_seconds(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n1.5,4,2\n2.25,5,3\n")
    found = arrivals_of(spec({"trace": str(file), "count": 2}, arrivals="trace"), 4096)
    assert [each.arrival_fs for each in found] == [0, 750 * 10**12]
    at_once = arrivals_of(spec({"trace": str(file), "count": 2}), 4096)
    assert [each.arrival_fs for each in at_once] == [0, 0]


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("soon,5,3", r"trace.csv:3: found 'soon', expected when the request arrived"),
        ("1.0,5,3", r"trace.csv:3: the request arrives before the one above it"),
    ],
)
def test_wrong_times_are_said_with_their_line(tmp_path: Path, second: str, said: str) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(f"arrived_at,num_prefill_tokens,num_decode_tokens\n1.5,4,2\n{second}\n")
    with pytest.raises(ConfigError, match=said):
        arrivals_of(spec({"trace": str(file), "count": 2}, arrivals="trace"), 4096)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"arrivals": "poisson"}, "poisson needs requests_per_s"),
        ({"requests_per_s": 3}, "no meaning with arrivals: at_once"),
        ({"arrivals": "trace"}, "needs requests of a trace"),
        (
            {"start": "midway", "arrivals": "poisson", "requests_per_s": 1},
            "needs arrivals: at_once",
        ),
        ({"alike": {"work": 0.1}}, "alike has no meaning with steps: every"),
        ({"requests": {"count": 3}}, "exactly one of lengths and trace, found neither"),
        ({"requests": {"lengths": "a", "trace": "b", "count": 3}}, "found both"),
        ({"requests": {"lengths": "a", "offset": 2, "count": 3}}, "offset has no meaning"),
        ({"requests": {"trace": "a", "seed": 2, "count": 3}}, "seed has no meaning"),
    ],
)
def test_what_does_not_fit_together(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        spec({"lengths": "alpaca", "count": 1}, **changes) if "requests" not in changes else (
            ServingSpec.model_validate({"batch": 4} | changes)
        )


def test_time_zones_count(tmp_path: Path) -> None:
    """Six decimals and zones: an hour and a second apart."""
    file = tmp_path / "trace.csv"
    lines = ("2024-05-10 00:00:00.009930+02:00,4,2", "2024-05-10 00:00:01.009930+01:00,5,3")
    file.write_text("TIMESTAMP,ContextTokens,GeneratedTokens\n" + "\n".join(lines) + "\n")
    found = arrivals_of(spec({"trace": str(file), "count": 2}, arrivals="trace"), 4096)
    assert [each.arrival_fs for each in found] == [0, 3601 * 10**15]
