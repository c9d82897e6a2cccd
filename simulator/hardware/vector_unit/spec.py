"""The vector unit: lanes, and what each function costs per element."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from simulator.config import Spec


class VectorFunctionSpec(Spec):
    """Lane operations per output element of one function, by kind of operation.

    cycles_per_element: issue slots of one lane per element.
    multiplies, adds: arithmetic per element, for energy (an exponential or a
        reciprocal is counted as the multiplies and adds that evaluate it).
    row_latency_cycles: extra per row, for reductions across lanes.
    """

    cycles_per_element: float = Field(gt=0, le=1e6)
    multiplies: float = Field(default=0, ge=0, le=1e6)
    adds: float = Field(default=0, ge=0, le=1e6)
    row_latency_cycles: int = Field(default=0, ge=0, le=10**6)


class VectorUnitSpec(Spec):
    """lanes work in `format`; `latency_cycles` is the pipeline from issue to result."""

    kind: Literal["simd"] = "simd"
    lanes: int = Field(ge=1)
    format: str = "fp32"
    latency_cycles: int = Field(ge=0, le=10**6)
    functions: dict[str, VectorFunctionSpec]

    @model_validator(mode="after")
    def _has_functions(self) -> VectorUnitSpec:
        if not self.functions:
            raise ValueError("a vector unit needs at least one function")
        return self

    def __hash__(self) -> int:
        """Of what can be hashed."""
        return hash((self.lanes, self.format, self.latency_cycles))
