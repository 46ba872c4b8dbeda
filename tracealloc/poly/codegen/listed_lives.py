"""When the instances of an array that lives inside loops are used, found by listing all uses.

isl answers by comparing the pieces of a relation pair by pair. Where many statements under conditions of
their own use an array, in loops whose values are nests of ``//``, that takes minutes, however few they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import islpy as isl
import numpy as np

from tracealloc.poly.dependence.stretched import Looped
from tracealloc.poly.isl.evaluate import Column, TooLarge, evaluated, floors
from tracealloc.poly.isl.points import few_columns
from tracealloc.poly.isl.texts import aff_text, iter_names
from tracealloc.trace.ir.expr import Expr

__all__ = ["ListedLives", "listed_lives"]

_MOST = 100_000  # uses by all statements, in a tenth of a second; listed for the first time, in one
_FLOORS = 24  # in all values of loops, from which on isl takes longer than the list


@dataclass(frozen=True)
class ListedLives:
    """All uses as rows: the values of the loops around, outermost first, and the instance that is used."""

    times: tuple[Column, ...]
    instance: tuple[Column, ...]

    @property
    def outer(self) -> int:
        """In how many of the loops, outermost first, all uses of each instance are in one iteration."""
        by_instance = _Groups(self.instance)
        alone = (by_instance.has_one(column) for column in self.times)
        return next((depth for depth, one in enumerate(alone) if not one), len(self.times))

    def is_fixed(self, dim: int, count: int) -> bool:
        """Whether the instances in each iteration of the first `count` loops agree in a dimension."""
        return _Groups(self.times[:count]).has_one(self.instance[dim])


class _Groups:
    """Rows that agree in some columns, put side by side."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.order = np.lexsort(columns[::-1]) if columns else slice(None)
        self.same = np.bool_(True)
        for column in columns:
            ordered = column[self.order]
            self.same = self.same & (ordered[1:] == ordered[:-1])

    def has_one(self, column: Column) -> bool:
        """Whether a column has one value in each group."""
        ordered = column[self.order]
        return not bool((self.same & (ordered[1:] != ordered[:-1])).any())


def listed_lives(
    uses: Sequence[tuple[Looped, tuple[Expr, ...]]], domains: Sequence[isl.Set], depth: int
) -> ListedLives | None:
    """The uses of instances in the outermost loops, where isl would take long and they are few.

    `domains` are those of the statements that use them.
    """
    texts = [
        [aff_text(expr, iter_names(at.dims)) for expr in (*at.values[:depth], *scope)] for at, scope in uses
    ]
    if sum(floors(text) for each in texts for text in each) < _FLOORS:
        return None
    parts: list[list[Column]] = []
    left = _MOST
    for domain, own in zip(domains, texts, strict=True):
        columns = few_columns(domain)
        left -= 0 if columns is None else len(columns[0])
        if columns is None or left < 0:
            return None
        named = {f"i{position}": column for position, column in enumerate(columns)}
        try:
            parts.append([evaluated(text, named, len(columns[0])) for text in own])
        except TooLarge:
            return None
    whole = [np.concatenate(each) for each in zip(*parts, strict=True)]
    return ListedLives(tuple(whole[:depth]), tuple(whole[depth:]))
