"""Does a scheduled model compute what the traced one does? Exact, for all data.

Every read of every original statement must see the same original write (or the same input element) in
both, with pure copies looked through, and so must every element that the kernel leaves behind. Time does
not depend on trip counts. Sums whose order is free are compared as sets of contributions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.dataflow.solve import FINAL, INPUT, pieces
from tracealloc.poly.dataflow.through_copies import Values
from tracealloc.poly.dependence.dependence import same_sum
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.equality import same_unions
from tracealloc.poly.isl.named import map_of, point_values, renamed, renamed_input, union_of
from tracealloc.poly.isl.remembered import remembered
from tracealloc.poly.isl.texts import tuple_text
from tracealloc.poly.model.accesses import field_paths
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import Tree
from tracealloc.poly.proof.unaffected_reads import Reads, changed_reads
from tracealloc.trace.ir.expr import IterRef
from tracealloc.trace.ir.program import Array

__all__ = [
    "NOTHING",
    "Difference",
    "changed_sources",
    "difference",
    "difference_beside",
    "first_difference",
    "free_sums",
    "freely_changed",
    "own_sum",
    "runs_once",
    "value_sources",
]


NOTHING = "Nothing"


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


_Sums: TypeAlias = Mapping[str, int]
"""Traced statements that update sums of free order, each with the number of its sum."""
_NONE: _Sums = {}


def value_sources(model: Model, tree: Tree, base: Model | None = None, sums: _Sums = _NONE) -> isl.UnionMap:
    """``[read -> element] -> [write -> element]``: originals only, copies looked through.

    A read is called ``S3__1`` (the second read of S3) or ``Final``; a write ``S3``, or ``Input`` for what
    an argument holds at the start. The two elements differ only where a copy copies wrongly. `base` is
    the traced model, in whose terms elements are named (None: `model` is).

    `sums` are traced statements that update a sum of free order: a read of it sees all of them, in no
    order, and what the sum began with; their own reads of it see none of the same kind.
    """
    return _sources(_values(model, tree, base or model, sums), base, sums, None)


def _values(model: Model, tree: Tree, base: Model, sums: _Sums) -> Values:
    return Values(model, tree, _inputs(model, base), lambda statement: statement.origin in sums)


def _sources(values: Values, base: Model | None, sums: _Sums, wanted: Reads | None) -> isl.UnionMap:
    """What some reads (None: all) see, in terms of the traced model."""
    model = values.clock.model
    traced = base or model
    flows: list[isl.Map] = []
    for s in model.statements:
        own = own_sum(traced, s) if s.origin in sums else frozenset()
        alike = frozenset(
            u.name for u in model.statements if own and sums.get(u.origin or "") == sums.get(s.origin or "")
        )
        for k, read in enumerate(() if s.copy else s.reads):
            tag = f"{s.name}__{k}"
            if wanted is None or (tag, read.space) in wanted:
                seen = values.seen(read.relation)
                flows += [_tagged(f, tag) for f in values.flows(seen, alike if k in own else frozenset())]
    for whole in _finals(model, traced):
        if wanted is None or (FINAL, str(whole.range().get_tuple_name())) in wanted:
            flows += values.flows(values.seen(whole))
    sources = union_of(flows)
    found = _in_original_terms(model, traced, sources)
    return found if base is None else found.union(_odd_copies(values, base, sources, found, wanted))


def own_sum(base: Model, statement: Statement) -> frozenset[int]:
    """Which reads of an update are of the element that it adds to."""
    traced = base.statement(str(statement.origin))
    (write,) = traced.writes
    return frozenset(
        k
        for k, read in enumerate(traced.reads)
        if read.space == write.space and read.relation.is_equal(write.relation)
    )


def _odd_copies(
    values: Values, base: Model, sources: isl.UnionMap, found: isl.UnionMap, wanted: Reads | None
) -> isl.UnionMap:
    """Reads that run more than once and do not see the same each time: they see ``Nothing`` besides."""
    model = values.clock.model
    asked = [
        (s, f"{s.name}__{number}", access)
        for s in model.statements
        for number, access in enumerate(() if s.copy else s.reads)
        if wanted is None or (f"{s.name}__{number}", access.space) in wanted
    ]
    origins = {s.origin for s, _, _ in asked}
    moved = {s.origin for s in model.statements if s.origin in origins and _is_renamed(s)}
    repeated = {origin for origin in moved if not runs_once(model, str(origin))}
    if not repeated:
        return union_of([])
    terms = _Terms(model, base)
    reads = [renamed_input(access.relation, tag).wrap() for s, tag, access in asked if s.origin in repeated]
    ways = [terms.reads(read).intersect_domain(read) for read in reads]
    seen: dict[str, list[isl.Map]] = {}
    for piece in pieces(sources):
        seen.setdefault(_reader(piece), []).append(terms.written(piece))
    odd: list[isl.Map] = []
    for way in ways:
        mine = union_of(seen.get(_reader(way), []))
        wrong = union_of([way]).apply_range(found).subtract(mine).domain()
        for piece in pieces(wrong.apply(union_of([way])).identity()):
            nothing = isl.Set(f"{{ [{NOTHING}[] -> {NOTHING}[]] }}")
            odd.append(isl.Map.from_domain_and_range(piece.domain(), nothing))
    return union_of(odd)


def _inputs(model: Model, base: Model) -> list[isl.Map]:
    """What callers see of arrays at the start, and constants."""
    spaces = _spaces(model, base).items()
    return [_whole(INPUT, space, array.shape) for space, array in spaces if array.kind != "result"]


def _finals(model: Model, base: Model) -> list[isl.Map]:
    """The reads of all that callers see in the end."""
    spaces = _spaces(model, base).items()
    return [_whole(FINAL, space, array.shape) for space, array in spaces if array.kind != "constant"]


@remembered(1024)
def _whole(name: str, space: str, shape: tuple[int, ...]) -> isl.Map:
    return isl.Map.from_domain_and_range(isl.Set(f"{{ {name}[] }}"), isl.Set(_box_text(space, shape)))


def _tagged(flow: isl.Map, tag: str) -> isl.Map:
    """A flow with its read called `tag`."""
    return renamed_input(flow.curry(), tag).uncurry()


def _spaces(model: Model, base: Model) -> dict[str, Array]:
    """The isl spaces of what callers see and of constants."""
    outputs = set(model.outputs())
    found: dict[str, Array] = {}
    # A statement that never runs may be gone from the model: its arrays still have final contents.
    for statement in (*model.statements, *base.statements):
        for access in statement.accesses:
            if access.array in outputs or access.array.kind == "constant":
                found.setdefault(access.space, access.array)
            if access.array in outputs:
                # Copies move whole records, also fields that the kernel never touches.
                for path in field_paths(access.array, ()):
                    found.setdefault(model.space(access.array, path), access.array)
    return found


def _box_text(space: str, shape: tuple[int, ...]) -> str:
    names = [f"e{k}" for k in range(len(shape))]
    where = " and ".join(f"0 <= {name} < {extent}" for name, extent in zip(names, shape, strict=True))
    return f"{{ {tuple_text(space, names)}{' : ' + where if where else ''} }}"


def _reader(piece: isl.Map) -> str:
    return str(_everything(piece).domain().unwrap().domain().get_tuple_name())


def _writer(piece: isl.Map) -> str:
    return str(_everything(piece).range().unwrap().domain().get_tuple_name())


def _everything(piece: isl.Map) -> isl.Map:
    """All pairs in the space of a map, which may itself have very many pieces."""
    return isl.Map.universe(piece.get_space())


def _select(union: isl.UnionMap, wanted: Callable[[isl.Map], bool]) -> tuple[isl.UnionMap, isl.UnionMap]:
    """The pieces that are wanted, and the others."""
    yes: list[isl.Map] = []
    no: list[isl.Map] = []
    for piece in pieces(union):
        (yes if wanted(piece) else no).append(piece)
    return union_of(yes), union_of(no)


class _Terms:
    """Statements of a model by their originals, elements of buffers by what they are copies of."""

    def __init__(self, model: Model, base: Model) -> None:
        self.model, self.base = model, base
        self.origins = {str(m.domain().get_tuple_name()): m for m in model.origins}
        self._instances: dict[str, isl.Map | None] = {}

    def instance(self, name: str) -> isl.Map | None:
        """Instances of a statement -> those of its original (None: they are the same)."""
        if name not in self._instances:
            statement = None if name in (FINAL, INPUT) else self.model.statement(name)
            moved = statement if statement is not None and _is_renamed(statement) else None
            self._instances[name] = None if moved is None else _instance_map(moved)
        return self._instances[name]

    def onto(self, element: isl.Set) -> isl.Map:
        """Elements of a buffer -> what they are copies of."""
        moved = element.identity()
        while (space := str(moved.range().get_tuple_name())) in self.origins:
            moved = moved.apply_range(self.origins[space])
        return moved

    def reads(self, reads: isl.Set) -> isl.Map:
        """``[read -> element]`` -> the same of the traced program, for all reads of one name and array.

        A read that has just one element is that element, wherever it is read now.
        """
        # Not only for `reads`: the pieces of these would be multiplied with themselves.
        inner = isl.Set.universe(reads.get_space()).unwrap()
        reader = inner.domain().identity()
        name, _, number = str(inner.domain().get_tuple_name()).partition("__")
        label = _element_read(self.model, self.base, name, number)
        instance = self.instance(name)
        if instance is not None:
            target = f"{instance.range().get_tuple_name()}__{number}"
            reader = renamed_input(instance, f"{name}__{number}")
            reader = renamed_input(reader.reverse(), target).reverse()
        elif label is not None:
            reader = renamed_input(reader, str(label.domain().get_tuple_name())).reverse()
        if label is not None:
            return inner.domain_map().apply_range(reader).apply_range(label.domain_map().reverse())
        moved = _view_moved(self.model, self.base, name, number)
        if moved is None:
            return reader.product(self.onto(inner.range()))
        return moved.domain().unwrap().domain_map().apply_range(reader).range_product(moved)

    def written(self, piece: isl.Map) -> isl.Map:
        """``x -> [write -> element]`` with the write and the element of the traced program."""
        outer = _everything(piece).range().unwrap()
        name, space = _writer(piece), str(outer.range().get_tuple_name())
        writer = self.instance(name)
        if writer is None and space not in self.origins:
            return piece
        writer = outer.domain().identity() if writer is None else writer
        return piece.apply_range(writer.product(self.onto(outer.range())))


def _in_original_terms(model: Model, base: Model, sources: isl.UnionMap) -> isl.UnionMap:
    """All reads and writes as those of the traced program."""
    terms = _Terms(model, base)
    found = [terms.written(p).apply_domain(terms.reads(p.domain())) for p in pieces(sources)]
    return union_of([coalesced(flow) for flow in found])


def _element_read(model: Model, base: Model, name: str, number: str) -> isl.Map | None:
    """``S3__1 -> element``: what a read reads in the traced program, if that is always one element."""
    if name == FINAL:
        return None
    statement = model.statement(name)
    if statement.origin is None:
        return None
    reads = base.statement(statement.origin).reads
    if len(reads) != len(statement.reads):
        return None
    relation = reads[int(number)].relation
    if not relation.is_single_valued():
        return None
    return renamed_input(relation, f"{statement.origin}__{number}")


def _view_moved(model: Model, base: Model, name: str, number: str) -> isl.Map | None:
    """``[S3__1 -> element] -> element of the traced program``, for what a called kernel gets as a view.

    The view has the same places in both, but may be of a window that moves on.
    """
    if name == FINAL or model.statement(name).origin is None:
        return None
    statement = model.statement(name)
    reads = base.statement(str(statement.origin)).reads
    if len(reads) != len(statement.reads):
        return None
    mine, traced = statement.reads[int(number)].view, reads[int(number)].view
    if mine is None or traced is None:
        return None
    if not _places(mine).is_equal(_places(traced)):
        return None  # a loop inside was split
    places = traced.domain().unwrap().range().identity()
    traced = _instance_map(statement).product(places).apply_range(traced)
    both = mine.range_product(traced).curry().range_factor_range()
    return renamed_input(both, f"{name}__{number}").uncurry()


def _places(view: isl.Map) -> isl.Space:
    return view.domain().unwrap().range().get_space()


def _is_renamed(statement: Statement) -> bool:
    same = statement.origin == statement.name and statement.origin_instance is None
    return statement.origin is not None and not same


def _instance_map(statement: Statement) -> isl.Map:
    """Own instance -> the instance of the traced statement that it runs."""
    assert statement.origin is not None
    exprs = statement.origin_instance
    if exprs is None:
        exprs = tuple(IterRef(it) for it in statement.dims)
    return map_of(statement.name, statement.dims, statement.origin, exprs)


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
    assert not any(_is_renamed(statement) or statement.copy for statement in base.statements)
    found = changed_sources(base, before, after)
    if found is not None and free and (sums := free_sums(base, after[0], reassociate)):
        found = changed_sources(base, before, after, sums)
    return found


def changed_sources(
    base: Model, before: tuple[Model, Tree], after: tuple[Model, Tree], sums: _Sums = _NONE
) -> tuple[isl.UnionMap, isl.UnionMap] | None:
    """What reads see before and after, as `value_sources` (None: the same), but for some that see the same.

    Reads that are not run at all any more do not count.
    """
    ours, theirs = (_values(model, tree, base, sums) for model, tree in (before, after))
    finals = _finals(before[0], before[0]), _finals(after[0], before[0])
    for reads in changed_reads(ours, theirs, finals):
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
        runs = _instance_map(statement).intersect_domain(statement.domain)
        instances = runs.range()
        if not runs.is_injective() or (ran is not None and not ran.is_disjoint(instances)):
            return False
        ran = instances if ran is None else ran.union(instances)
    return True


def _executed(base: Model, model: Model) -> Callable[[isl.UnionMap], isl.UnionMap]:
    """A function that leaves out the reads of instances which `model` does not run at all.

    An instance whose value nothing needs may be dropped. One that is needed cannot be: what reads it
    would have no source.
    """
    ran: dict[str, isl.Set] = {}
    for statement in model.statements:
        if statement.origin is None:
            continue
        instances = statement.domain.apply(_instance_map(statement))
        known = ran.get(statement.origin)
        ran[statement.origin] = instances if known is None else known.union(instances)
    whole = {s.name: s.domain for s in base.statements}

    def runs(sources: isl.UnionMap) -> isl.UnionMap:
        found: list[isl.Map] = []
        for piece in pieces(sources):
            name = _reader(piece).partition("__")[0]
            if name in whole and name not in ran:
                continue
            if name in whole and not whole[name].is_subset(ran[name]):
                reads = piece.domain().unwrap()
                kept = renamed(ran[name], _reader(piece))
                piece = piece.intersect_domain(reads.intersect_domain(kept).wrap())
            found.append(piece)
        return union_of(found)

    return runs


def free_sums(base: Model, model: Model, reassociate: bool) -> _Sums:
    """Statements that update sums whose order is free, each with the number of its sum.

    Sums and products of one array do not commute with each other: they are two, and every update of one
    must see the same updates of the other.
    """
    groups: list[Statement] = []
    found: dict[str, int] = {}
    for statement in base.statements:
        kind = same_sum(statement, statement)
        if not (kind == "integer" or (kind == "float" and reassociate)) or not runs_once(
            model, statement.name
        ):
            continue
        space = statement.writes[0].space
        number = next(
            (k for k, g in enumerate(groups) if g.writes[0].space == space and same_sum(g, statement)),
            len(groups),
        )
        groups[number:] = groups[number:] or [statement]
        found[statement.name] = number
    return found


def difference_beside(expected: isl.UnionMap, found: isl.UnionMap, names: Set[str]) -> Difference | None:
    """A read that sees another write, where none of the statements `names` is in play."""
    differing = expected.subtract(found).union(found.subtract(expected)).domain()
    for piece in (*pieces(expected), *pieces(found)):
        if _writer(piece) in names or _reader(piece).partition("__")[0] in names:
            differing = differing.subtract(isl.UnionSet.from_set(piece.domain()))
    if differing.is_empty():
        return None
    return first_difference(*(sources.intersect_domain(differing) for sources in (expected, found)))


def first_difference(expected: isl.UnionMap, found: isl.UnionMap) -> Difference:
    """A read that sees another write in one of two unequal relations than in the other."""
    for one, other in ((expected, found), (found, expected)):
        for piece in pieces(one.subtract(other)):
            values = point_values(piece.domain())
            if values is None:
                continue
            inner = piece.domain().unwrap()
            split = len(values) - len(point_values(inner.range()) or [])
            at = isl.UnionSet.from_set(piece.domain().lexmin())
            return Difference(
                (_reader(piece).partition("__")[0], tuple(values[:split])),
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
            return _writer(piece), tuple(values)
    return None
