"""Does a scheduled model compute what the traced one does? Exact, for all data.

Every read of every original statement must see the same original write (or the same input element) in
both, with pure copies looked through, and so must every element that the kernel leaves behind. Time does
not depend on trip counts. Sums whose order is free are compared as sets of contributions.
"""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass

import islpy as isl

from tracealloc.poly.dataflow.solve import FINAL
from tracealloc.poly.dataflow.through_copies import Values
from tracealloc.poly.dependence.dependence import numbered_sums, same_sum
from tracealloc.poly.isl.budget import SMALL, limited
from tracealloc.poly.isl.coalesce import coalesced, pieces
from tracealloc.poly.isl.compared import is_within, minus
from tracealloc.poly.isl.equality import same_unions
from tracealloc.poly.isl.extremes import least
from tracealloc.poly.isl.named import point_values, renamed, renamed_input, union_of
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.enumerated import NOTHING, Sums, changed_by_running, few
from tracealloc.poly.proof.traced_terms import (
    TracedTerms,
    finals,
    inputs,
    instance_map,
    is_renamed,
    needed_reads,
    own_sum,
    reader_of,
    tagged_reads,
    writer_of,
)
from tracealloc.poly.proof.unaffected_reads import Reads, changed_reads
from tracealloc.trace.diagnostics.errors import VerifyError

__all__ = [
    "NOTHING",
    "Difference",
    "changed_sources",
    "difference",
    "difference_beside",
    "first_difference",
    "free_sums",
    "freely_changed",
    "runs_once",
    "value_sources",
]


@dataclass(frozen=True)
class Difference:
    """A read that sees another write than it should.

    `reader` is a statement of the traced program (or ``Final``) with the values of its iterators,
    `element` the isl space and indices of what it reads; the writers are given alike (None: no write).
    """

    reader: tuple[str, tuple[int, ...]]
    element: tuple[str, tuple[int, ...]]
    expected: tuple[str, tuple[int, ...]] | None
    found: tuple[str, tuple[int, ...]] | None


_NONE: Sums = {}


def value_sources(model: Model, tree: Tree, base: Model | None = None, sums: Sums = _NONE) -> isl.UnionMap:
    """``[read -> element] -> [write -> element]``: originals only, copies looked through.

    A read is called ``S3__1`` (the second read of S3) or ``Final``; a write ``S3``, or ``Input`` for what
    an argument holds at the start. The two elements differ only where a copy copies wrongly. `base` is
    the traced model, in whose terms elements are named (None: `model` is).

    `sums` are traced statements that update a sum of free order: a read of it sees all of them, in no
    order, and what the sum began with; their own reads of it see none of the same kind.
    """
    return _sources(_values(model, tree, base or model, sums), base, sums, None)


def _values(model: Model, tree: Tree, base: Model, sums: Sums) -> Values:
    return Values(model, tree, inputs(model, base), lambda statement: statement.origin in sums)


def _sources(values: Values, base: Model | None, sums: Sums, wanted: Reads | None) -> isl.UnionMap:
    """What some reads (None: all) see, in terms of the traced model."""
    model = values.clock.model
    traced = base or model
    flows: list[isl.Map] = []
    for s in model.statements:
        own = own_sum(traced, s) if s.origin in sums else frozenset()
        alike = frozenset(
            u.name for u in model.statements if own and sums.get(u.origin or "") == sums.get(s.origin or "")
        )
        for name, read in () if s.copy else tagged_reads(s):
            if wanted is None or (name, read.space) in wanted:
                seen = values.seen(read.relation)
                flows += [_tagged(f, name) for f in values.flows(seen, alike if name in own else frozenset())]
    for whole in finals(model, traced):
        if wanted is None or (FINAL, str(whole.range().get_tuple_name())) in wanted:
            flows += values.flows(values.seen(whole))
    sources = union_of(flows)
    found = _in_original_terms(model, traced, sources)
    return found if base is None else found.union(_odd_copies(values, base, sources, found, wanted))


def _odd_copies(
    values: Values, base: Model, sources: isl.UnionMap, found: isl.UnionMap, wanted: Reads | None
) -> isl.UnionMap:
    """Reads that run more than once and do not see the same each time: they see ``Nothing`` besides."""
    model = values.clock.model
    asked = [
        (s, name, access)
        for s in model.statements
        for name, access in (() if s.copy else tagged_reads(s))
        if wanted is None or (name, access.space) in wanted
    ]
    origins = {s.origin for s, _, _ in asked}
    moved = {s.origin for s in model.statements if s.origin in origins and is_renamed(s)}
    repeated = {origin for origin in moved if not runs_once(model, str(origin))}
    if not repeated:
        return union_of([])
    terms = TracedTerms(model, base)
    reads = [renamed_input(access.relation, tag).wrap() for s, tag, access in asked if s.origin in repeated]
    ways = [terms.reads(read).intersect_domain(read) for read in reads]
    seen: dict[str, list[isl.Map]] = {}
    for piece in pieces(sources):
        seen.setdefault(reader_of(piece), []).append(terms.written(piece))
    odd: list[isl.Map] = []
    for way in ways:
        mine = union_of(seen.get(reader_of(way), []))
        wrong = minus(union_of([way]).apply_range(found), mine).domain()
        for piece in pieces(wrong.apply(union_of([way])).identity()):
            nothing = isl.Set(f"{{ [{NOTHING}[] -> {NOTHING}[]] }}")
            odd.append(isl.Map.from_domain_and_range(piece.domain(), nothing))
    return union_of(odd)


def _tagged(flow: isl.Map, tag: str) -> isl.Map:
    """A flow with its read called `tag`."""
    return renamed_input(flow.curry(), tag).uncurry()


def _select(union: isl.UnionMap, wanted: Callable[[isl.Map], bool]) -> tuple[isl.UnionMap, isl.UnionMap]:
    """The pieces that are wanted, and the others."""
    yes: list[isl.Map] = []
    no: list[isl.Map] = []
    for piece in pieces(union):
        (yes if wanted(piece) else no).append(piece)
    return union_of(yes), union_of(no)


def _in_original_terms(model: Model, base: Model, sources: isl.UnionMap) -> isl.UnionMap:
    """All reads and writes as those of the traced program."""
    terms = TracedTerms(model, base)
    found = [terms.written(p).apply_domain(terms.reads(p.domain())) for p in pieces(sources)]
    return union_of([coalesced(flow) for flow in found])


def difference(
    base: Model, base_tree: Tree, model: Model, tree: Tree, reassociate: bool = False, free: bool = True
) -> Difference | None:
    """The first read that sees another write in `model` than in `base`, or None: they are equal.

    If `free`, integer sums modulo a power of two, and floating-point sums if `reassociate`, may be in any
    order.
    """
    found = freely_changed(base, (base, base_tree), (model, tree), reassociate, free)
    return None if found is None else first_difference(*found)


def freely_changed(
    base: Model, before: tuple[Model, Tree], after: tuple[Model, Tree], reassociate: bool, free: bool = True
) -> tuple[isl.UnionMap, isl.UnionMap] | None:
    """The same as `changed_sources`, where sums may be in any order as in `difference`."""
    # Only a traced model holds every instance under its own name.
    assert not any(is_renamed(statement) or statement.copy for statement in base.statements)
    found = changed_sources(base, before, after)
    if found is not None and free and (sums := free_sums(base, after[0], reassociate)):
        found = changed_sources(base, before, after, sums)
    return found


def changed_sources(
    base: Model, before: tuple[Model, Tree], after: tuple[Model, Tree], sums: Sums = _NONE
) -> tuple[isl.UnionMap, isl.UnionMap] | None:
    """What reads see before and after, as `value_sources` (None: the same), but for some that see the same.

    Reads that are not run at all any more do not count. Where isl takes long, small models are run.
    """
    ways = (_changed, changed_by_running) if few(before[0], after[0]) else ()
    for way in ways:
        try:
            with limited(SMALL):
                return way(base, before, after, sums)
        except (isl.Error, VerifyError):
            continue
    return _changed(base, before, after, sums)


def _changed(
    base: Model, before: tuple[Model, Tree], after: tuple[Model, Tree], sums: Sums
) -> tuple[isl.UnionMap, isl.UnionMap] | None:
    ours, theirs = (_values(model, tree, base, sums) for model, tree in (before, after))
    ends = finals(before[0], before[0]), finals(after[0], before[0])
    for reads in changed_reads(ours, theirs, ends):
        expected, found = _sources(ours, base, sums, reads), _sources(theirs, base, sums, reads)
        if not same_unions(expected, found):
            expected = _executed(base, after[0])(expected)
            if not same_unions(expected, found):
                return expected, found
    return None


def runs_once(model: Model, name: str) -> bool:
    """Whether no instance of a traced statement is run twice: an update of a sum would count twice."""
    ran: isl.Set | None = None
    for statement in model.statements:
        if statement.origin != name:
            continue
        runs = instance_map(statement).intersect_domain(statement.domain)
        instances = runs.range()
        if not runs.is_injective() or (ran is not None and not ran.is_disjoint(instances)):
            return False
        ran = instances if ran is None else ran.union(instances)
    return True


def _executed(base: Model, model: Model) -> Callable[[isl.UnionMap], isl.UnionMap]:
    """A function that leaves out the reads which `model` does not make at all.

    An instance whose value nothing needs may be dropped. One that is needed cannot be: what reads it
    would have no source. What chose elements is not read where these are no choice.
    """
    ran: dict[str, isl.Set] = {}
    for statement in model.statements:
        needed = needed_reads(base, statement)
        if needed:
            instances = statement.domain.apply(instance_map(statement))
            for name in needed:
                ran[name] = ran[name].union(instances) if name in ran else instances
    whole = {name: s.domain for s in base.statements for name, _ in tagged_reads(s)}

    def runs(sources: isl.UnionMap) -> isl.UnionMap:
        found: list[isl.Map] = []
        for piece in pieces(sources):
            name = reader_of(piece)
            if name in whole and name not in ran:
                continue
            if name in whole and not is_within(whole[name], ran[name]):
                reads = piece.domain().unwrap()
                kept = renamed(ran[name], name)
                piece = piece.intersect_domain(reads.intersect_domain(kept).wrap())
            found.append(piece)
        return union_of(found)

    return runs


def free_sums(base: Model, model: Model, reassociate: bool) -> Sums:
    """Statements that update sums whose order is free, each with the number of its sum.

    Sums and products of one array do not commute with each other: they are two, and every update of one
    must see the same updates of the other.
    """
    free = {"integer", "float"} if reassociate else {"integer"}
    return numbered_sums(s for s in base.statements if same_sum(s, s) in free and runs_once(model, s.name))


def difference_beside(expected: isl.UnionMap, found: isl.UnionMap, names: Set[str]) -> Difference | None:
    """A read that sees another write, where none of the statements `names` is in play."""
    differing = minus(expected, found).union(minus(found, expected)).domain()
    for piece in (*pieces(expected), *pieces(found)):
        if writer_of(piece) in names or reader_of(piece).partition("__")[0] in names:
            differing = minus(differing, isl.UnionSet.from_set(piece.domain()))
    if differing.is_empty():
        return None
    return first_difference(*(sources.intersect_domain(differing) for sources in (expected, found)))


def first_difference(expected: isl.UnionMap, found: isl.UnionMap) -> Difference:
    """A read that sees another write in one of two unequal relations than in the other."""
    for one, other in ((expected, found), (found, expected)):
        for piece in pieces(minus(one, other)):
            values = point_values(piece.domain())
            if values is None:
                continue
            inner = piece.domain().unwrap()
            split = len(values) - len(point_values(inner.range()) or [])
            at = isl.UnionSet.from_set(least(piece.domain()))
            return Difference(
                (reader_of(piece).partition("__")[0], tuple(values[:split])),
                (str(inner.range().get_tuple_name()), tuple(values[split:])),
                _written(expected, at),
                _written(found, at),
            )
    raise AssertionError("the two relations are equal")


def _written(sources: isl.UnionMap, at: isl.UnionSet) -> tuple[str, tuple[int, ...]] | None:
    for piece in pieces(sources.intersect_domain(at)):
        writers = piece.range().unwrap().domain()
        values = point_values(writers)
        if values is not None:
            return writer_of(piece), tuple(values)
    return None
