"""Storage formats of weights, activations and KV cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from simulator.config import CyclelabError, Spec
from simulator.workload.model import TransformerSpec
from simulator.workload.storage import WeightStorage, format_bits, storage_named, storage_of

DEFAULT_FORMAT = "bf16"
GroupSize = Annotated[int, Field(ge=0)]


class PrecisionSpec(Spec):
    """Formats by name, such as `bf16`, `fp8_e4m3`, `int8` or `int4`.

    weights: of all matrix multiplications except a mixture's router; a number format,
        a quantisation scheme such as `mxfp4`, or a GGUF type such as `q4_k`, whose scales
        count.
    activations: operands of matrix multiplications.
    kv_cache: keys and values; as `activations` if absent.
    residual: everything else: residual stream, outputs of matrix multiplications,
        scores, embedding tables, norms and biases. As `activations` if those are
        floating point of 16 bits or more, else bf16.
    lm_head: weights of the LM head, named as `weights` are; as those if absent
        (`residual` if the head shares the embedding table).
    router: weights of a mixture's router, named as `weights` are; `residual` if absent.
    weight_group_size: weights that share one scale in `weight_scale` format, and a
        zero point in `weight_zero_point` if that is given (0: scales are per channel,
        and not counted).
    """

    weights: str = DEFAULT_FORMAT
    activations: str = DEFAULT_FORMAT
    kv_cache: str | None = None
    residual: str | None = None
    lm_head: str | None = None
    router: str | None = None
    weight_group_size: GroupSize = 0
    weight_scale: str = "fp16"
    weight_zero_point: str | None = None

    @field_validator("activations", "kv_cache", "residual")
    @classmethod
    def _known(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                format_bits(name)
            except CyclelabError as error:
                raise ValueError(str(error)) from None
        return name

    @field_validator("weights", "lm_head", "router")
    @classmethod
    def _known_storage(cls, name: str | None) -> str | None:
        if name is not None:
            try:
                storage_named(name)
            except CyclelabError as error:
                raise ValueError(str(error)) from None
        return name

    @model_validator(mode="after")
    def _groups(self) -> PrecisionSpec:
        fields = type(self).model_fields
        keys = ("weight_scale", "weight_zero_point")
        given = {key for key in keys if getattr(self, key) != fields[key].default}
        own = storage_named(self.weights).name
        if own and (self.weight_group_size or given):
            key = "weight_group_size" if self.weight_group_size else min(given)
            raise ValueError(f"{key}: has no meaning with {self.weights}, which says it itself")
        if given and not self.weight_group_size:
            raise ValueError(f"{min(given)}: goes with a weight_group_size of at least 1")
        try:
            self._storage()
        except CyclelabError as error:
            key = "weight_zero_point" if "zero point" in str(error) else "weight_scale"
            raise ValueError(f"{key}: {error}") from None
        return self

    def _storage(self) -> WeightStorage:
        """How weights are stored, in groups if that is asked for."""
        from simulator.numerics import Scheme

        if not self.weight_group_size:
            return storage_named(self.weights)
        scheme = Scheme(
            self.weights,
            "group",
            self.weight_group_size,
            scale=self.weight_scale,
            zero_point=self.weight_zero_point,
        )
        return storage_of(scheme)

    def resolve(self, model: TransformerSpec | None = None) -> Formats:
        """Fill in the formats that follow from others; `model` decides on the LM head."""
        residual = self.residual
        if residual is None:
            wide = _is_wide_float(self.activations)
            residual = self.activations if wide else DEFAULT_FORMAT
        tied = model is not None and model.tied_embeddings
        weights = self._storage()

        def stored(name: str) -> WeightStorage:
            return weights if name == self.weights else storage_named(name)

        head = self.lm_head or (residual if tied else self.weights)
        routes = model is not None and model.experts > 0
        return Formats(
            weights=weights,
            activations=self.activations,
            kv_cache=self.kv_cache or self.activations,
            residual=residual,
            lm_head=stored(head),
            router=stored(self.router or residual) if routes else None,
        )


@dataclass(frozen=True, slots=True)
class Formats:
    """The formats of a run, all decided. Names as in `PrecisionSpec`; router None: no mixture."""

    weights: WeightStorage
    activations: str
    kv_cache: str
    residual: str
    lm_head: WeightStorage
    router: WeightStorage | None = None

    def describe(self) -> dict[str, str]:
        """Formats by role, for reports."""
        router = {"router": self.router.describe()} if self.router else {}
        return {
            "weights": self.weights.describe(),
            "activations": self.activations,
            "kv_cache": self.kv_cache,
            "residual": self.residual,
            "lm_head": self.lm_head.describe(),
            **router,
        }


def _is_wide_float(name: str) -> bool:
    from simulator.numerics import format_named

    return format_named(name).kind == "float" and format_bits(name) >= 16
