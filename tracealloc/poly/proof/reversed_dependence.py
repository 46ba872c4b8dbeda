"""Does a reversed dependence matter? Looked at where it is reversed: a few elements, a few reads.

An order may reverse dependences and still be right: nothing may read what comes out otherwise. Most often it
is wrong, and then a read of the very element sees another write. To find that read takes a moment, however
large the kernel is; only where there is none must all values be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import islpy as isl

from tracealloc.poly.dataflow.solve import FINAL
from tracealloc.poly.dataflow.through_copies import Values
from tracealloc.poly.dependence.legality import Violation
from tracealloc.poly.isl.coalesce import pieces
from tracealloc.poly.isl.equality import same_unions
from tracealloc.poly.isl.named import union_of
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.equivalence import runs_once
from tracealloc.poly.proof.traced_terms import own_sum, read_name
from tracealloc.trace.diagnostics.errors import VerifyError

__all__ = ["changes_value"]

_MOST_COPIES = 10  # that a value is followed through


def changes_value(
    model: Model, orders: tuple[Tree, Tree], found: Violation, base: Model, sums: Mapping[str, int]
) -> bool:
    """Whether a read of what a reversed dependence is about sees another write in one of two orders.

    False says nothing: another read may. `base` is the traced model; `sums` are its statements that update
    sums of free order, each with the number of its sum.
    """
    try:
        part = _Part(model, orders, found, base, sums)
        return any(part.differs(read) for read in part.reads())
    except (isl.Error, VerifyError):  # it cannot be said in closed form
        return False


@dataclass(frozen=True)
class _Read:
    """Some instances of a read and what they read; `without` are the updates that it does not see."""

    relation: isl.Map
    without: frozenset[str] = frozenset()


class _Part:
    """What of a model has to do with the elements of a reversed dependence."""

    def __init__(
        self, model: Model, orders: tuple[Tree, Tree], found: Violation, base: Model, sums: Mapping[str, int]
    ) -> None:
        self.whole, self.found, self.base, self.sums = model, found, base, sums
        access = found.dependence.before
        self.copies = {s.name: s for s in model.statements if s.copy}
        self.places = _carried(self.copies.values(), access.space, found.source.touched(access))
        spaces = _brought(self.copies.values(), [space for space, _ in self.places])
        # A copy brings elements from elsewhere, which are not looked for.
        only = self.places[0][1] if len(spaces) == 1 else None
        kept = [_kept(s, spaces, only) for s in model.statements]
        part = replace(model, statements=tuple(kept))
        # Where no sum is free, it is enough to follow the last writes.
        adding = {s.origin for s in kept if s.writes and s.origin in sums}
        self.orders = [Values(part, tree, (), lambda s: s.origin in adding) for tree in orders]

    def reads(self) -> Iterator[_Read]:
        """The reads of these elements, those by the two statements first."""
        for end in (self.found.source, self.found.sink):
            yield from self._reads(end.statement, *self.places[0], end.point)
        outputs = self.whole.outputs()
        final = {
            access.space for s in self.whole.statements for access in s.writes if access.array in outputs
        }
        for space, elements in self.places:
            for statement in self.whole.statements:
                yield from self._reads(statement, space, elements)
            if space in final:
                yield _Read(isl.Map.from_domain_and_range(isl.Set(f"{{ {FINAL}[] }}"), elements))

    def _reads(
        self, statement: Statement, space: str, elements: isl.Set, at: isl.Set | None = None
    ) -> Iterator[_Read]:
        if statement.copy or statement.origin is None:
            return
        for access in statement.reads:
            if access.space == space:
                relation = access.relation.intersect_range(elements)
                relation = relation if at is None else relation.intersect_domain(at)
                if not relation.is_empty():
                    yield _Read(relation, self._same_sum(statement, access))

    def _same_sum(self, statement: Statement, read: Access) -> frozenset[str]:
        """The updates that a read by an update of their sum does not see."""
        own = self.sums.get(str(statement.origin))
        names = {read_name(statement.name, tag) for tag in read.tags}
        if own is None or own_sum(self.base, statement).isdisjoint(names):
            return frozenset()
        return frozenset(s.name for s in self.whole.statements if self.sums.get(s.origin or "") == own)

    def differs(self, read: _Read) -> bool:
        """Whether a read sees another write in one order than in the other."""
        seen = [union_of(self._sources(each, read)) for each in self.orders]
        if same_unions(*seen):
            return False
        writers = {str(p.range().unwrap().domain().get_tuple_name()) for each in seen for p in pieces(each)}
        return all(self._is_original(self.whole.statement(name)) for name in writers)

    def _sources(self, order: Values, read: _Read, copied: int = 0) -> list[isl.Map]:
        """``[read -> element] -> [write -> element]``, with copies looked through instance by instance.

        Raises:
            VerifyError: the value goes through very many copies.
        """
        found: list[isl.Map] = []
        for flow in order.seen(read.relation).flows:
            writes = flow.range().unwrap()
            writer = str(writes.domain().get_tuple_name())
            if writer in self.copies:
                copy, space = self.copies[writer], str(writes.range().get_tuple_name())
                (number,) = (k for k, access in enumerate(copy.writes) if access.space == space)
                if copied == _MOST_COPIES:
                    raise VerifyError("TA513", "a value goes through very many copies")
                inner = _Read(copy.reads[number].relation.intersect_domain(writes.domain()), read.without)
                further = self._sources(order, inner, copied + 1)
                here = flow.range_factor_domain()
                found += [here.apply_range(each.domain_factor_domain()) for each in further]
            elif writer not in read.without:
                found.append(flow)
        return found

    def _is_original(self, writer: Statement) -> bool:
        """Whether no other instance computes the same as one of a statement."""
        known: dict[str, bool] = self.whole.memo.setdefault("runs once", {})
        origin = str(writer.origin)
        if writer.origin is not None and origin not in known:
            known[origin] = runs_once(self.whole, origin)
        return known.get(origin, False)


def _carried(copies: Iterable[Statement], space: str, elements: isl.Set) -> list[tuple[str, isl.Set]]:
    """Some elements of an array, and where copies may bring them."""
    found = [(space, elements)]
    for here, those in found:
        for copy in copies:
            for read, write in zip(copy.reads, copy.writes, strict=True):
                if read.space == here and write.space not in {known for known, _ in found}:
                    brought = read.relation.intersect_range(those).domain().apply(write.relation)
                    found += [] if brought.is_empty() else [(write.space, brought)]
    return found


def _brought(copies: Iterable[Statement], spaces: Iterable[str]) -> frozenset[str]:
    """Some arrays and all from which copies bring them something."""
    found, before = set(spaces), 0
    while len(found) > before:
        before = len(found)
        for copy in copies:
            if any(access.space in found for access in copy.writes):
                found |= {access.space for access in copy.accesses}
    return frozenset(found)


def _kept(statement: Statement, spaces: frozenset[str], elements: isl.Set | None) -> Statement:
    """A statement with what it writes to some arrays (what it copies there), or to some elements only."""
    writes = tuple(access for access in statement.writes if access.space in spaces)
    if statement.copy:
        return statement if writes else replace(statement, accesses=(), copy=False)
    if elements is not None:
        writes = tuple(replace(a, relation=a.relation.intersect_range(elements)) for a in writes)
        writes = tuple(access for access in writes if not access.relation.is_empty())
    return replace(statement, accesses=writes)
