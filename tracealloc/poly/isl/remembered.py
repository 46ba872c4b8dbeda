"""Answers that are remembered, for as long as few other programs have been looked at.

What a step asks is asked again by the next one, and by statements that are alike. The answers hold isl's
objects, which Python cannot weigh, so they are forgotten by programs: a process that goes through
thousands of kernels holds what the last ones need.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import count
from typing import ParamSpec, TypeVar

__all__ = ["count_program", "remembered"]

PROGRAMS = 100
"""How many programs answers are kept for."""

P = ParamSpec("P")
T = TypeVar("T")

_forget: list[Callable[[], None]] = []
_numbers = count(1)


def remembered(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator: remember the last answers of a function, at most so many."""

    def wrapped(function: Callable[P, T]) -> Callable[P, T]:
        found = lru_cache(maxsize=most)(function)
        _forget.append(found.cache_clear)
        return found  # type: ignore[return-value]

    return wrapped


def count_program() -> None:
    """Note that another program is looked at; every so often, all answers are forgotten."""
    if next(_numbers) % PROGRAMS == 0:
        for forget in _forget:
            forget()
