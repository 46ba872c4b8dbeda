"""The elements of an array that a statement uses, in the order of its iterations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tracealloc.trace.ir.expr import Expr, Iter
from tracealloc.trace.ir.program import If, Loop
from tracealloc.trace.network.numbers import values_of

__all__ = ["NotKnown", "elements_at", "elements_of", "points_of"]


class NotKnown(Exception):
    """The elements are not known here: they depend on ``data``, on a ``size``, or are too ``many``."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def elements_of(
    path: Sequence[Loop | If], indices: Sequence[Expr], shape: tuple[int, ...], most: int
) -> np.ndarray:
    """The elements' numbers, row by row in the array, for each iteration of the loops and conditions `path`.

    Raises:
        NotKnown: what these do or which element it is, is not known before the kernel runs.
    """
    return elements_at(*points_of(path, most), indices, shape)


def points_of(path: Sequence[Loop | If], most: int) -> tuple[int, dict[Iter, Any]]:
    """How many iterations loops and conditions have, and the values of the iterators in each, in order.

    Raises:
        NotKnown: what they do is not known before the kernel runs.
    """
    points: dict[Iter, Any] = {}
    count = 1
    for node in path:
        if isinstance(node, If):
            held = values_of(node.cond, points)
            if held is None:
                raise NotKnown("data")
            rows = np.flatnonzero(np.broadcast_to(held != 0, count))
        else:
            ends = values_of(node.start, points), values_of(node.stop, points)
            if ends[0] is None or ends[1] is None:
                raise NotKnown("size")
            starts, stops = (np.broadcast_to(end, count) for end in ends)
            trips = np.maximum(0, -((starts - stops) // node.step))
            if int(trips.sum()) > most:
                raise NotKnown("many")
            rows = np.repeat(np.arange(count), trips)
            turn = np.arange(len(rows)) - np.repeat(np.cumsum(trips) - trips, trips)
            own = starts[rows] + turn * node.step
        points = {it: np.broadcast_to(value, count)[rows] for it, value in points.items()}
        if isinstance(node, Loop):
            points[node.iter] = own
        count = len(rows)
    return count, points


def elements_at(
    count: int, points: dict[Iter, Any], indices: Sequence[Expr], shape: tuple[int, ...]
) -> np.ndarray:
    """The elements' numbers at `count` points.

    Raises:
        NotKnown: which element it is, is not known.
    """
    at = [values_of(index, points) for index in indices]
    if any(each is None for each in at):
        raise NotKnown("data")
    if not at or not count:
        return np.zeros(count, np.int64)
    places = tuple(np.broadcast_to(each, count) for each in at)
    if any(np.any((each < 0) | (each >= n)) for each, n in zip(places, shape, strict=True)):
        raise NotKnown("data")  # an expression chooses whether it is read
    return np.asarray(np.ravel_multi_index(places, shape)).reshape(-1)
