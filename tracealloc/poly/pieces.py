"""Sets and maps in fewer pieces, where that is cheap and safe."""

from __future__ import annotations

from typing import TypeVar

import islpy as isl

__all__ = ["coalesced"]

# Coalescing compares all pairs of pieces, and is what isl fails in when there are many ugly ones.
_MOST = 60

T = TypeVar("T", isl.Set, isl.Map, isl.UnionMap, isl.PwAff)


def coalesced(x: T) -> T:
    """The same in fewer pieces; as it is where it has very many, or where isl fails."""
    if isinstance(x, isl.UnionMap) and _count(x) > _MOST:
        maps = x.get_map_list()
        result = isl.UnionMap("{ }")
        for position in range(maps.n_map()):
            result = result.union(isl.UnionMap.from_map(coalesced(maps.get_at(position))))
        return result
    if _count(x) > _MOST:
        return x
    try:
        return x.coalesce()
    except isl.Error:
        return x


def _count(x: isl.Set | isl.Map | isl.UnionMap | isl.PwAff) -> int:
    """Into how many pieces it falls; of a union, the map with most."""
    match x:
        case isl.UnionMap():
            maps = x.get_map_list()
            return max((_count(maps.get_at(k)) for k in range(maps.n_map())), default=0)
        case isl.Map():
            return int(x.n_basic_map())
        case isl.Set():
            return int(x.n_basic_set())
        case _:
            return int(x.n_piece())
