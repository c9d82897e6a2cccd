"""What planning one kernel needs to know, and what it comes to."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from fractions import Fraction
from typing import Any, NamedTuple, Protocol, TypeVar

from simulator.config import CyclelabError
from simulator.hardware.matrix_unit import MatrixUnit
from simulator.mapping.builder import ProgramBuilder
from simulator.mapping.errors import FixedChoiceError, NoMappingError
from simulator.mapping.facts import KernelFacts
from simulator.mapping.formats import FormatChoice, choose_formats, other_format
from simulator.mapping.kernels import Kernel
from simulator.mapping.lowering import KernelPart
from simulator.mapping.regions import Place
from simulator.mapping.spec import MappingSpec, TileChoice
from simulator.mapping.tiling import Budget
from simulator.workload.operators import Operator, Segment, Tensor


class Tiling(Protocol):
    """What every tiling estimates, in cycles of the core clock."""

    @property
    def estimated_cycles(self) -> int:
        """Time of the busiest core."""


ProblemT = TypeVar("ProblemT")
TilingT = TypeVar("TilingT", bound=Tiling)


class Elsewhere(NamedTuple):
    """Where a kernel is bound that neither matrix nor vector units of the machine run.

    primary: queue that its time is accounted on; bound_cycles: that it takes there at least;
    peak_macs_per_cycle: of the core clock, 0 without MACs.
    read_bytes, write_bytes: that the memory's data buses cannot but move.
    """

    primary: int
    bound_cycles: int
    peak_macs_per_cycle: Fraction
    read_bytes: int
    write_bytes: int


class Plan(NamedTuple):
    """Lowerings of a kernel's parts, the unit that runs them, and facts for people.

    unit: its name; of a matrix unit, its index among those of the machine's resources.
    """

    lowerings: Sequence[KernelPart]
    unit: str | int
    mapping: dict[str, object]
    elsewhere: Elsewhere | None = None


@dataclass(slots=True)
class Planning:
    """One phase's planning: what is shared by all its kernels.

    memory: tilings found so far, kept from phase to phase.
    used_patterns: fixed tilings that matched an operator.
    weight_bytes: that main memory holds beside everything else.
    """

    builder: ProgramBuilder
    spec: MappingSpec
    memory: dict[Hashable, Any]
    used_patterns: set[str]
    weight_bytes: int

    def place(self, job: KernelJob, tensors: Sequence[Tensor], pass_bytes: int = 0) -> Place | None:
        """Where commands of a kernel that move all these tensors find them (`RegionTable`)."""
        return self.builder.regions.place(job.segment, tensors, pass_bytes)

    @property
    def matrix_units(self) -> tuple[MatrixUnit[Any], ...]:
        """The machine's matrix units, and they again at work on narrower weights."""
        return self.builder.resources.matrix_units

    def fixed(self, name: str, settings: tuple[str, ...]) -> tuple[TileChoice, str]:
        """The user's tiling for an operator, and the pattern it stands under.

        The first pattern that matches the name and fixes one of `settings` holds.
        """
        for pattern, choice in self.spec.operators.items():
            if fnmatchcase(name, pattern) and choice.concerns(settings):
                self.used_patterns.add(pattern)
                return choice, pattern
        return TileChoice(), ""

    def fastest(
        self,
        operator: Operator,
        formats: tuple[str, str],
        fixed: tuple[TileChoice, str],
        tile: Callable[[MatrixUnit[Any], FormatChoice], list[tuple[ProblemT, TilingT]]],
        only: int | None = None,
    ) -> tuple[int, list[tuple[ProblemT, TilingT]]]:
        """Index of the matrix unit with the least estimated time, and its tilings.

        fixed: what the user chose, and the pattern it stands under.
        tile: tiles the operator on a unit, or raises NoMappingError, which is raised
        on if no unit takes it; CyclelabError if none takes the formats.
        only: the unit that the graph is made for; without one, all that take activations
            as they are.
        """
        best: tuple[int, int, list[tuple[ProblemT, TilingT]]] | None = None
        too_small: NoMappingError | None = None
        for index, unit in self._units(fixed, only):
            accepted = choose_formats(unit, *formats)
            if accepted is None:
                continue
            try:
                tiled = tile(unit, accepted)
            except NoMappingError as error:
                too_small = error
                continue
            cycles = sum(tiling.estimated_cycles for _, tiling in tiled)
            if best is None or cycles < best[0]:
                best = (cycles, index, tiled)
        if best is None:
            raise too_small or self._no_unit(operator, formats, fixed)
        return best[1:]

    def _units(
        self, fixed: tuple[TileChoice, str], only: int | None
    ) -> list[tuple[int, MatrixUnit[Any]]]:
        """Matrix units to choose from, with their indices."""
        choice, pattern = fixed
        units = list(enumerate(self.matrix_units))
        if only is not None:
            return [units[only]]
        if choice.unit is not None:
            units = [units[index] for index in self._named(choice.unit, pattern)]
        return [(index, unit) for index, unit in units if unit.preparation is None]

    def _named(self, unit: str, pattern: str) -> Sequence[int]:
        try:
            return self.builder.resources.units_named(unit)
        except CyclelabError as error:
            raise FixedChoiceError(pattern, "unit", str(error)) from None

    def _no_unit(
        self, operator: Operator, formats: tuple[str, str], fixed: tuple[TileChoice, str]
    ) -> CyclelabError:
        """The error when no matrix unit takes an operator's formats."""
        choice, pattern = fixed
        units, who = self.matrix_units, "no matrix unit of the machine"
        if choice.unit is not None:
            units = tuple(units[index] for index in self._named(choice.unit, pattern))
            who = f"{choice.unit} never"
        pairs = sorted({pair for unit in units for pair in unit.format_pairs})
        reason = (
            f"{who} multiplies {formats[0]} activations by {formats[1]} weights, as operator "
            f"{operator.name!r} needs; supported: {', '.join(f'{a} x {b}' for a, b in pairs)}"
            f"{other_format(operator, formats[0], pairs)}"
        )
        if choice.unit is not None:
            return FixedChoiceError(pattern, "unit", reason)
        return CyclelabError(reason)


@dataclass(frozen=True, slots=True)
class KernelJob:
    """A kernel to plan: where it is, its index in the operator table, its bytes.

    live_bytes: of activations that stay on chip while it runs.
    """

    segment: Segment
    kernel: Kernel
    operator: int
    facts: KernelFacts
    live_bytes: int


def does_not_fit(
    operator: str, least: tuple[int, int], budget: Budget, pattern: str
) -> NoMappingError:
    """The error when even the least scratchpad and accumulator bytes are too many.

    pattern: under which the user fixed the tiles, if any.
    """
    scratchpad, psums = least
    if budget.accumulator_bytes is not None and psums > budget.accumulator_bytes:
        return NoMappingError(operator, "accumulator", psums, budget.accumulator_bytes, pattern)
    return NoMappingError(operator, "scratchpad", scratchpad, budget.scratchpad_bytes, pattern)
