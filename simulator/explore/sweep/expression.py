"""Conditions such as `rows * columns <= 16384 and dataflow != 'output_stationary'`.

    condition := both ("or" both)*
    both      := comparison ("and" comparison)*
    comparison:= sum ("=="|"!="|"<"|"<="|">"|">=") sum | sum ["not"] "in" list
    sum       := product (("+"|"-") product)*
    product   := atom (("*"|"/") atom)*
    atom      := number | 'text' | true | false | name | "-" atom | "(" condition ")"

A name is a key path, an axis or a measure. Nothing else can be said, and nothing is executed.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from simulator.config import CyclelabError

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_]\w*(?:\.\w+)*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")|(?P<sign>==|!=|<=|>=|[-+*/<>()\[\],]))"
)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_CALCULATE: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
}
_WORDS = ("and", "or", "not", "in")
_CONSTANTS = {"true": True, "false": False}
LEAST_MISSED = 1e-9
"""What a comparison of equals misses by, such as 3 < 3."""
MOST_NESTED = 20
"""Parentheses and signs within each other."""

Lookup = Callable[[str], Any]
"""The value of a name."""
Part = Callable[[Lookup], Any]


class UnknownNameError(CyclelabError):
    """A condition speaks of something that is not there."""


class Verdict(int):
    """True or false, with how far it is from being true, 0 to 1."""

    missed_by: float

    def __new__(cls, holds: bool, missed_by: float = 1.0) -> Verdict:
        """As 1 or 0; what holds misses by nothing."""
        found = super().__new__(cls, holds)
        found.missed_by = 0.0 if holds else missed_by
        return found


@dataclass(frozen=True)
class Condition:
    """A condition as it was written, and the names in it."""

    text: str
    names: tuple[str, ...]
    part: Part

    def holds(self, lookup: Lookup) -> bool:
        """Whether it is true; raises CyclelabError for values that cannot be compared."""
        return bool(self._value(lookup))

    def missed_by(self, lookup: Lookup) -> float:
        """How far it is from being true, 0 to 1; raises as `holds`.

        Numbers that are compared miss by their difference, as a share of the larger; of what
        `and` joins the first that is false counts, of `or` the nearest.
        """
        value = self._value(lookup)
        return _missed_by(value)

    def _value(self, lookup: Lookup) -> Any:
        try:
            return self.part(lookup)
        except (TypeError, ZeroDivisionError, OverflowError) as error:
            values = ", ".join(f"{name} is {lookup(name)!r}" for name in self.names)
            raise CyclelabError(f"{self.text!r} says nothing where {values}: {error}") from None


def parse_condition(text: str) -> Condition:
    """Read a condition; raises CyclelabError that says what was expected where."""
    parser = _Parser(text)
    part = parser.condition()
    parser.end()
    return Condition(text, tuple(dict.fromkeys(parser.names)), part)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.names: list[str] = []
        self.tokens = list(_tokens(text))
        self.place = 0
        self.depth = 0
        self.compared = 0

    def condition(self) -> Part:
        parts = self._listed(self._both, "or")
        return parts[0] if len(parts) == 1 else lambda look: _either(part(look) for part in parts)

    def end(self) -> None:
        if self.place < len(self.tokens):
            raise self._error("and, or or the end")

    def _both(self) -> Part:
        parts = self._listed(self._comparison, "and")
        return parts[0] if len(parts) == 1 else lambda look: _all(part(look) for part in parts)

    def _listed(self, one: Callable[[], Part], word: str) -> list[Part]:
        parts = [one()]
        while self._taken(word):
            parts.append(one())
        return parts

    def _comparison(self) -> Part:
        before, left = self.compared, self._sum()
        if self._next() in (("name", "not"), ("name", "in")):
            negated = self._taken("not")
            if not self._taken("in"):
                raise self._error("in")
            self.compared += 1
            values = self._list()
            return lambda look: (left(look) in [value(look) for value in values]) != negated
        kind, sign = self._next()
        if kind != "sign" or sign not in _COMPARE:
            if self.depth or self.compared > before:  # in parentheses a sum, or what was one
                return left
            raise self._error("a comparison: ==, !=, <, <=, >, >= or in [...]")
        self.place += 1
        self.compared += 1
        compare, right = _COMPARE[sign], self._sum()
        return lambda look: _compared(compare, left(look), right(look))

    def _list(self) -> list[Part]:
        self._take("[")
        values = self._listed(self._sum, ",")
        self._take("]")
        return values

    def _sum(self) -> Part:
        return self._chain(self._product, "+-")

    def _product(self) -> Part:
        return self._chain(self._atom, "*/")

    def _chain(self, one: Callable[[], Part], signs: str) -> Part:
        left = one()
        while self._next()[0] == "sign" and self._next()[1] in signs:
            sign = self._next()[1]
            self.place += 1
            left = _calculated(_CALCULATE[sign], left, one())
        return left

    def _atom(self) -> Part:
        kind, token = self._next()
        if kind == "end" or (kind == "name" and token in _WORDS):
            raise self._error("a name, a number or a 'text'")
        self.place += 1
        if kind == "number":
            value: Any = int(token) if token.isdecimal() else float(token)
            return lambda look: value
        if kind == "text":
            return lambda look: token[1:-1]
        if token in _CONSTANTS:
            return lambda look: _CONSTANTS[token]
        if kind == "name":
            self.names.append(token)
            return lambda look: look(token)
        return self._nested(token)

    def _nested(self, sign: str) -> Part:
        self.depth += 1
        if self.depth > MOST_NESTED:
            raise CyclelabError(f"{self.text!r}: nested deeper than {MOST_NESTED} levels")
        if sign == "(":
            inner = self.condition()
            self._take(")")
        elif sign == "-":
            negative = self._atom()

            def inner(look: Lookup) -> Any:
                return -negative(look)
        else:
            self.place -= 1
            raise self._error("a name, a number or a 'text'")
        self.depth -= 1
        return inner

    def _next(self) -> tuple[str, str]:
        return self.tokens[self.place] if self.place < len(self.tokens) else ("end", "")

    def _taken(self, token: str) -> bool:
        found = self._next()[1] == token and self._next()[0] != "text"
        self.place += found
        return found

    def _take(self, token: str) -> None:
        if not self._taken(token):
            raise self._error(token)

    def _error(self, expected: str) -> CyclelabError:
        kind, token = self._next()
        found = "nothing more" if kind == "end" else repr(token)
        return CyclelabError(f"{self.text!r}: found {found}, expected {expected}")


def _compared(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> Verdict:
    if compare(left, right):
        return Verdict(True)
    if not (isinstance(left, int | float) and isinstance(right, int | float)):
        return Verdict(False)
    larger = max(abs(left), abs(right))
    share = abs(left - right) / larger if 0 < larger < math.inf else 1.0
    return Verdict(False, min(1.0, max(share, LEAST_MISSED)))


def _either(parts: Iterable[Any]) -> Verdict:
    """The first that holds, or the one that is nearest to it."""
    least = 1.0
    for part in parts:
        if part:
            return Verdict(True)
        least = min(least, _missed_by(part))
    return Verdict(False, least)


def _all(parts: Iterable[Any]) -> Verdict:
    """Whether all hold; those behind the first that does not are not looked at."""
    for part in parts:
        if not part:
            return Verdict(False, _missed_by(part))
    return Verdict(True)


def _missed_by(part: Any) -> float:
    return part.missed_by if isinstance(part, Verdict) else float(not part)


def _calculated(calculate: Callable[[Any, Any], Any], left: Part, right: Part) -> Part:
    return lambda look: calculate(left(look), right(look))


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    while text[place:].strip():
        match = _TOKEN.match(text, place)
        if match is None:
            raise CyclelabError(f"{text!r}: {text[place:].strip()[0]!r} has no meaning here")
        kind = str(match.lastgroup)
        found.append((kind, match[kind]))
        place = match.end()
    return found
