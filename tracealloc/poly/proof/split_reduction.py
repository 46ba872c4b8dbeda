"""The proof that a sum may be added up in parts: every contribution counts exactly once.

Before, updates of an array add to its elements. After, the same updates add to partial sums, which begin
with what adds nothing, and one statement adds these to the array. That is the same, in any order of the
additions, if every update goes into exactly one partial sum and from there into the element that it was
for, and if every other read of the array sees the same updates, and the same before them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import islpy as isl

from tracealloc.poly.dependence.dependence import numbered_sums, same_sum
from tracealloc.poly.isl.coalesce import pieces
from tracealloc.poly.isl.compared import minus
from tracealloc.poly.isl.equality import same_unions
from tracealloc.poly.isl.named import point_values, renamed_input, union_of, with_tuple
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.equivalence import (
    Difference,
    first_difference,
    value_sources,
)
from tracealloc.poly.proof.traced_terms import own_reads, reader_of, tagged_reads, writer_of
from tracealloc.trace.ir.program import Array

__all__ = ["Split"]


@dataclass(frozen=True)
class Split:
    """A sum before and after it is added up in parts.

    `updates` are the statements that add to `array` before and to `partial` after; `start` sets the
    partial sums, `finish` adds them to the array.
    """

    before: tuple[Model, Tree]
    after: tuple[Model, Tree]
    array: Array
    partial: Array
    updates: tuple[str, ...]
    start: str
    finish: str

    def difference(self, all_arrays: bool = True) -> Difference | None:
        """The first read that sees something else, or None: the sum is right.

        Unless `all_arrays`, what does not touch the sum is not looked at.
        """
        old, new = (self._traced(model, all_arrays) for model, _ in (self.before, self.after))
        sums = [
            numbered_sums(s for s in model.statements if s.writes and same_sum(s, s)) for model in (old, new)
        ]
        expected = value_sources(old, self.before[1], None, sums[0])
        found = value_sources(new, self.after[1], None, sums[1])
        carry, wrong = self._carried(new, found)
        if wrong is None:
            found = self._as_before(old, new, found, carry)
            return None if same_unions(expected, found) else first_difference(expected, found)
        return wrong

    def _traced(self, model: Model, all_arrays: bool) -> Model:
        """The model with all its statements as they stand, copies too."""
        kept: list[Statement] = []
        for s in model.statements:
            accesses = tuple(a for a in s.accesses if all_arrays or a.array in (self.array, self.partial))
            if accesses:
                own = replace(s, origin=s.name, origin_instance=None, copy=False, accesses=accesses)
                kept.append(own)
        return replace(model, statements=tuple(kept), origins=())

    def _carried(self, new: Model, found: isl.UnionMap) -> tuple[isl.UnionMap, Difference | None]:
        """Updates -> the instance of `finish` that takes them along; or one that does not count once."""
        finish = new.statement(self.finish)
        (tag,) = _tags(finish, self.partial)
        flows = [piece for piece in pieces(found) if reader_of(piece) == tag]
        begun = union_of([f for f in flows if writer_of(f) == self.start])
        wrong = _first_unbegun(tag, finish, begun)
        taken: list[isl.Map] = []
        for name in self.updates:
            update = new.statement(name)
            for own in own_reads(update):  # under a condition there are two
                starts = [piece for piece in pieces(found) if reader_of(piece) == own]
                odd = [piece for piece in starts if writer_of(piece) != self.start]
                wrong = wrong or _first_unbegun(own, update, union_of(starts)) or _seen(odd, name)
            mine = [f for f in flows if writer_of(f) == name]
            wrong = wrong or _lost(update, mine)
            taken += [renamed_input(_ends(f), self.finish).reverse() for f in mine]
        odd = [f for f in flows if writer_of(f) not in (self.start, *self.updates)]
        return union_of(taken), wrong or _seen(odd, self.finish)

    def _as_before(self, old: Model, new: Model, found: isl.UnionMap, carry: isl.UnionMap) -> isl.UnionMap:
        """What reads see after, with partial sums looked through: in the terms of before."""
        (own,) = _tags(new.statement(self.finish), self.array)
        inner = {own, *_tags(new.statement(self.finish), self.partial)}
        inner |= {tag for name in self.updates for tag in own_reads(new.statement(name))}
        back = carry.reverse()
        known: list[isl.Map] = []
        for piece in pieces(found):
            if reader_of(piece) == own:
                for update in pieces(back):
                    name = str(update.range().get_tuple_name())
                    for tag in own_reads(old.statement(name)):
                        reader = renamed_input(with_tuple(update, tag), own)
                        known.append(piece.curry().apply_domain(reader).uncurry())
            elif reader_of(piece) not in inner:
                known += self._contributions(piece, back) if writer_of(piece) == self.finish else [piece]
        return union_of(known)

    def _contributions(self, piece: isl.Map, back: isl.UnionMap) -> list[isl.Map]:
        """A flow from `finish`, as the flows from the updates that it brings."""
        element = piece.range().unwrap().range().identity()
        return [piece.apply_range(update.product(element)) for update in pieces(back)]


def _tags(statement: Statement, array: Array) -> list[str]:
    return [name for name, read in tagged_reads(statement) if read.array == array]


def _ends(flow: isl.Map) -> isl.Map:
    """``[read -> element] -> [write -> element]`` without the elements."""
    return flow.domain_factor_domain().range_factor_domain()


def _runs(statement: Statement) -> isl.UnionSet:
    return isl.UnionSet.from_set(statement.domain)


def _first_unbegun(tag: str, statement: Statement, begun: isl.UnionMap) -> Difference | None:
    """An instance whose read of its partial sum sees no start."""
    seen = [renamed_input(_ends(piece), statement.name).domain() for piece in pieces(begun)]
    return _first(statement, minus(_runs(statement), _union(seen)))


def _lost(update: Statement, flows: list[isl.Map]) -> Difference | None:
    """An update that not just one partial sum takes along, for each element that it may add to."""
    (write,) = update.writes
    went = union_of([flow.domain_factor_domain().reverse() for flow in flows])
    all_of_it = isl.UnionSet.from_set(write.relation.intersect_domain(update.domain).wrap())
    if went.is_single_valued() and same_unions(went.domain().identity(), all_of_it.identity()):
        return None
    missing = minus(all_of_it, went.domain()).unwrap().domain()
    return _first(update, missing) or _first(update, _runs(update))


def _seen(odd: list[isl.Map], name: str) -> Difference | None:
    """A read of a partial sum that sees what it should not."""
    for piece in odd:
        values = point_values(_ends(piece).domain()) or []
        return Difference((name, tuple(values)), (name, ()), None, (writer_of(piece), ()))
    return None


def _first(statement: Statement, instances: isl.UnionSet) -> Difference | None:
    for part in pieces(instances.identity()):
        values = point_values(part.domain())
        if values is not None:
            return Difference((statement.name, tuple(values)), (statement.name, ()), None, None)
    return None


def _union(sets: list[isl.Set]) -> isl.UnionSet:
    whole = isl.UnionSet("{ }")
    for each in sets:
        whole = whole.union(isl.UnionSet.from_set(each))
    return whole
