"""Storage formats of weights, activations and KV cache, and the bits they take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import Field, field_validator

from simulator.config import CyclelabError, Spec
from simulator.workload.model import TransformerSpec

DEFAULT_FORMAT = "bf16"

GroupSize = Annotated[int, Field(ge=0)]


class PrecisionSpec(Spec):
    """Formats by name, such as `bf16`, `fp8_e4m3`, `int8` or `int4`.

    weights: of all matrix multiplications except a mixture's router.
    activations: operands of matrix multiplications.
    kv_cache: keys and values; as `activations` if absent.
    residual: everything else: residual stream, outputs of matrix multiplications,
        scores, embedding tables, norms and biases. As `activations` if those are
        floating point of 16 bits or more, else bf16.
    lm_head: weights of the LM head; as `weights` if absent (`residual` if the
        head shares the embedding table).
    weight_group_size: weights that share one scale in `weight_scale` format
        (0: scales are per channel, and not counted).
    """

    weights: str = DEFAULT_FORMAT
    activations: str = DEFAULT_FORMAT
    kv_cache: str | None = None
    residual: str | None = None
    lm_head: str | None = None
    weight_group_size: GroupSize = 0
    weight_scale: str = "fp16"

    @field_validator("weights", "activations", "kv_cache", "residual", "lm_head", "weight_scale")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                format_bits(name)
            except CyclelabError as error:
                raise ValueError(str(error)) from None
        return name

    def resolve(self, model: TransformerSpec | None = None) -> Formats:
        """Fill in the formats that follow from others; `model` decides on the LM head."""
        residual = self.residual
        if residual is None:
            wide = _is_wide_float(self.activations)
            residual = self.activations if wide else DEFAULT_FORMAT
        tied = model is not None and model.tied_embeddings
        scale_bits = format_bits(self.weight_scale) if self.weight_group_size else 0
        return Formats(
            weights=self.weights,
            activations=self.activations,
            kv_cache=self.kv_cache or self.activations,
            residual=residual,
            lm_head=self.lm_head or (residual if tied else self.weights),
            scale_bits_per_weight=scale_bits / max(self.weight_group_size, 1),
        )


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of a run, all decided. Names as in `PrecisionSpec`."""

    weights: str
    activations: str
    kv_cache: str
    residual: str
    lm_head: str
    scale_bits_per_weight: float = 0.0

    def weight_bits(self, name: str) -> float:
        """Bits per weight stored as `name`, the share of its group's scale included."""
        shared = self.scale_bits_per_weight if name == self.weights else 0
        return format_bits(name) + shared

    def describe(self) -> dict[str, str]:
        """Formats by role, for reports."""
        return {
            "weights": self.weights,
            "activations": self.activations,
            "kv_cache": self.kv_cache,
            "residual": self.residual,
            "lm_head": self.lm_head,
        }


@cache
def format_bits(name: str) -> int:
    """Bits of one element; raises CyclelabError for an unknown format."""
    from simulator.numerics import format_named

    return format_named(name).bits


def _is_wide_float(name: str) -> bool:
    from simulator.numerics import format_named

    return format_named(name).kind == "float" and format_bits(name) >= 16
