"""How the points of a sweep are chosen: all of them, or those that a search proposes."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import Field, model_validator

from simulator.config import Spec

EXHAUSTIVE: Final = "exhaustive"
POPULATION = 50


class SearchSpec(Spec):
    """The `search:` section of a sweep; docs/sweeps.md says what each key means.

    trials: points that are proposed. seed: of the proposals. at_once: proposals under way
    before what came of the first is known. population: points of a generation of NSGA-II.
    """

    method: Literal["exhaustive", "tpe", "nsga2", "random"] = EXHAUSTIVE
    trials: int | None = Field(default=None, ge=1, le=1_000_000)
    seed: int = Field(default=0, ge=0, lt=2**32)
    at_once: int = Field(default=8, ge=1, le=10_000)
    population: int | None = Field(default=None, ge=2, le=10_000)

    @model_validator(mode="after")
    def _of_the_method(self) -> SearchSpec:
        if self.method == EXHAUSTIVE:
            others = self.model_fields_set - {"method"}
            if others:
                raise ValueError(
                    f"{', '.join(sorted(others))} has no meaning without a method: tpe, nsga2 or "
                    "random"
                )
        elif self.trials is None:
            raise ValueError(f"missing key 'trials', how many points {self.method} may try")
        if self.population is not None and self.method != "nsga2":
            raise ValueError(f"population has no meaning for {self.method}, only for nsga2")
        return self
