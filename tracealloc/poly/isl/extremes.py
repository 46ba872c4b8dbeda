"""The first and the last element of a set or map, in lexicographic order, from an isl that may be wrong.

isl's ``lexmin`` and ``lexmax`` work in place on what all copies of a map share: they look for equalities
that hold, and where parameters and ``mod`` are at play they lose constraints. Their argument then holds more
pairs than it did before it was asked (a read sees writes to other elements, say). They get a copy of their
own here, and `extreme` checks their answers against what was given; nothing else calls them.
"""

from __future__ import annotations

from typing import TypeVar

import islpy as isl

from tracealloc.poly.isl.compared import is_within, minus
from tracealloc.poly.isl.named import unshared

__all__ = ["extreme", "greatest", "least"]

_SetOrMap = TypeVar("_SetOrMap", isl.Set, isl.Map)


def least(some: _SetOrMap) -> _SetOrMap:
    """The first of a set; the first of what each element of a map is paired with."""
    return unshared(some).lexmin()


def greatest(some: _SetOrMap) -> _SetOrMap:
    """The last of a set; the last of what each element of a map is paired with."""
    return unshared(some).lexmax()


def extreme(pairs: isl.Map, latest: bool) -> isl.Map:
    """The last (or the first) of what each element is paired with.

    isl fails on some forms of a map and is wrong on others of the same: its answer is checked.
    """
    if pairs.is_single_valued():
        return pairs
    later = isl.Map.lex_lt(pairs.range().get_space())
    order = later if latest else later.reverse()
    for form in (lambda m: m, isl.Map.detect_equalities, isl.Map.make_disjoint):
        try:
            found = greatest(form(unshared(pairs))) if latest else least(form(unshared(pairs)))
        except isl.Error:
            continue
        better = found.apply_range(order).intersect(pairs)
        if better.is_empty() and is_within(found, pairs) and is_within(pairs.domain(), found.domain()):
            return found
    return minus(pairs, pairs.apply_range(order.reverse()))
