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

    @field_validator("activations", "kv_cache", "residual", "lm_head")
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
        from simulator.numerics import SCHEMES, nearest_scheme

        try:
            return name if name in SCHEMES else str(cls._known(name))
        except ValueError as error:
            raise ValueError(f"{error}{nearest_scheme(name)}") from None

    @model_validator(mode="after")
    def _groups(self) -> PrecisionSpec:
        from simulator.numerics import SCHEMES

        fields = type(self).model_fields
        keys = ("weight_scale", "weight_zero_point")
        given = {key for key in keys if getattr(self, key) != fields[key].default}
        own = self.weights in SCHEMES
        if own and (self.weight_group_size or given):
            key = "weight_group_size" if self.weight_group_size else min(given)
            raise ValueError(f"{key}: has no meaning with {self.weights}, which says it itself")
        if given and not self.weight_group_size:
            raise ValueError(f"{min(given)}: goes with a weight_group_size of at least 1")
        try:
            self._scheme()
        except CyclelabError as error:
            key = "weight_zero_point" if "zero point" in str(error) else "weight_scale"
            raise ValueError(f"{key}: {error}") from None
        return self

    def _scheme(self) -> Scheme | None:
        """How weights are quantised in groups; None for a scale per column."""
        from simulator.numerics import SCHEMES, Scheme

        if self.weight_group_size:
            zero = self.weight_zero_point
            return Scheme(
                self.weights,
                "group",
                self.weight_group_size,
                scale=self.weight_scale,
                zero_point=zero,
            )
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
        return Formats(
            weights=weights,
            activations=self.activations,
            kv_cache=self.kv_cache or self.activations,
            residual=residual,
            lm_head=self.lm_head or (residual if tied else weights),
            scale_bits=scheme.group_bits if scheme else 0,
            weight_group=scheme.group_size if scheme else 0,
            zero_points=self.weight_zero_point is not None,
            scheme=self.weights if self.weights != weights else "",
        )


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of a run, all decided. Names as in `PrecisionSpec`.

    weight_group: weights that share a scale along k, 0 where a column does; zero_points:
        and a zero point. scale_bits: of both together. scheme: its name, if it has one.
    """

    weights: str
    activations: str
    kv_cache: str
    residual: str
    lm_head: str
    scale_bits: int = 0
    weight_group: int = 0
    zero_points: bool = False
    scheme: str = ""

    def groups_of(self, name: str) -> tuple[int, bool]:
        """Weights stored as `name` that share a scale, and whether they have zero points."""
        return (self.weight_group, self.zero_points) if name == self.weights else (0, False)

    def weight_bits(self, name: str, depth: int = 0) -> float:
        """Bits per weight stored as `name`, the share of its group's scale and zero included.

        depth: weights along k, of which the last group may be a part; 0 for whole groups.
        """
        group = self.weight_group
        if name != self.weights or not group:
            return format_bits(name)
        shared = -(-depth // group) / depth if depth else 1 / group
        return format_bits(name) + self.scale_bits * shared

    def describe(self) -> dict[str, str]:
        """Formats by role, for reports."""
        weights = self.scheme or self.weights
        if self.weight_group and not self.scheme:
            zeros = " with zero points" if self.zero_points else ""
            weights += f" in groups of {self.weight_group}{zeros}"
        return {
            "weights": weights,
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
