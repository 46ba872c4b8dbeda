"""Differences and comparisons of sets and maps, from an isl that ruins what it compares.

Where a set or map has hidden integer variables (``exists e: i = 3e + 2j``), isl looks for their values before
it subtracts or compares. It does so with the search behind ``lexmin`` (see `extremes`), which works in place
on what all copies share and may lose constraints: the answer is right, and afterwards the argument holds more
than it did before. So each gets a copy of its own, and nothing else subtracts, compares or simplifies.
"""

from __future__ import annotations

from typing import TypeVar

import islpy as isl

from tracealloc.poly.isl.named import has_hidden, unshared

__all__ = ["is_same", "is_within", "minus", "minus_domain", "own"]

_Any = TypeVar("_Any", isl.Set, isl.Map, isl.UnionSet, isl.UnionMap)


def own(some: _Any) -> _Any:
    """The same, which isl may ruin."""
    match some:
        case isl.UnionMap():
            maps = some.get_map_list()
            found = [maps.get_at(k) for k in range(maps.n_map())]
            if not any(map(has_hidden, found)):
                return some
            return _union([isl.UnionMap.from_map(unshared(each)) for each in found])
        case isl.UnionSet():
            sets = some.get_set_list()
            parts = [sets.get_at(k) for k in range(sets.n_set())]
            if not any(has_hidden(isl.Map.from_range(each)) for each in parts):
                return some
            return _union([isl.UnionSet.from_set(unshared(each)) for each in parts])
        case isl.Map():
            return unshared(some) if has_hidden(some) else some
        case _:
            return unshared(some) if has_hidden(isl.Map.from_range(some)) else some


_Union = TypeVar("_Union", isl.UnionSet, isl.UnionMap)


def _union(parts: list[_Union]) -> _Union:
    found = parts[0]
    for part in parts[1:]:
        found = found.union(part)
    return found


def minus(some: _Any, others: _Any) -> _Any:
    """What of one is not in another."""
    return own(some).subtract(own(others))


def minus_domain(some: isl.Map, others: isl.Set) -> isl.Map:
    """What a map has of elements that are not in a set."""
    return own(some).subtract_domain(own(others))


def is_within(part: _Any, whole: _Any) -> bool:
    """Whether one holds all that another does."""
    return bool(own(part).is_subset(own(whole)))


def is_same(some: _Any, other: _Any) -> bool:
    """Whether both hold the same. (`equality` asks less, where most is the same to begin with.)"""
    return bool(own(some).is_equal(own(other)))
