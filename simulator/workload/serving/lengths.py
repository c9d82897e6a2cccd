"""Distributions of prompt and output lengths, and requests drawn from them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from simulator.config import Spec, load_preset, validate


class LengthSpec(Spec):
    """Tokens, distributed log-normally and rounded, at least 1.

    variation: the standard deviation as a share of the mean.
    """

    mean_tokens: Annotated[float, Field(ge=1.0, le=1e7)]
    variation: Annotated[float, Field(ge=0.0, le=10.0)]

    def draw(self, generator: np.random.Generator, count: int) -> np.ndarray:
        """`count` lengths; int64."""
        variance = math.log1p(self.variation**2)
        centre = math.log(self.mean_tokens) - variance / 2
        drawn = generator.lognormal(centre, math.sqrt(variance), count)
        return np.maximum(1, np.rint(drawn)).astype(np.int64)


class LengthsSpec(Spec):
    """Prompts and outputs, drawn independently of each other."""

    name: str
    description: str = ""
    prompt: LengthSpec
    output: LengthSpec


def load_lengths(name: str, relative_to: Path | None = None) -> LengthsSpec:
    """The shipped distribution `name`, or the one in a file. Raises ConfigError."""
    return validate(LengthsSpec, load_preset("lengths", name, relative_to))


def draw_lengths(
    spec: LengthsSpec, count: int, seed: int, max_context: int
) -> list[tuple[int, int]]:
    """(prompt, output) tokens of `count` requests, of which none exceeds `max_context`.

    What is too long is cut: prompts to `max_context` - 1 tokens, outputs to what is left.
    """
    generator = np.random.default_rng(seed)
    prompts = np.minimum(spec.prompt.draw(generator, count), max_context - 1)
    outputs = np.minimum(spec.output.draw(generator, count), max_context - prompts)
    return [(int(p), int(o)) for p, o in zip(prompts, outputs, strict=True)]
