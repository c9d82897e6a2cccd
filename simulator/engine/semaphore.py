"""Counting semaphores: take all or nothing, wake whoever may go on."""

from __future__ import annotations

from typing import Protocol


class Waiter(Protocol):
    """Somebody who re-checks what he waits for when woken."""

    def wake(self) -> None:
        """Re-check at the next edge of the waiter's clock."""


class TokenSemaphore:
    """A counter with waiters.

    Tokens are not reserved for a waiter: whoever comes first to an edge of its
    clock takes them, the lower queue index at the same time.
    """

    __slots__ = ("cause", "count", "index", "initial", "name", "waiters")

    def __init__(self, index: int, name: str, initial: int, cause: int) -> None:
        self.index = index
        self.name = name
        self.initial = initial
        self.count = initial
        self.cause = cause
        self.waiters: list[tuple[Waiter, int]] = []

    def wake_waiters(self) -> None:
        """Wake everyone whose need is now met."""
        count, waiters = self.count, self.waiters
        if len(waiters) == 1:
            waiter, need = waiters[0]
            if need <= count:
                self.waiters = []
                waiter.wake()
            return
        met = [waiter for waiter, need in waiters if need <= count]
        if met:
            self.waiters = [entry for entry in waiters if entry[1] > count]
            for waiter in met:
                waiter.wake()


Amounts = tuple[tuple[TokenSemaphore, int], ...]


def give(amounts: Amounts) -> None:
    """Add tokens."""
    for semaphore, amount in amounts:
        semaphore.count += amount
        if semaphore.waiters:
            semaphore.wake_waiters()


def take(amounts: Amounts) -> tuple[TokenSemaphore, int] | None:
    """Remove tokens, all or none: the first semaphore that holds too little, with the need."""
    for entry in amounts:
        if entry[0].count < entry[1]:
            return entry
    for semaphore, amount in amounts:
        semaphore.count -= amount
    return None
