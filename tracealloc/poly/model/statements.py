"""Adding copies of parts of arrays, and sending accesses to the copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.equality import same_maps
from tracealloc.poly.isl.named import map_of
from tracealloc.poly.model.accesses import accesses_of, affine_loops
from tracealloc.poly.model.model import Access, Model, Part, Statement
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, iters_of, loads_of, substitute
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    Node,
    Region,
    Slice,
    Store,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import (
    Elsewhere,
    Moved,
    Subscript,
    map_accesses,
    map_part,
    map_reads,
    map_subscript,
)
from tracealloc.trace.queries.affine import constant, is_affine, simplify
from tracealloc.trace.record.naming import unused

__all__ = [
    "accessing",
    "in_box",
    "in_iters",
    "instances_used",
    "make_statement",
    "as_before",
    "elsewhere",
    "remade",
    "renamed",
    "sliced_dims",
    "slot",
    "subscripts",
    "touches_by_data",
    "unique_name",
    "with_more",
]

Accesses: TypeAlias = tuple[Access, ...]


def unique_name(model: Model, name: str) -> str:
    """An array name that the model does not have yet."""
    return unused(name, {array.name for array in model.arrays})


def make_statement(
    model: Model,
    name: str,
    node: Node,
    dims: Sequence[Iter],
    domain: isl.Set,
    scopes: Mapping[Array, tuple[Expr, ...]],
    *,
    guards: tuple[Expr, ...] = (),
    origin: str | None = None,
    origin_instance: tuple[Expr, ...] | None = None,
    copy: bool = False,
    covered: bool = False,
) -> Statement:
    """A statement of `model`, with its accesses; the model must know its arrays.

    Of `scopes` it keeps those of the arrays that it uses: where an array lives is asked of its users.
    """
    dims = tuple(dims)
    made = Statement(name, dims, domain, node, guards, (), (), origin, origin_instance, copy, covered)
    return collected(model, made, scopes)


def collected(model: Model, s: Statement, scopes: Mapping[Array, tuple[Expr, ...]]) -> Statement:
    """A statement with the accesses that its node and guards make."""
    accesses = _accesses(model, s, s.as_traced, scopes)
    used = {access.array for access in accesses} | ({s.node.array} if isinstance(s.node, Alloc) else set())
    kept = tuple((array, exprs) for array, exprs in scopes.items() if exprs and array in used)
    return replace(s, accesses=accesses, scopes=kept)


def _accesses(model: Model, s: Statement, node: Node, scopes: Mapping[Array, tuple[Expr, ...]]) -> Accesses:
    places = s.name, s.dims, s.domain, scopes
    return accesses_of(node, s.guards, *places, model.space, model.effects, s.covered)


def remade(model: Model, statement: Statement, scopes: Mapping[Array, tuple[Expr, ...]]) -> Statement:
    """A statement, rewritten in place, with the accesses that it makes now.

    Those that it has are from before, but for the parts that they name: see `as_before`.
    """
    made = as_before(model, collected(model, statement, scopes), statement)
    return made if made.traced is None else with_more(made, _accesses(model, made, made.node, scopes))


def with_more(statement: Statement, own: Accesses) -> Statement:
    """A statement with those of the accesses of its node, as scheduled, that the traced one does not make.

    They count for order; they are no reads of the traced program.
    """
    known: dict[tuple[str, bool], isl.Map] = {}
    for access in statement.accesses:
        at = access.space, access.write
        known[at] = known[at].union(access.relation) if at in known else access.relation

    def is_known(access: Access) -> bool:
        found = known.get((access.space, access.write))
        return found is not None and is_within(access.relation, found)

    more = tuple(replace(access, tags=()) for access in own if not is_known(access))
    return replace(statement, accesses=(*statement.accesses, *more))


def as_before(model: Model, made: Statement, before: Statement) -> Statement:
    """A statement with what is known of its accesses from those of `before` that name the same parts.

    These are the reads of the traced statement that its reads are, and the elements that data choose:
    subscripts may no longer tell that a row is not left.
    """
    origins = {str(m.domain().get_tuple_name()): m for m in model.origins}
    if before.traced is not None:  # see `with_more`
        before = replace(before, accesses=tuple(a for a in before.accesses if a.write or a.tags))

    def elements(access: Access, known: Access) -> isl.Map | None:
        if known.space == access.space and made.scope(known.array) == before.scope(known.array):
            return known.relation
        origin = origins.get(access.space)
        if origin is None or origin.range().get_tuple_name() != known.space:
            return None
        return known.relation.apply_range(origin.reverse())

    def as_known(access: Access, known: Accesses) -> Access:
        if access.sure or access.view is not None or not known:
            return access
        found = elements(access, known[0])
        if found is None or not all(same_maps(known[0].relation, other.relation) for other in known[1:]):
            return access
        found = access.relation.intersect(found)
        sure, exact = all(a.sure for a in known), all(a.exact for a in known)
        return replace(access, relation=found, sure=sure, exact=exact)

    accesses = _named_alike(made.accesses, before.accesses)
    accesses = tuple(map(as_known, accesses, _partners(accesses, before.accesses)))
    # A write that is known to happen implies no read of what was there.
    certain = {(a.part, a.leaf) for a in accesses if a.write and (a.exact or (a.sure and made.covered))}
    certain -= {(a.part, a.leaf) for a in before.accesses if a.update}
    return replace(
        made, accesses=tuple(a for a in accesses if not a.update or (a.part, a.leaf) not in certain)
    )


def _named_alike(made: Accesses, before: Accesses) -> Accesses:
    """Accesses with the tags of those that name the same parts; others get tags that none of these has."""
    taken = {tag for access in before for tag in access.tags}
    fresh = (f"n{k}" for k in count() if f"n{k}" not in taken)

    def named(access: Access, known: Accesses) -> Access:
        tags = tuple(dict.fromkeys(tag for each in known for tag in each.tags))
        return access if access.write else replace(access, tags=tags or (next(fresh),))

    return tuple(map(named, made, _partners(made, before)))


def _partners(made: Accesses, before: Accesses) -> list[Accesses]:
    """For each access those from before that name the same part, and do the same to it.

    Where as many do now as did before, one is one: the loops around may tell them apart.
    """
    known: dict[object, list[Access]] = {}
    for access in before:
        known.setdefault(_role(access), []).append(access)
    roles = [*map(_role, made)]
    count, seen = Counter(roles), Counter[object]()
    found: list[Accesses] = []
    for role in roles:
        same = known.get(role, ())
        found.append((same[seen[role]],) if len(same) == count[role] else tuple(same))
        seen[role] += 1
    return found


def _role(access: Access) -> object:
    """What an access names, and what it does to it."""
    certain = access.whole is not None and access.exact  # of a call: what it reads and what it may read
    return _normal(access.part), access.leaf, access.write, access.update, certain


def _normal(part: Part) -> Part:
    """A part as it is where subscripts around it were simplified."""
    if isinstance(part, Region):
        return Region(part.array, tuple(map_subscript(index, simplify) for index in part.indices))
    return simplify(part) if isinstance(part, Expr) else part


def touches_by_data(statement: Statement, array: Array) -> bool:
    """Whether a statement's part of an array depends on data."""
    known = {*statement.dims, *(loop.iter for loop in affine_loops(statement.node, statement.dims))}
    return any(
        not is_affine(i) or not iters_of(i) <= known for each in subscripts(statement, array) for i in each
    )


def accessing(
    model: Model, statement: Statement, moved: Moved, scopes: Mapping[Array, tuple[Expr, ...]]
) -> Statement:
    """The same instances of a statement, with arrays accessed elsewhere."""
    return remade(model, elsewhere(statement, moved), scopes)


def elsewhere(statement: Statement, moved: Moved) -> Statement:
    """A statement that names what it accesses elsewhere; all else of its accesses is as it was."""
    return replace(
        renamed(statement, lambda access: map_part(access.part, moved)),
        node=map_accesses(statement.node, moved),
        traced=None if statement.traced is None else map_accesses(statement.traced, moved),
        guards=tuple(map_reads(guard, moved) for guard in statement.guards),
    )


def renamed(statement: Statement, change: Callable[[Access], Part]) -> Statement:
    """A statement whose accesses name other parts."""
    accesses = (replace(access, part=change(access)) for access in statement.accesses)
    return replace(statement, accesses=tuple(accesses))


def in_box(
    buffer: Array,
    lows: Mapping[int, Expr],
    steps: Sequence[int] | None = None,
    place: Callable[[Sequence[Subscript], int], Subscript] | None = None,
) -> Elsewhere:
    """A buffer of the dimensions in `lows`, for each of which its first element is given.

    Along dimension `dim` of the array it holds each ``steps[dim]``-th element. `place` gives a coordinate of
    an element, from all its subscripts, where that is not its subscript.
    """

    def placed(indices: Sequence[Subscript]) -> tuple[Subscript, ...]:
        found = []
        for dim, low in lows.items():
            part = indices[dim] if place is None else place(indices, dim)
            step = 1 if steps is None else steps[dim]
            found.append(map_subscript(part, lambda e, low=low, step=step: slot(e, low, step)))  # type: ignore[misc]
        return tuple(found)

    return buffer, placed


def slot(subscript: Expr, low: Expr, step: int = 1) -> Expr:
    """Where a buffer that begins at `low` and holds each `step`-th element has the one at `subscript`."""
    away = subscript if low == constant(0) else simplify(Binary("-", subscript, low, index))
    return simplify(Binary("//", away, constant(step), index)) if step > 1 else away


def instances_used(statement: Statement, array: Array) -> isl.Set:
    """The instances of a scoped array that a statement uses."""
    scope = map_of(statement.name, statement.dims, "Z", statement.scope(array))
    return statement.domain.apply(scope)


def subscripts(statement: Statement, array: Array) -> Iterator[tuple[Expr, ...]]:
    """The subscripts of `array` in a statement; of views that are passed, where they begin."""
    for node in walk_nodes((statement.node,)):
        exprs = [*expressions_of(node), *statement.guards]
        yield from (load.indices for expr in exprs for load in loads_of(expr) if load.array == array)
        if isinstance(node, Store) and node.array == array:
            yield node.indices
        if isinstance(node, Call):
            parts = [p for p in (*node.args, *node.results) if isinstance(p, Region) and p.array == array]
            yield from (tuple(i.start if isinstance(i, Slice) else i for i in p.indices) for p in parts)


def sliced_dims(statements: Sequence[Statement], array: Array) -> set[int]:
    """The dimensions of `array` along which a called kernel gets a slice: these have to stay."""
    regions = [
        part
        for statement in statements
        for node in walk_nodes((statement.node,))
        if isinstance(node, Call)
        for part in (*node.args, *node.results)
        if isinstance(part, Region) and part.array == array
    ]
    return {dim for part in regions for dim, i in enumerate(part.indices) if isinstance(i, Slice)}


def in_iters(expr: Expr, values: Mapping[Iter, Expr]) -> Expr:
    """`expr` over other iterators, in normal form."""
    return simplify(substitute(expr, dict(values)))
