"""What an unquoted YAML scalar means: the core schema of YAML 1.2, in plain words.

YAML 1.1 reads `no` as false, `1e9` as text, `010` as 8, `1:30` as 90 and
`2024-01-01` as a date. None of this happens here; see https://yaml.org/spec/1.2.2/
section 10.3.2. Beyond it, digits may be grouped by `_`, and octal numbers are text.
"""

from __future__ import annotations

import re

Scalar = str | int | float | bool | None

MAX_DIGITS = 30
"""Digits of a whole number; also keeps its conversion to a float finite."""

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_DIGITS = "[0-9]+(?:_[0-9]+)*"
_INTEGER = re.compile(f"[-+]?{_DIGITS}")
_HEXADECIMAL = re.compile("0x[0-9a-fA-F]+(?:_[0-9a-fA-F]+)*")
_FLOAT = re.compile(rf"[-+]?(?:\.{_DIGITS}|{_DIGITS}(?:\.(?:{_DIGITS})?)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")


def resolve_scalar(text: str) -> Scalar:
    """Return what the unquoted `text` means; raises ValueError for a number out of range."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    if _INTEGER.fullmatch(text):
        if len(text) > MAX_DIGITS:
            raise ValueError(f"a number of {len(text)} digits is too large")
        return int(text)
    if _HEXADECIMAL.fullmatch(text) and len(text) <= MAX_DIGITS:
        return int(text, 16)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if number in (float("inf"), float("-inf")):
            raise ValueError(f"the number {text[:40]} is too large")
        return number
    if _NOT_FINITE.fullmatch(text):
        raise ValueError(f"{text} is not a finite number")
    return text
