"""Adding copies of parts of arrays, and sending accesses to the copy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

import islpy as isl

from tracealloc.poly.isl.equality import same_maps
from tracealloc.poly.isl.named import map_of
from tracealloc.poly.model.accesses import accesses_of, affine_loops, target_text
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.trace.ir.affine import constant, is_affine, simplify
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, Load, iters_of, loads_of, substitute
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
from tracealloc.trace.ir.rewrite import Elsewhere, Moved, Subscript, map_accesses, map_reads, map_subscript
from tracealloc.trace.ir.text import expr_text, region_text
from tracealloc.trace.record.naming import unused

__all__ = [
    "accessing",
    "in_box",
    "in_iters",
    "instances_used",
    "loads_in",
    "make_statement",
    "as_told",
    "remade",
    "sliced_dims",
    "slot",
    "subscripts",
    "told_alike",
    "touches_by_data",
    "unique_name",
]

Accesses: TypeAlias = tuple[Access, ...]
_SAME: Mapping[str, isl.Map] = {}


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
    accesses = accesses_of(node, guards, name, dims, domain, scopes, model.space, model.effects, covered)
    used = {access.array for access in accesses} | ({node.array} if isinstance(node, Alloc) else set())
    kept = tuple((array, exprs) for array, exprs in scopes.items() if exprs and array in used)
    dims = tuple(dims)
    return Statement(name, dims, domain, node, guards, accesses, kept, origin, origin_instance, copy, covered)


def remade(
    model: Model,
    statement: Statement,
    node: Node,
    guards: tuple[Expr, ...],
    scopes: Mapping[Array, tuple[Expr, ...]],
) -> Statement:
    """The same instances of a statement, which now access other arrays or other elements."""
    made = make_statement(
        model,
        statement.name,
        node,
        statement.dims,
        statement.domain,
        scopes,
        guards=guards,
        origin=statement.origin,
        origin_instance=statement.origin_instance,
        copy=statement.copy,
        covered=statement.covered,
    )
    return replace(made, accesses=told_alike(made, statement))


def told_alike(made: Statement, statement: Statement) -> Accesses:
    """`as_told` where both have the same form: what is not as it was stands in the same place."""
    new, old = ([expr_text(load) for load in loads_in(each)] for each in (made, statement))
    changed = [text for text in old if text not in new], [text for text in new if text not in old]
    alike = zip(*changed, strict=True) if len(changed[0]) == len(changed[1]) else ()
    return as_told(made, statement, dict(alike))


def loads_in(statement: Statement) -> list[Load]:
    """The elements that a statement reads, as it names them."""
    exprs = [expr for node in walk_nodes((statement.node,)) for expr in expressions_of(node)]
    return [load for expr in (*statement.guards, *exprs) for load in loads_of(expr)]


def as_told(
    made: Statement,
    statement: Statement,
    texts: Mapping[str, str],
    onto: Mapping[str, isl.Map] = _SAME,
    stored: Array | None = None,
) -> Accesses:
    """The accesses of `made` with what is known of the elements that data choose in `statement`.

    Subscripts may no longer tell that a row is not left. `texts` says what stands now for an element that
    `statement` names, `onto` gives the elements of an array that is stored in another way now, as
    `stored`. What else is accessed otherwise than before has another array. They come in the order of those
    that they stand for, by which proofs tell reads apart: subscripts in another order are evaluated in
    another one, and those of a dimension of one element are gone, but count as read.
    """
    targets = dict(zip(_targets(statement), _targets(made), strict=False))
    places = _places(made.accesses, statement.accesses, {**texts, **targets})
    found = [
        access if place is None else _as_known(access, made, statement, statement.accesses[place], onto)
        for access, place in zip(made.accesses, places, strict=True)
    ]
    named = set() if onto else {*map(expr_text, loads_in(statement)), *_targets(statement)}
    ordered: dict[int, Access] = {}
    for access, place in zip(found, places, strict=True):
        if place is None:
            return tuple(found)
        ordered.setdefault(place, access)
    for place, access in enumerate(statement.accesses):
        if place not in ordered and access.text not in named:  # no step took it out: nothing named it
            ordered[place] = access
            if access.space in onto:
                ordered[place] = replace(access.onto(onto[access.space]), array=stored or access.array)
    return tuple(ordered[place] for place in sorted(ordered))


def _targets(statement: Statement) -> list[str]:
    """What a statement stores to and what it passes."""
    found: list[str] = []
    for node in walk_nodes((statement.node,)):
        if isinstance(node, Store):
            found.append(target_text(node))
        if isinstance(node, Call):
            found += [region_text(p) for p in (*node.args, *node.results) if isinstance(p, Region)]
    return found


def _places(made: Accesses, accesses: Accesses, texts: Mapping[str, str]) -> list[int | None]:
    """For each access of `made` the position of that which it stands for, where it can be told.

    What was told apart may be one now, and the other way round, where all are of the same elements.
    """

    def told(access: Access, text: str) -> tuple[object, ...]:
        certain = access.whole is not None and access.exact  # of a call: what it reads and what it may read
        return text, access.write, access.update, certain

    before: dict[tuple[object, ...], list[int]] = {}
    for number, access in enumerate(accesses):
        before.setdefault(told(access, texts.get(access.text, access.text)), []).append(number)
    keys = [told(access, access.text) for access in made]
    counts, seen = Counter(keys), Counter[tuple[object, ...]]()
    found: list[int | None] = []
    for key in keys:
        same = before.get(key, [])
        relations = [accesses[number].relation for number in same]
        clear = len(same) == counts[key] or all(same_maps(r, relations[0]) for r in relations)
        found.append(same[min(seen[key], len(same) - 1)] if same and clear else None)
        seen[key] += 1
    return found


def _as_known(
    access: Access, made: Statement, statement: Statement, known: Access, onto: Mapping[str, isl.Map]
) -> Access:
    """An access with the elements of `known`, for which it stands, where data choose them."""
    if known.space in onto:
        known = known.onto(onto[known.space])
    elif made.scope(known.array) != statement.scope(known.array):
        return access
    if access.sure or access.view is not None or known.space != access.space:
        return access
    return replace(access, relation=known.relation, whole=known.whole)


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
    guards = tuple(map_reads(guard, moved) for guard in statement.guards)
    return remade(model, statement, map_accesses(statement.node, moved), guards, scopes)


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
