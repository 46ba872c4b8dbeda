"""The cycle of a graph that asks for the longest interval: the most latency for its distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

__all__ = ["critical_cycle"]


class _Arc(Protocol):
    @property
    def source(self) -> str: ...

    @property
    def sink(self) -> str: ...

    @property
    def distance(self) -> int: ...


A = TypeVar("A", bound=_Arc)


def critical_cycle(arcs: Sequence[A], latency: Callable[[A], float]) -> list[A]:
    """The arcs of a cycle with the greatest sum of latencies over sum of distances; none: there is no cycle.

    Every cycle must have a distance of at least 1. Each round looks for a cycle that is worse than the worst
    so far, so that a few rounds find the worst.
    """
    weights = [latency(arc) for arc in arcs]
    best: list[A] = []
    ratio = 0.0
    while True:
        lengths = [weight - ratio * arc.distance for arc, weight in zip(arcs, weights, strict=True)]
        found = _positive_cycle(arcs, lengths)
        if not found:
            return best
        total = sum(weight for arc, weight in zip(arcs, weights, strict=True) if any(arc is a for a in found))
        worse = total / sum(arc.distance for arc in found)
        if best and worse <= ratio + 1e-9:
            return best
        best, ratio = found, worse


def _positive_cycle(arcs: Sequence[A], lengths: Sequence[float]) -> list[A]:
    """A cycle of positive length, if there is one (Bellman and Ford, from all nodes at once)."""
    nodes = dict.fromkeys(node for arc in arcs for node in (arc.source, arc.sink))
    far = dict.fromkeys(nodes, 0.0)
    by: dict[str, A] = {}
    last: str | None = None
    for _ in range(len(nodes)):
        last = None
        for arc, length in zip(arcs, lengths, strict=True):
            if far[arc.source] + length > far[arc.sink] + 1e-9:
                far[arc.sink], by[arc.sink], last = far[arc.source] + length, arc, arc.sink
        if last is None:
            return []
    if last is None:  # no arcs at all
        return []
    for _ in nodes:  # what was changed last is behind a cycle: so many steps back is on it
        last = by[last].source
    cycle = [by[last]]
    while cycle[-1].source != last:
        cycle.append(by[cycle[-1].source])
    return cycle[::-1]
