"""Sets and maps in fewer pieces, where that is cheap and safe."""

from __future__ import annotations

from functools import reduce
from typing import TypeVar

import islpy as isl

from tracealloc.poly.isl.named import hidden_count

__all__ = ["basic_pieces", "coalesced", "pieces"]

# Coalescing compares all pairs of pieces, and is what isl fails in when there are many ugly ones.
_MOST = 60
_SOME = 20  # at a time, where there are more, each with few hidden variables
_HIDDEN = 2

T = TypeVar("T", isl.Set, isl.Map, isl.UnionMap, isl.PwAff)


def pieces(union: isl.UnionMap) -> list[isl.Map]:
    """The maps of a union."""
    found = union.get_map_list()
    return [found.get_at(k) for k in range(found.n_map())]


def basic_pieces(m: isl.Map) -> list[isl.BasicMap]:
    """The pieces that a map is the union of, each without an "or"."""
    found = m.get_basic_map_list()
    return [found.get_at(k) for k in range(found.n_basic_map())]


def coalesced(x: T) -> T:
    """The same in fewer pieces; as it is where it has very many ugly ones, or where isl fails."""
    if isinstance(x, isl.UnionMap) and _count(x) > _MOST:
        result = isl.UnionMap("{ }")
        for piece in pieces(x):
            result = result.union(isl.UnionMap.from_map(coalesced(piece)))
        return result
    try:
        if _count(x) <= _MOST:
            return x.coalesce()
        match x:
            case isl.Map():
                return _map_in_parts(x)
            case isl.Set():
                return _map_in_parts(isl.Map.from_range(x)).range()
            case _:
                return x
    except isl.Error:
        return x


def _map_in_parts(x: isl.Map) -> isl.Map:
    """A map of very many plain pieces, `_SOME` of them coalesced at a time as long as that helps."""
    before = _count(x) + 1
    while _count(x) < before:
        before = _count(x)
        if any(hidden_count(part) > _HIDDEN for part in basic_pieces(x)):
            return x
        parts = list(map(isl.Map.from_basic_map, basic_pieces(x)))
        some = [reduce(isl.Map.union, parts[k : k + _SOME]).coalesce() for k in range(0, before, _SOME)]
        x = reduce(isl.Map.union, some)
    return x


def _count(x: isl.Set | isl.Map | isl.UnionMap | isl.PwAff) -> int:
    """Into how many pieces it falls; of a union, the map with most."""
    match x:
        case isl.UnionMap():
            return max(map(_count, pieces(x)), default=0)
        case isl.Map():
            return int(x.n_basic_map())
        case isl.Set():
            return int(x.n_basic_set())
        case _:
            return int(x.n_piece())
