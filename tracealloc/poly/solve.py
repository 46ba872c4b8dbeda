"""For every read the last write before it in the order of a tree: what moments say, in instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.latest import LastWrites
from tracealloc.poly.model import Model
from tracealloc.poly.moments import FINAL, INPUT, Clock, Point
from tracealloc.poly.named import union_of
from tracealloc.poly.tree import Tree

__all__ = ["FINAL", "INPUT", "Solution", "pieces", "solve"]


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
    tags: Mapping[str, Sequence[str]] | None = None,
    updates: Sequence[isl.Map] = (),
) -> Solution:
    """For every read the last write before it in the order of a tree, and all `updates` since that.

    `tags` are other names for the reads of a statement. ``Final`` is after everything, ``Input`` before.
    """
    clock = Clock(model, tree)
    statements: dict[str, str | None] = {s.name: s.name for s in model.statements}
    statements |= {tag: name for name, own in (tags or {}).items() for tag in own}

    def points(accesses: Sequence[isl.Map]) -> list[Point]:
        found = []
        for number, access in enumerate(accesses):
            name = str(access.domain().get_tuple_name())
            found.append(clock.point(access, name, statements.get(name), number))
        return found

    last = LastWrites(clock, points(writes), points(updates))
    sources: list[isl.Map] = []
    unset: list[isl.Map] = []
    for read in points(reads):
        seen = last.of(read)
        back = _read(read)
        for write, pairs in seen.sources:
            sources.append(pairs.apply_range(write.given.reverse()).apply_domain(back).reverse())
        if seen.unset is not None:
            unset.append(seen.unset.apply(back).unwrap())
    return Solution(union_of(sources).coalesce(), union_of(unset).coalesce())


def _read(read: Point) -> isl.Map:
    """Moments -> (the instance as it came -> the element)."""
    return read.given.reverse().range_product(read.relation)
