"""Do two small models compute the same? Both are run, instance by instance, and what reads see is compared.

The answer is that of isl's closed forms (see `equivalence`): exact, and with a witness.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from math import prod
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.dataflow.run_instances import Run, Write
from tracealloc.poly.dataflow.solve import FINAL, INPUT
from tracealloc.poly.isl.bounding_boxes import Same, box_around, box_touched
from tracealloc.poly.isl.named import dims_of, renamed_input
from tracealloc.poly.isl.points import Point, pairs_of
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.traced_terms import (
    TracedTerms,
    finals,
    inputs,
    instance_map,
    needed_reads,
    own_sum,
    tagged_reads,
)

__all__ = ["NOTHING", "Sums", "changed_by_running", "few", "few_instances"]

NOTHING = "Nothing"
MOST = 50_000
"""Accesses by all instances that are run: less than a second."""

Sums: TypeAlias = Mapping[str, int]
"""Traced statements that update sums of free order, each with the number of its sum."""
_Sources: TypeAlias = frozenset[Write]
_Seen: TypeAlias = dict[Write, _Sources]
"""Read (``S3__1``, instance, element) -> the writes that it sees, all in terms of the traced program."""


def few(*models: Model) -> bool:
    """Whether models without parameters run so few instances that these can be run one by one."""
    return all(few_instances(m.statements) and _few_final(m) for m in models)


def few_instances(statements: tuple[Statement, ...]) -> bool:
    """Whether statements without parameters run few instances."""
    left = MOST
    for statement in statements:
        runs = _size(Same(statement.domain))
        left -= runs
        for access in statement.accesses:
            if left < 0:
                return False
            left -= runs * _touched(Same(access.relation))
    return left >= 0


def _few_final(model: Model) -> bool:
    return sum(array.size for array in model.outputs()) <= MOST


@remembered(1 << 14)
def _size(domain: Same) -> int:
    """The volume of the box around a domain; too much where there are parameters."""
    assert isinstance(domain.value, isl.Set)
    if domain.value.is_empty():
        return 0
    if not domain.value.params().plain_is_universe():
        return MOST + 1
    return prod(high - low + 1 for low, high in box_around(domain.value))


@remembered(1 << 14)
def _touched(access: Same) -> int:
    """How many elements an instance touches, at most."""
    assert isinstance(access.value, isl.Map)
    if access.value.is_single_valued():
        return 1
    return prod(high - low + 1 for low, high in box_touched(access.value) or ())


def changed_by_running(
    base: Model, before: tuple[Model, Tree], after: tuple[Model, Tree], sums: Sums
) -> tuple[isl.UnionMap, isl.UnionMap] | None:
    """What some reads see before and after, of each kind one that sees something else (None: none does)."""
    expected, found = (dict(_seen(model, tree, base, sums)) for model, tree in (before, after))
    ran = _ran(base, after[0])
    expected = {
        read: sources
        for read, sources in expected.items()
        if read[0] == FINAL or read[1] in ran.get(read[0], ())
    }
    chosen: dict[tuple[object, ...], Write] = {}
    for read in sorted(expected.keys() | found.keys()):
        mine, other = expected.get(read, frozenset()), found.get(read, frozenset())
        if mine != other:
            kinds = (frozenset(write[0] for write in sources) for sources in (mine, other))
            chosen.setdefault((read[0], read[2][0], *kinds), read)
    if not chosen:
        return None
    return _union(expected, chosen.values()), _union(found, chosen.values())


def _ran(base: Model, model: Model) -> dict[str, set[Point]]:
    """The instances of traced statements whose reads a model needs, by the names of these."""
    found: dict[str, set[Point]] = {}
    for statement in model.statements:
        needed = needed_reads(base, statement)
        if needed:
            runs = pairs_of(instance_map(statement).intersect_domain(statement.domain))
            instances = {instance for _, instance in runs}
            for name in needed:
                found.setdefault(name, set()).update(instances)
    return found


def _seen(model: Model, tree: Tree, base: Model, sums: Sums) -> _Seen:
    """What all reads see. One that runs several times and does not see the same sees ``Nothing`` besides."""
    touched = isl.UnionSet("{ }")
    for statement in model.statements:
        for access in statement.reads:
            touched = touched.union(isl.UnionSet.from_set(access.relation.range()))
    for whole in finals(model, base):
        touched = touched.union(isl.UnionSet.from_set(whole.range()))
    given = [w.intersect_range(touched.extract_set(w.range().get_space())) for w in inputs(model, base)]
    run = Run(model, tree, given, lambda statement: statement.origin in sums)
    terms = TracedTerms(model, base)
    traced = _InTracedTerms(terms, run)
    found: _Seen = {}
    for read, sources in _reads(model, base, sums, terms, run):
        mine = traced.of(sources)
        if found.setdefault(read, mine) != mine:
            found[read] |= mine | {(NOTHING, (), (NOTHING, ()))}
    return found


def _reads(
    model: Model, base: Model, sums: Sums, terms: TracedTerms, run: Run
) -> Iterator[tuple[Write, _Sources]]:
    """All reads in terms of the traced program, with the writes of the model that they see."""
    for s in model.statements:
        own = own_sum(base, s) if s.origin in sums else frozenset()
        alike = {
            u.name for u in model.statements if own and sums.get(u.origin or "") == sums.get(s.origin or "")
        }
        for reader, read in () if s.copy else tagged_reads(s):
            without = alike if reader in own else ()
            for instance, place, name in _named(terms, renamed_input(read.relation, reader)):
                sources = run.seen[s.name, instance, (read.space, place)]
                yield name, frozenset(write for write in sources if write[0] not in without)
    for whole in finals(model, base):
        space = str(whole.range().get_tuple_name())
        for _, place, name in _named(terms, whole):
            yield name, run.read((space, place))


def _named(terms: TracedTerms, reads: isl.Map) -> Iterator[tuple[Point, Point, Write]]:
    """Instances and elements of reads, and what these are in the traced program."""
    here = reads.wrap()
    way = terms.reads(here).intersect_domain(here)
    target = isl.Map.universe(way.get_space()).range().unwrap()
    name, space = str(target.domain().get_tuple_name()), str(target.range().get_tuple_name())
    mine, other = dims_of(reads.domain()), dims_of(target.domain())
    for point, named in pairs_of(way):
        yield point[:mine], point[mine:], (name, named[:other], (space, named[other:]))


class _InTracedTerms:
    """Writes of a model as those of the traced program."""

    def __init__(self, terms: TracedTerms, run: Run) -> None:
        self.terms, self.run = terms, run
        self.writes: dict[tuple[str, str], dict[Write, set[Write]]] = {}
        self.known: dict[_Sources, _Sources] = {}

    def of(self, sources: _Sources) -> _Sources:
        """Some writes as those of the traced program."""
        found = self.known.get(sources)
        if found is None:
            named: set[Write] = set()
            for write in sources:
                named |= self._all_of(write[0], write[2][0]).get(write, {write})
            found = self.known[sources] = frozenset(named)
        return found

    def _all_of(self, name: str, space: str) -> dict[Write, set[Write]]:
        """Every write of a statement (or ``Input``) to an array -> what it is in the traced program."""
        key = name, space
        if key not in self.writes:
            found = self.writes[key] = {}
            for relation in self.run.before if name == INPUT else self.run.written(name):
                if relation.range().get_tuple_name() == space:
                    for write, traced in self._named(relation):
                        found.setdefault(write, set()).add(traced)
        return self.writes[key]

    def _named(self, relation: isl.Map) -> Iterator[tuple[Write, Write]]:
        way = self.terms.written(relation.wrap().identity())
        ends = [isl.Set.universe(end.get_space()).unwrap() for end in (way.domain(), way.range())]
        names = [(str(e.domain().get_tuple_name()), str(e.range().get_tuple_name())) for e in ends]
        splits = [dims_of(end.domain()) for end in ends]
        for pair in pairs_of(way):
            write, traced = (
                (name, point[:split], (space, point[split:]))
                for (name, space), split, point in zip(names, splits, pair, strict=True)
            )
            yield write, traced


def _union(seen: _Seen, reads: Iterable[Write]) -> isl.UnionMap:
    found = isl.UnionMap("{ }")
    for read in reads:
        for write in seen.get(read, ()):
            found = found.union(isl.UnionMap(f"{{ {_text(read)} -> {_text(write)} }}"))
    return found


def _text(end: Write) -> str:
    name, instance, (space, place) = end
    return f"[{tuple_text(name, map(str, instance))} -> {tuple_text(space, map(str, place))}]"
