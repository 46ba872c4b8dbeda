"""What both sides of an `if` on data store, and which stores need not keep what was there.

Each side is guarded, so each of its stores alone may not happen. But where the ``else`` certainly stores all
that a statement of the ``then`` would have stored, that statement is *covered*: it counts as a certain write,
for the update by the other side, which comes later, sees it, and is right either way. A read by the other
side is not: in ``if c: A[0] = 1`` / ``else: A[0] = A[0] + 1`` it sees what was there before the `if`, so
nothing may stand between them, and the store is not covered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.named import first_iterators
from tracealloc.poly.model.model import Access, Statement
from tracealloc.trace.ir.expr import Expr

__all__ = ["Cover", "is_among", "is_seen", "read_first", "stored_for_sure"]


@dataclass(frozen=True)
class Cover:
    """Elements that are stored whichever way an `if` goes: iteration of the loops around it -> elements.

    `guards` are the conditions under which the `if` itself runs.
    """

    guards: tuple[Expr, ...]
    elements: Mapping[str, isl.Map]


def stored_for_sure(
    statements: Iterable[Statement], covers: Iterable[Cover], guards: tuple[Expr, ...], count: int
) -> dict[str, isl.Map]:
    """What statements certainly store where `guards` hold: the first `count` iterators -> elements, by space.

    `guards` are those that all the statements have in common.
    """
    found: dict[str, isl.Map] = {}

    def add(space: str, elements: isl.Map) -> None:
        elements = first_iterators(elements, count, "P")
        found[space] = found[space].union(elements) if space in found else elements

    for statement in statements:
        if statement.guards == guards:
            for access in statement.writes:
                if access.sure:
                    add(access.space, access.relation)
    for cover in covers:
        if cover.guards == guards:
            for space, elements in cover.elements.items():
                add(space, elements)
    return {space: coalesced(elements) for space, elements in found.items()}


def is_among(access: Access, count: int, elements: Mapping[str, isl.Map]) -> bool:
    """Whether an access touches just some elements, given for the first `count` iterators."""
    known = elements.get(access.space)
    return known is not None and is_within(first_iterators(access.relation, count, "P"), known)


def read_first(statements: Sequence[Statement], guards: tuple[Expr, ...], count: int) -> list[Access]:
    """The reads by one side of an `if` of what the side has not certainly stored, over `count` iterators.

    A statement that shares a loop of the side with the reader is not before all of its instances. The read
    that a write implies which may not happen is none.
    """
    found = []
    for k, statement in enumerate(statements):
        inner = set(statement.dims[count:])
        before = [s for s in statements[:k] if inner.isdisjoint(s.dims[count:])]
        stored = stored_for_sure(before, (), guards, count)
        found += [
            access for access in statement.reads if not access.update and not is_among(access, count, stored)
        ]
    return found


def is_seen(access: Access, reads: Iterable[Access], count: int) -> bool:
    """Whether a store of one side may be taken for what a read of the other side sees."""
    elements = first_iterators(access.relation, count, "P")
    same = [first_iterators(read.relation, count, "P") for read in reads if read.space == access.space]
    return any(
        not read.get_space().is_equal(elements.get_space()) or not read.is_disjoint(elements) for read in same
    )
