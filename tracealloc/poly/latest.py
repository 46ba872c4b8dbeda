"""The last write before every read, by lexicographic maxima: slower than isl's flow analysis, and exact.

isl's analysis loses sources where a relation has hidden integer variables (the step of a loop, a floored
division). Here only set operations and parametric maxima are used, which are exact on those too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import islpy as isl

from tracealloc.poly.named import later, union_of

__all__ = ["latest"]


def latest(
    reads: Sequence[isl.Map],
    writes: Sequence[isl.Map],
    updates: Sequence[isl.Map],
    times: Mapping[str, isl.Map],
) -> tuple[isl.UnionMap, isl.UnionMap]:
    """``write -> (read -> element)`` and the reads that see no write, as ``read -> element``.

    A read also sees all `updates` between its write and itself. `times` are instance -> time, injective.
    """
    sources: list[isl.Map] = []
    unset: list[isl.Map] = []
    for read in reads:
        space = _space(read)
        mine = [w for w in writes if _space(w) == space]
        more = [u for u in updates if _space(u) == space]
        found, left = _of_one(read, mine, more, times)
        sources += found
        if not left.is_empty():
            unset.append(left.unwrap())
    return union_of(sources).coalesce(), union_of(unset).coalesce()


def _space(access: isl.Map) -> str:
    return str(access.range().get_tuple_name())


def _name(access: isl.Map) -> str:
    return str(access.domain().get_tuple_name())


def _of_one(
    read: isl.Map, writes: list[isl.Map], updates: list[isl.Map], times: Mapping[str, isl.Map]
) -> tuple[list[isl.Map], isl.Set]:
    """Sources of one read access, and the part of it (wrapped) that sees no write."""
    element = read.range_map()  # [read -> element] -> element
    now = read.domain_map().apply_range(times[_name(read)])
    before = now.apply_range(later(now).reverse())  # [read -> element] -> earlier times
    when: isl.Map | None = None
    for write in writes:
        part = element.apply_range(write.reverse()).apply_range(times[_name(write)]).intersect(before)
        when = part if when is None else when.union(part)
    whole = read.wrap()
    last = None if when is None or when.is_empty() else when.lexmax()
    sources: list[isl.Map] = []
    for write in writes if last is not None else ():
        assert last is not None
        same = element.apply_range(write.reverse())
        chosen = last.apply_range(times[_name(write)].reverse()).intersect(same)
        if not chosen.is_empty():
            sources.append(chosen.reverse())
    for update in updates:
        same = element.apply_range(update.reverse())
        at = same.apply_range(times[_name(update)]).intersect(before)
        if last is not None:
            at = at.subtract(last.apply_range(later(last).reverse()))
        chosen = at.apply_range(times[_name(update)].reverse()).intersect(same)
        if not chosen.is_empty():
            sources.append(chosen.reverse())
    return sources, whole if last is None else whole.subtract(last.domain())
