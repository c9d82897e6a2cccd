"""Storage formats of weights, activations and KV cache, and the bits they take."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator, model_validator

from simulator.config import CyclelabError, Spec
from simulator.workload.model import TransformerSpec

if TYPE_CHECKING:
    from simulator.numerics import Scheme

DEFAULT_FORMAT = "bf16"
WHOLE_BYTES = 40
"""Elements that fill bytes without a rest, whatever their format."""

GroupSize = Annotated[int, Field(ge=0)]


class PrecisionSpec(Spec):
    """Formats by name, such as `bf16`, `fp8_e4m3`, `int8` or `int4`.

    weights: of all matrix multiplications except a mixture's router; a number format,
        or a quantisation scheme such as `mxfp4`, whose scales count.
    activations: operands of matrix multiplications.
    kv_cache: keys and values; as `activations` if absent.
    residual: everything else: residual stream, outputs of matrix multiplications,
        scores, embedding tables, norms and biases. As `activations` if those are
        floating point of 16 bits or more, else bf16.
    lm_head: weights of the LM head; as `weights` if absent (`residual` if the
        head shares the embedding table).
    weight_group_size: weights that share one scale in `weight_scale` format, and a
        zero point in `weight_zero_point` if that is given (0: scales are per channel,
        and not counted).
    """

    weights: str = DEFAULT_FORMAT
    activations: str = DEFAULT_FORMAT
    kv_cache: str | None = None
    residual: str | None = None
    lm_head: str | None = None
    weight_group_size: GroupSize = 0
    weight_scale: str = "fp16"
    weight_zero_point: str | None = None

    @field_validator(
        "activations", "kv_cache", "residual", "lm_head", "weight_scale", "weight_zero_point"
    )
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                format_bits(name)
            except CyclelabError as error:
                raise ValueError(str(error)) from None
        return name

    @field_validator("weights")
    @classmethod
    def _known_weights(cls, name: str) -> str:
        from simulator.numerics import SCHEMES

        return name if name in SCHEMES else str(cls._known(name))

    @model_validator(mode="after")
    def _groups(self) -> PrecisionSpec:
        scheme = self._scheme()
        if scheme is not None and (self.weight_group_size or self.weight_zero_point):
            key = "weight_group_size" if self.weight_group_size else "weight_zero_point"
            raise ValueError(f"{key}: has no meaning with {self.weights}, which says it itself")
        if self.weight_zero_point and not self.weight_group_size:
            raise ValueError("weight_zero_point: goes with a weight_group_size of at least 1")
        return self

    def _scheme(self) -> Scheme | None:
        from simulator.numerics import SCHEMES

        return SCHEMES.get(self.weights)

    def resolve(self, model: TransformerSpec | None = None) -> Formats:
        """Fill in the formats that follow from others; `model` decides on the LM head."""
        residual = self.residual
        if residual is None:
            wide = _is_wide_float(self.activations)
            residual = self.activations if wide else DEFAULT_FORMAT
        tied = model is not None and model.tied_embeddings
        scheme = self._scheme()
        weights = scheme.element if scheme else self.weights
        shared = scheme.shared_bits_per_element if scheme else 0.0
        if self.weight_group_size:
            zero = format_bits(self.weight_zero_point) if self.weight_zero_point else 0
            shared = (format_bits(self.weight_scale) + zero) / self.weight_group_size
        return Formats(
            weights=weights,
            activations=self.activations,
            kv_cache=self.kv_cache or self.activations,
            residual=residual,
            lm_head=self.lm_head or (residual if tied else weights),
            scale_bits_per_weight=shared,
            weight_group=scheme.group_size if scheme else self.weight_group_size,
            zero_points=self.weight_zero_point is not None,
        )


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of a run, all decided. Names as in `PrecisionSpec`.

    weight_group: weights that share a scale along k, 0 where a column does; zero_points:
        and a zero point.
    """

    weights: str
    activations: str
    kv_cache: str
    residual: str
    lm_head: str
    scale_bits_per_weight: float = 0.0
    weight_group: int = 0
    zero_points: bool = False

    def groups_of(self, name: str) -> tuple[int, bool]:
        """Weights stored as `name` that share a scale, and whether they have zero points."""
        return (self.weight_group, self.zero_points) if name == self.weights else (0, False)

    def weight_bits(self, name: str) -> float:
        """Bits per weight stored as `name`, the share of its group's scale and zero included."""
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
def format_bits(name: str) -> int | float:
    """Bits of one element in memory; raises CyclelabError for an unknown format."""
    from simulator.numerics import format_named, packed_bits

    bits = packed_bits(name, WHOLE_BYTES) / WHOLE_BYTES
    return format_named(name).bits if bits == int(bits) else bits


def _is_wide_float(name: str) -> bool:
    from simulator.numerics import format_named

    return format_named(name).kind == "float" and format_bits(name) >= 16
