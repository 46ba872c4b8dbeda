"""For every read the last write before it in the order of a tree: what moments say, in instances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.latest import LastWrites
from tracealloc.poly.model import Model
from tracealloc.poly.moments import FINAL, INPUT, Clock, Point
from tracealloc.poly.named import union_of
from tracealloc.poly.pieces import coalesced
from tracealloc.poly.tree import Tree

__all__ = ["FINAL", "INPUT", "Solution", "answered", "last_writes", "pieces", "points_of", "solve"]


@dataclass(frozen=True)
class Solution:
    """`sources`: write -> (read -> element); `unset`: read -> element of reads that see no write."""

    sources: isl.UnionMap
    unset: isl.UnionMap


def pieces(union: isl.UnionMap) -> list[isl.Map]:
    """The maps of a union."""
    found = union.get_map_list()
    return [found.get_at(k) for k in range(found.n_map())]


def solve(
    model: Model,
    tree: Tree,
    reads: Sequence[isl.Map],
    writes: Sequence[isl.Map],
    updates: Sequence[isl.Map] = (),
) -> Solution:
    """For every read the last write before it in the order of a tree, and all `updates` since that.

    ``Final`` is after everything, ``Input`` before.
    """
    return answered(last_writes(model, tree, writes, updates), reads)


def last_writes(
    model: Model, tree: Tree, writes: Sequence[isl.Map], updates: Sequence[isl.Map] = ()
) -> LastWrites:
    """What finds the last of some writes, and all updates since that, in the order of a tree."""
    clock = Clock(model, tree)
    return LastWrites(clock, points_of(clock, writes), points_of(clock, updates))


def answered(last: LastWrites, reads: Sequence[isl.Map]) -> Solution:
    """What some reads see."""
    seen = [last.of(read) for read in points_of(last.clock, reads, numbered=False)]
    sources = [flow.range_factor_domain().reverse() for each in seen for flow in each.flows]
    unset = [each.unread for each in seen if each.unread is not None]
    return Solution(coalesced(union_of(sources)), coalesced(union_of(unset)))


def points_of(clock: Clock, accesses: Sequence[isl.Map], numbered: bool = True) -> list[Point]:
    """Accesses as points; several writes of one statement to one array are numbered."""
    counts: Counter[tuple[str, str]] = Counter()
    found: list[Point] = []
    for access in accesses:
        name = str(access.domain().get_tuple_name())
        key = name, str(access.range().get_tuple_name())
        statement = None if name in (FINAL, INPUT) else name
        found.append(clock.point(access, name, statement, counts[key] if numbered else 0))
        counts[key] += 1
    return found
