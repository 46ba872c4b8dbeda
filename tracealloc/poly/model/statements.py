"""Adding copies of parts of arrays, and sending accesses to the copy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, assert_never

import islpy as isl

from tracealloc.poly.isl.named import map_of
from tracealloc.poly.model.accesses import accesses_of, affine_loops
from tracealloc.poly.model.build import effects_of
from tracealloc.poly.model.model import Access, Model, Statement
from tracealloc.trace.ir.affine import constant, is_affine, simplify
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, Load, iters_of, loads_of, rewrite, substitute
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Call,
    If,
    Loop,
    Node,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    map_blocks,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions
from tracealloc.trace.record.naming import unused

__all__ = [
    "Shift",
    "divided",
    "in_iters",
    "instances_used",
    "make_statement",
    "quotient",
    "redirect",
    "remade",
    "sliced_dims",
    "subscripts",
    "touches_by_data",
    "unique_name",
    "with_relations",
]

Accesses: TypeAlias = tuple[Access, ...]
_SAME: Mapping[str, isl.Map] = {}
Shift = Mapping[int, Expr]
"""For every dimension that the buffer keeps, what is subtracted from the index."""


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
    accesses = accesses_of(node, guards, name, dims, domain, scopes, model.space, effects_of, covered)
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
    return replace(made, accesses=with_relations(made, statement))


def with_relations(made: Statement, statement: Statement, onto: Mapping[str, isl.Map] = _SAME) -> Accesses:
    """The accesses of `made` with what is known of the elements that data choose in `statement`.

    Subscripts may no longer tell that a row is not left. `onto` gives the elements of arrays that are stored
    in another way now. What else is accessed otherwise than before has another array.
    """
    known: dict[str, list[Access]] = {}
    for access in statement.accesses:
        if access.space in onto:
            access = access.onto(onto[access.space])
        elif made.scope(access.array) != statement.scope(access.array):
            continue
        known.setdefault(access.space, []).append(access)
    found: dict[str, list[Access]] = {}
    for access in made.accesses:
        found.setdefault(access.space, []).append(access)
    kept: dict[int, Access] = {}
    for space, accesses in found.items():
        old = known.get(space, [])
        if [(a.write, a.update) for a in old] != [(a.write, a.update) for a in accesses]:
            continue
        if onto and not _in_one_order(accesses, old):
            continue
        for mine, other in zip(accesses, old, strict=True):
            if not mine.sure and mine.view is None:
                kept[id(mine)] = replace(mine, relation=other.relation, whole=other.whole)
    return tuple(kept.get(id(access), access) for access in made.accesses)


def _in_one_order(accesses: Sequence[Access], old: Sequence[Access]) -> bool:
    """Whether accesses to one array stand for those before, each for one; another layout may turn them."""
    if [a.text for a in accesses] == [a.text for a in old]:
        return True
    if [a.sure for a in accesses] != [a.sure for a in old]:
        return False
    chosen = [access.relation for access in old if not access.sure]
    return all(relation.is_equal(chosen[0]) for relation in chosen[1:])


def touches_by_data(statement: Statement, array: Array) -> bool:
    """Whether a statement's part of an array depends on data."""
    known = {*statement.dims, *(loop.iter for loop in affine_loops(statement.node, statement.dims))}
    return any(
        not is_affine(i) or not iters_of(i) <= known for each in subscripts(statement, array) for i in each
    )


def redirect(
    statement: Statement,
    array: Array,
    buffer: Array,
    shift: Shift,
    place: Callable[[Sequence[Expr], int], Expr] | None = None,
) -> tuple[Node, tuple[Expr, ...]]:
    """The node and guards of a statement with accesses to `array` sent to `buffer`.

    `place` gives a coordinate of an element, from all its subscripts, where that is not its subscript.
    """

    def placed(indices: Sequence[Expr]) -> tuple[Expr, ...]:
        return tuple(lowered(place(indices, dim) if place else indices[dim], dim) for dim in shift)

    def lowered(expr: Expr, dim: int) -> Expr:
        if shift[dim] == constant(0):
            return expr
        return simplify(Binary("-", expr, shift[dim], index))

    def load(expr: Expr) -> Expr | None:
        if isinstance(expr, Load) and expr.array == array:
            return replace(expr, array=buffer, indices=placed([change(part) for part in expr.indices]))
        return None

    def change(expr: Expr) -> Expr:
        return rewrite(expr, load)

    def region(part: Region) -> Region:
        if part.array != array:
            return part
        kept: list[Expr | Slice] = []
        for dim in shift:
            old = part.indices[dim]
            if isinstance(old, Slice):
                kept.append(Slice(lowered(old.start, dim), old.extent))
            else:
                kept.append(lowered(old, dim))
        return Region(buffer, tuple(kept))

    def target(node: Node) -> Node:
        match node:
            case Store() if node.array == array:
                return replace(node, array=buffer, indices=placed(node.indices))
            case Call(args=args, results=results):
                passed = tuple(region(part) if isinstance(part, Region) else part for part in args)
                return replace(node, args=passed, results=tuple(region(part) for part in results))
            case Alloc() if node.array == array:
                return replace(node, array=buffer)  # made inside the loop: the buffer is the whole of it
            case Loop() | While() | If() | Alloc() | Store():
                return map_blocks(node, lambda block: tuple(target(inner) for inner in block))
            case _:
                assert_never(node)

    return target(map_expressions(statement.node, change)), tuple(change(g) for g in statement.guards)


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


def quotient(expr: Expr, step: int) -> Expr:
    """A subscript divided by a step that divides it."""
    return simplify(Binary("//", expr, constant(step), index)) if step > 1 else expr


def divided(
    node: Node, guards: tuple[Expr, ...], array: Array, steps: Sequence[int]
) -> tuple[Node, tuple[Expr, ...]]:
    """A node and guards with every subscript of `array` divided by the step of its dimension."""

    def smaller(indices: Sequence[Expr]) -> tuple[Expr, ...]:
        return tuple(quotient(i, step) for i, step in zip(indices, steps, strict=True))

    def load(expr: Expr) -> Expr | None:
        if isinstance(expr, Load) and expr.array == array:
            return replace(expr, indices=smaller([rewrite(i, load) for i in expr.indices]))
        return None

    def region(part: Region) -> Region:
        if part.array != array:
            return part
        kept: list[Expr | Slice] = []
        for i, step in zip(part.indices, steps, strict=True):
            kept.append(i if isinstance(i, Slice) else quotient(i, step))
        return Region(array, tuple(kept))

    def target(inner: Node) -> Node:
        match inner:
            case Store() if inner.array == array:
                return replace(inner, indices=smaller(inner.indices))
            case Call(args=args, results=results):
                passed = tuple(region(part) if isinstance(part, Region) else part for part in args)
                return replace(inner, args=passed, results=tuple(region(part) for part in results))
            case Loop() | While() | If() | Alloc() | Store():
                return map_blocks(inner, lambda block: tuple(target(each) for each in block))
            case _:
                assert_never(inner)

    changed = map_expressions(node, lambda expr: rewrite(expr, load))
    return target(changed), tuple(rewrite(guard, load) for guard in guards)


def in_iters(expr: Expr, values: Mapping[Iter, Expr]) -> Expr:
    """`expr` over other iterators, in normal form."""
    return simplify(substitute(expr, dict(values)))
