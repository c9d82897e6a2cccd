"""Names of policies and the numbers by which the compiled loop knows them.

A policy is a file here with small compiled functions and a `Policy`; the function
of its kind in `dispatch.py` calls them by number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from simulator.config import nearest

Kind = Literal["scheduler", "page", "refresh"]


@dataclass(frozen=True, slots=True)
class Policy:
    """A named choice: `code` in the compiled loop, one line for people."""

    kind: Kind
    name: str
    code: int
    description: str


POLICIES: dict[tuple[str, str], Policy] = {}


def register(policy: Policy) -> Policy:
    """Make a policy known; names and codes of a kind are unique."""
    for other in POLICIES.values():
        if other.kind == policy.kind and policy.code == other.code and policy.name != other.name:
            raise ValueError(f"{policy.kind} code {policy.code} is taken by {other.name!r}")
    POLICIES[policy.kind, policy.name] = policy
    return policy


def policy_named(kind: Kind, name: str) -> Policy:
    """The policy of a kind; raises ValueError with the nearest name."""
    if (kind, name) in POLICIES:
        return POLICIES[kind, name]
    known = [other for of_kind, other in POLICIES if of_kind == kind]
    near = nearest(name, known)
    raise ValueError(
        f"no {kind} policy is called {name!r}; known: {', '.join(sorted(known))}"
        + (f"; did you mean {near!r}?" if near else "")
    )
