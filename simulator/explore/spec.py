"""Comparisons in YAML: an experiment, and the cases of it that are compared."""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import Field, PrivateAttr, model_validator

from simulator.config import (
    CyclelabError,
    Document,
    Spec,
    find,
    list_presets,
    load_document,
    nearest,
    validate,
)
from simulator.config.nodes import Node
from simulator.explore.case import CaseSpec, check_distinct, named

Equal = Literal["none", "area", "peak", "power"]
EQUAL: tuple[Equal, ...] = get_args(Equal)
FEWEST_CASES = 2


class ComparisonSpec(Spec):
    """Cases of one experiment; the first is what others are compared with.

    equal: what the first kind of matrix unit of every case is sized to, that of the
        case it is compared with: `area`, `peak` in multiply-accumulates per cycle, or
        `power` when busy.
    """

    name: str
    title: str
    notes: tuple[str, ...] = ()
    equal: Equal = "none"
    experiment: dict[str, Any]
    cases: tuple[CaseSpec, ...] = Field(min_length=FEWEST_CASES)

    _document: Document | None = PrivateAttr(default=None)
    _shared: Document | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _distinct(self) -> ComparisonSpec:
        check_distinct(self.cases)
        first = self.cases[0]
        if first.per not in (None, first.name):
            raise ValueError(
                f"cases.0.per: the first case, {first.name!r}, is what others are compared with: "
                "it has no `per`"
            )
        return self

    @classmethod
    def read(cls, document: Document) -> ComparisonSpec:
        """The comparison of a document, which says where mistakes stand; raises ConfigError."""
        spec = validate(cls, document)
        spec._document = document
        return spec

    def sharing(self, experiment: Document) -> ComparisonSpec:
        """This comparison, whose cases share the experiment of a file of its own."""
        spec = self.model_copy()
        spec._shared = experiment
        return spec

    @property
    def of_machines(self) -> bool:
        """Whether it was made of names, and stands in no file."""
        return self._document is None

    @property
    def shared(self) -> Document:
        """The experiment that all cases share, as it was written."""
        if self._shared is not None:
            return self._shared
        node = self._document.node(("experiment",)) if self._document else None
        return Document.from_data(self.experiment) if node is None else Document(node)

    def written(self, case: CaseSpec) -> Node | None:
        """A case as it stands in the file; None if it does not come from one."""
        for index, each in enumerate(self._document.data["cases"] if self._document else ()):
            if self._document and each["name"] == case.name:
                return self._document.node(("cases", index))
        return None

    def baseline(self, case: CaseSpec) -> CaseSpec:
        """The case that another is compared with; raises CyclelabError for an unknown one."""
        if case.per is None:
            return self.cases[0]
        where = f"case {case.name!r}: per"
        try:
            found = named(self.cases, case.per, where)
            if found.per in (None, found.name):
                return found
            raise CyclelabError(f"{where}: {found.name!r} is itself compared with {found.per!r}")
        except CyclelabError as error:
            written = self.written(case)
            if written is None:
                raise
            raise Document(written).error(("per",), str(error)) from None


def comparisons() -> list[str]:
    """Names of all shipped comparisons."""
    return list_presets("comparisons")


def load_comparison(name: str) -> ComparisonSpec:
    """A comparison by preset name or path; raises CyclelabError for an unknown one."""
    return ComparisonSpec.read(load_document(find("comparisons", name)))


def equal_named(text: str, where: str = "--equal") -> Equal:
    """What is to be equal; raises CyclelabError for anything else. where: it was given."""
    for each in EQUAL:
        if text == each:
            return each
    hint = nearest(text, EQUAL)
    raise CyclelabError(
        f"{where}: found {text!r}, expected one of {', '.join(EQUAL)}"
        + (f"; did you mean {hint!r}?" if hint else "")
    )
