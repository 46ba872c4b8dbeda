"""Medians, and what is compared taken in turns, so that a busy machine is busy for both sides."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["median_seconds", "rounds_for", "side_by_side"]

Setup = Callable[[], tuple[Any, ...]]


def once(function: Callable[..., Any], arguments: tuple[Any, ...]) -> float:
    """The seconds that one call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def rounds_for(seconds: float, budget: float, least: int = 3, most: int = 101) -> int:
    """How many calls of `seconds` each fit the budget (an odd number)."""
    return max(least, min(most, int(budget / max(seconds, 1e-7)))) | 1


def median_seconds(function: Callable[[], Any], rounds: int) -> float:
    """The median of `rounds` calls, after one that does not count."""
    function()
    return statistics.median(once(function, ()) for _ in range(rounds))


def side_by_side(
    contenders: Mapping[str, Callable[..., Any]], setup: Setup, budget: float
) -> dict[str, float]:
    """The median seconds of each contender, all called in turns on fresh arguments from `setup`."""
    longest = 0.0
    for function in contenders.values():
        once(function, setup())  # compiles, faults pages in
        longest = max(longest, once(function, setup()))
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds_for(longest * len(contenders), budget)):
        for name, function in contenders.items():
            taken[name].append(once(function, setup()))
    return {name: statistics.median(values) for name, values in taken.items()}
