"""A condition on the loops around a statement that holds at some of its iterations and at no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tracealloc.trace.ir.dtype import boolean, index
from tracealloc.trace.ir.expr import Binary, Compare, Const, Expr, Iter, IterRef, Logical
from tracealloc.trace.network.numbers import values_of

__all__ = ["ALWAYS", "NEVER", "guard_of"]

ALWAYS = Const(True, boolean)
NEVER = Const(False, boolean)


def guard_of(its: Sequence[Iter], points: Mapping[Iter, np.ndarray], mask: np.ndarray) -> Expr | None:
    """The condition: a value, a range or a stride of each iterator; None: no such condition says it.

    `points` are the values of the iterators at each iteration, `mask` says at which it holds.
    """
    if not mask.any():
        return NEVER
    if mask.all():
        return ALWAYS
    parts: list[Expr] = []
    for it in its:
        every, chosen = np.unique(points[it]), np.unique(points[it][mask])
        if len(chosen) < len(every):
            found = _of_one(IterRef(it), every, chosen)
            if found is None:
                return None
            parts += found
    if not parts:
        return None
    guard = parts[0] if len(parts) == 1 else Logical("and", tuple(parts))
    held = values_of(guard, points)
    return (
        guard if held is not None and np.array_equal(np.broadcast_to(held != 0, mask.shape), mask) else None
    )


def _of_one(it: Expr, every: np.ndarray, chosen: np.ndarray) -> list[Expr] | None:
    """Conditions that hold of the `chosen` ones of all values of an iterator, which are in order."""
    low, high = int(chosen[0]), int(chosen[-1])
    if low == high:
        return [Compare("==", it, Const(low, index))]
    parts: list[Expr] = []
    if low > every[0]:
        parts.append(Compare(">=", it, Const(low, index)))
    if high < every[-1]:
        parts.append(Compare("<", it, Const(high + 1, index)))
    inside = every[(every >= low) & (every <= high)]
    if len(inside) == len(chosen):
        return parts
    step = int(np.gcd.reduce(np.diff(chosen)))
    if np.count_nonzero(inside % step == low % step) != len(chosen):
        return None
    rest = Compare("==", Binary("%", it, Const(step, index), index), Const(low % step, index))
    alone = np.count_nonzero(every % step == low % step) == len(chosen)
    return [rest] if alone else [rest, *parts]
