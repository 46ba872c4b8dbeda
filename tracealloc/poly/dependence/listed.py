"""Dependences between few instances, as lists of who touches what.

isl's questions about an order take long (or for ever) where the times in it are nests of ``//``, however
few the instances are. These lists are put in order instead: for every element, its accesses in the order
that is known to be right, each with its time in the order asked about. That order is wrong where some
instance has a time less than the greatest of those that must come before it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import islpy as isl
import numpy as np
import numpy.typing as npt

from tracealloc.poly.isl.bounding_boxes import Same
from tracealloc.poly.isl.evaluate import Column, TooLarge, evaluated, floors
from tracealloc.poly.isl.named import dims_of, lex_less, map_text
from tracealloc.poly.isl.points import few_pairs
from tracealloc.poly.isl.remembered import remembered

__all__ = ["InOrder", "Listed", "Order", "Pair", "TimeText", "are_few", "floors_in", "listed"]

TimeText: TypeAlias = tuple[str, ...]
"""The times of a statement's instances in some loops, outermost first, over ``i0``, ``i1``, ..."""
Pair: TypeAlias = tuple[tuple[int, ...], tuple[int, ...]]
"""The iterators of two instances."""
_Chosen: TypeAlias = npt.NDArray[np.bool_]

_FULL = 1 << 62


@dataclass(frozen=True)
class Order:
    """The pairs of instances ``A`` and ``B`` of which the first has a lesser time, or (`tie`) the same.

    `sizes`: how many iterators each has.
    """

    sizes: tuple[int, int]
    first: TimeText
    second: TimeText
    tie: bool

    @property
    def floors(self) -> int:
        """How many ``//`` and ``%`` there are in the times."""
        return floors_in(self.first, self.second)

    @property
    def relation(self) -> isl.Map:
        """The pairs."""
        return _pairs(self)


@remembered(4096)
def _pairs(order: Order) -> isl.Map:
    count = len(order.first)
    plain = tuple([f"i{k}" for k in range(count)])
    if order.first == order.second == plain:
        return lex_less("A", "B", *order.sizes, count, order.tie)
    ends = zip("AB", order.sizes, (order.first, order.second), strict=True)
    first, second = (map_text(name, [f"i{k}" for k in range(size)], "T", texts) for name, size, texts in ends)
    return first.apply_range(lex_less("T", "T", count, count, count, order.tie)).apply_range(second.reverse())


@dataclass(frozen=True, eq=False)
class _Touches:
    """An access as rows: the iterators of an instance, and the element."""

    instances: Column
    elements: Column

    @property
    def columns(self) -> dict[str, Column]:
        """The iterators by name."""
        return {f"i{k}": column for k, column in enumerate(self.instances.T)}


@remembered(256)
def _time(touches: _Touches, text: str) -> Column:
    """The value of a loop when each access is made."""
    return evaluated(text, touches.columns, len(touches.instances))


@remembered(1024)
def _touches(access: Same) -> _Touches | None:
    """The rows of an access, if they are few."""
    assert isinstance(access.value, isl.Map)
    pairs = few_pairs(access.value)
    if pairs is None:
        return None
    sides = (access.value.domain(), access.value.range())
    rows = [
        np.array(side, np.int64).reshape(len(pairs), dims_of(end))
        for side, end in zip(([a for a, _ in pairs], [b for _, b in pairs]), sides, strict=True)
    ]
    return _Touches(*rows)


def are_few(first: Same, second: Same) -> bool:
    """Whether the accesses can be listed."""
    return _touches(first) is not None and _touches(second) is not None


@remembered(256)
def listed(first: Same, second: Same, distance: tuple[int, ...], order: Order) -> Listed | None:
    """What two accesses touch, the first moved by a distance (None: they are not few)."""
    mine, other = _touches(first), _touches(second)
    if mine is None or other is None:
        return None
    try:
        return Listed((mine, other), distance, order)
    except TooLarge:
        return None


class Listed:
    """The accesses by the instances of two statements to what both touch, by element.

    Those to one element are in the order that is known to be right: each instance of the first statement
    must come before those of the second that are after it.
    """

    def __init__(self, ends: tuple[_Touches, _Touches], distance: tuple[int, ...], order: Order) -> None:
        first, second = self.ends = ends
        self.split = len(first.instances)
        self.rows = self.split + len(second.instances)
        sides = zip(first.elements.T, distance, second.elements.T, strict=True)
        elements = [np.concatenate([mine + far, other]) for mine, far, other in sides]
        touched, when = self.numbers(elements), self.numbers(self.times(order.first, order.second))
        before = np.arange(self.rows) < self.split
        self.order = np.lexsort((before != order.tie, when, touched)).astype(np.int32)
        self.before = before[self.order]
        self.groups = touched[self.order]

    def times(self, first: TimeText, second: TimeText) -> list[Column]:
        """The times of both statements' accesses in some loops, the first statement's first."""
        mine, other = self.ends
        return [np.concatenate([_time(mine, a), _time(other, b)]) for a, b in zip(first, second, strict=True)]

    def numbers(self, columns: Sequence[Column]) -> Column:
        """Numbers below that of the rows that order these as some columns do, the first of these first."""
        found, size = np.zeros(self.rows, np.int64), 1
        for column in columns:
            low, high = int(column.min(initial=0)), int(column.max(initial=0))
            if size * (high - low + 1) >= _FULL:
                found, column, size, low, high = _dense(found), _dense(column), self.rows, 0, self.rows
            found = found * (high - low + 1) + (column - low)
            size *= high - low + 1
        return _dense(found)

    @cached_property
    def empty(self) -> bool:
        """Whether no instance must come before another."""
        return not self.some(self.before, ~self.before)

    def some(self, first: _Chosen, second: _Chosen) -> bool:
        """Whether one of the first statement's accesses must come before one of the second's, of some."""
        return bool((second & (self.greatest(self.groups, np.zeros_like(self.groups), first) == 0)).any())

    def greatest(self, groups: Column, ranks: Column, among: _Chosen) -> Column:
        """The greatest rank `among` those up to each in its group (-1: there are none)."""
        start = groups * (self.rows + 1)
        return np.maximum.accumulate(start + np.where(among, ranks + 1, 0)) - start - 1

    def holds(self, pair: Pair) -> bool:
        """Whether it has a pair."""
        rows = [
            (end.instances == np.array(values, np.int64)).all(axis=1)
            for end, values in zip(self.ends, pair, strict=True)
        ]
        chosen = np.concatenate(rows)[self.order]
        return self.some(self.before & chosen, ~self.before & chosen)

    def least(self, holds: Callable[[int, slice], _Chosen]) -> Pair:
        """The least pair for which something holds, of a place and those after it (there is one)."""
        first, second = self.ends
        places = np.flatnonzero(self.before)
        instances = first.instances[self.order[places]]
        ends = np.searchsorted(self.groups, self.groups[places], side="right")
        found: tuple[int, ...] | None = None
        others: list[tuple[int, ...]] = []
        for k in np.lexsort((places, *instances.T[::-1])).tolist():
            instance = tuple(instances[k].tolist())
            if found is not None and instance != found:
                break
            at = int(places[k])
            later = slice(at + 1, int(ends[k]))
            rows = self.order[later][~self.before[later] & holds(at, later)] - self.split
            if len(rows):
                found = instance
                others += map(tuple, second.instances[rows].tolist())
        assert found is not None
        return found, min(others)


def floors_in(first: TimeText, second: TimeText) -> int:
    """How many ``//`` and ``%`` there are in the times of two statements."""
    return sum(map(floors, (*first, *second)))


class InOrder:
    """Two statements' accesses at the times that they have in some loops."""

    def __init__(self, listed: Listed, first: TimeText, second: TimeText) -> None:
        self.listed = listed
        self.columns = listed.times(first, second)
        self.ranks = self._ranks(self.columns)

    def _ranks(self, columns: Sequence[Column]) -> Column:
        return self.listed.numbers(columns)[self.listed.order]

    def wrong(self, below: bool) -> bool:
        """Whether some pair has times the wrong way round, or (`below`) the same time."""
        greatest = self.listed.greatest(self.listed.groups, self.ranks, self.listed.before)
        return bool((~self.listed.before & (greatest > self.ranks - below) & (greatest >= 0)).any())

    def wrong_pair(self, below: bool) -> Pair:
        """The least such pair (there is one)."""
        return self.listed.least(lambda at, later: self.ranks[later] < self.ranks[at] + below)

    def nonzero_at(self, depth: int) -> bool:
        """Whether some pair agrees in the first `depth` loops and not in the next."""
        outer, inner = self._ranks(self.columns[:depth]), self._ranks(self.columns[depth : depth + 1])
        groups = outer + self.listed.groups * (self.listed.rows + 1)
        order = np.argsort(groups, kind="stable")
        groups, ranks, before = _dense(groups[order]), inner[order], self.listed.before[order]
        greatest = self.listed.greatest(groups, ranks, before)
        least = self.listed.rows - self.listed.greatest(groups, self.listed.rows - ranks, before)
        return bool((~before & (greatest >= 0) & ((greatest != ranks) | (least != ranks))).any())

    def carried_pair(self, depth: int) -> Pair:
        """The least such pair (there is one)."""
        outer, inner = self._ranks(self.columns[:depth]), self._ranks(self.columns[depth : depth + 1])
        return self.listed.least(lambda at, later: (outer[later] == outer[at]) & (inner[later] != inner[at]))


def _dense(column: Column) -> Column:
    """Numbers from 0 on in the order of a column."""
    return np.unique(column, return_inverse=True)[1].astype(np.int64)
