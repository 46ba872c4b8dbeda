"""Whether two relations are the same, found out by the cheapest sure way.

isl tells by subtracting one from the other, which takes very long (or for ever) where there are many pieces
with hidden variables. Most pieces of what a proof compares are the same on both sides to begin with.
"""

from __future__ import annotations

import islpy as isl

from tracealloc.poly.isl.coalesce import basic_pieces, coalesced, pieces
from tracealloc.poly.isl.compared import is_same, is_within
from tracealloc.poly.isl.remembered import remembered

__all__ = ["same_maps", "same_sets", "same_unions"]


def same_unions(a: isl.UnionMap, b: isl.UnionMap) -> bool:
    """Whether two unions hold the same pairs."""
    if not all(same_maps(mine, b.extract_map(mine.get_space())) for mine in pieces(a)):
        return False
    # A map may be empty without isl's knowing: the number of maps says nothing.
    return all(other.is_empty() for other in pieces(b) if a.extract_map(other.get_space()).plain_is_empty())


def same_sets(a: isl.Set, b: isl.Set) -> bool:
    """Whether two sets hold the same elements."""
    return same_maps(isl.Map.from_range(a), isl.Map.from_range(b))


def same_maps(a: isl.Map, b: isl.Map) -> bool:
    """Whether two maps hold the same pairs."""
    if a.plain_is_equal(b):
        return True
    return _same(*[_Plain(isl.Map.from_range(m.wrap().flatten())) for m in (a, b)])


class _Plain:
    """A map by its looks, as the key of a cache: isl's own equality is what the cache is to spare."""

    __slots__ = ("map",)

    def __init__(self, m: isl.Map) -> None:
        self.map = m

    def __hash__(self) -> int:
        return hash(self.map)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Plain) and bool(self.map.plain_is_equal(other.map))


@remembered(1 << 12)
def _same(some: _Plain, other: _Plain) -> bool:
    """Whether two maps of one space do, without its names: the statements of a kernel are alike."""
    a, b = some.map, other.map
    if a.n_basic_map() <= 1 and b.n_basic_map() <= 1:
        return is_same(a, b)
    a, b = coalesced(a), coalesced(b)
    parts, others = (list(map(isl.Map.from_basic_map, basic_pieces(m))) for m in (a, b))
    left = [m for m in parts if not any(m.plain_is_equal(o) for o in others)]
    right = [o for o in others if not any(o.plain_is_equal(m) for m in parts)]
    return all(is_within(m, b) for m in left) and all(is_within(o, a) for o in right)
