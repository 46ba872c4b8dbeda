"""How long the instances of an array live, found by listing who uses them.

In ``for io, ii: t = A[4 * io + ii]; B[4 * io + ii] = t`` there is a ``t`` for each ``(io, ii)``, which lives
in one iteration of both loops. isl takes long to tell where the values of loops are nests of ``//``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import islpy as isl
import numpy as np

from tracealloc.poly.dependence.stretched import Looped, single_iterators
from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.evaluate import Column, TooLarge, evaluated, floors, numbered
from tracealloc.poly.isl.named import some_instance
from tracealloc.poly.isl.points import few_pairs
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import aff_text, iter_names
from tracealloc.trace.ir.expr import Expr, Iter

__all__ = ["lived"]

Uses: TypeAlias = Sequence[tuple[Looped, tuple[Expr, ...]]]
"""The instances of statements in the loops around them, and the instance of the array that each uses."""

_FLOORS = 24  # in the loops around a statement, from which on isl takes long
_NEAR = np.array(sorted({0, *(1 << k for k in range(11)), *(-(1 << k) for k in range(11))}), np.int64)


def lived(uses: Uses, depth: int) -> tuple[int, tuple[int, ...]] | None:
    """In how many of the `depth` loops around all uses each instance lives in one iteration: the most.

    With it the coordinates of the instances that vary in these. None: isl is quick, or they are not few.
    An iterator that has one value since its loop runs once is taken for one that has others near it, too.
    """
    rows = [_Rows.of(at, (*at.values[:depth], *scope)) for at, scope in uses]
    if max(each.floors for each in rows) < _FLOORS or any(each.points is None for each in rows):
        return None
    try:
        lives = [_columns(rows, it) for it in (None, *single_iterators([at for at, _ in uses]))]
    except TooLarge:
        return None
    count = max(c for c in range(depth + 1) if all(_determine(each[depth:], each[:c]) for each in lives))
    rank = len(uses[0][1])
    varying = [
        dim
        for dim in range(rank)
        if not all(_determine(each[:count], each[depth + dim : depth + dim + 1]) for each in lives)
    ]
    return count, tuple(varying)


@dataclass(frozen=True)
class _Rows:
    """A use: its instances, and the texts of the values of loops and of the array's instance."""

    at: Looped
    texts: tuple[str, ...]

    @staticmethod
    def of(at: Looped, exprs: tuple[Expr, ...]) -> _Rows:
        """Expressions over the instances of a statement."""
        names = iter_names(at.dims)
        return _Rows(at, tuple([aff_text(expr, names) for expr in exprs]))

    @property
    def floors(self) -> int:
        """How many ``//`` and ``%`` there are."""
        return sum(map(floors, self.texts))

    @property
    def points(self) -> Column | None:
        """The instances, if they are few."""
        return _points(self.at.instances)

    def columns(self, single: Iter | None) -> list[Column]:
        """The values at all instances; an iterator that is `single` in them has others, too."""
        points = self.points
        assert points is not None
        position = self.at.dims.index(single) if single in self.at.dims else None
        if position is not None and len(set(points[:, position].tolist())) == 1:
            points = np.repeat(points, len(_NEAR), axis=0)
            points[:, position] += np.tile(_NEAR, len(points) // len(_NEAR))
        values = {f"i{k}": column for k, column in enumerate(points.T)}
        return [evaluated(text, values, len(points)) for text in self.texts]


@remembered(256)
def _points(instances: Same) -> Column | None:
    assert isinstance(instances.value, isl.Set)
    pairs = few_pairs(isl.Map.from_domain(some_instance(instances.value)))
    if pairs is None:
        return None
    return np.array([point for point, _ in pairs], np.int64).reshape(len(pairs), -1)


def _columns(rows: Sequence[_Rows], single: Iter | None) -> list[Column]:
    """The values of all uses, one after the other."""
    return [np.concatenate(parts) for parts in zip(*(each.columns(single) for each in rows), strict=True)]


def _determine(some: Sequence[Column], others: Sequence[Column]) -> bool:
    """Whether rows that are equal in some columns are so in the others."""
    if not others:
        return True
    count = len(others[0])
    return bool(numbered(some, count).max(initial=0) == numbered([*some, *others], count).max(initial=0))
