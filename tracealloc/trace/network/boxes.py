"""Points of a grid as boxes."""

from __future__ import annotations

from typing import TypeAlias

__all__ = ["GridBox", "boxes_of"]

GridBox: TypeAlias = tuple[tuple[int, int], ...]
"""The least and the greatest value of each iterator."""


def boxes_of(points: list[list[int]], rank: int) -> list[GridBox]:
    """Boxes that hold the points, each point once."""
    if not rank:
        return [()]
    rows: dict[int, list[list[int]]] = {}
    for point in points:
        rows.setdefault(point[0], []).append(point[1:])
    found: list[GridBox] = []
    start, last, rest = None, 0, None
    for value in sorted(rows):
        inner = boxes_of(rows[value], rank - 1)
        if start is not None and value == last + 1 and inner == rest:
            last = value
            continue
        if start is not None and rest is not None:
            found += [((start, last), *box) for box in rest]
        start, last, rest = value, value, inner
    if start is not None and rest is not None:
        found += [((start, last), *box) for box in rest]
    return found
