"""What calls of outlined functions stand for: proofs look at that, not at the calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import islpy as isl

from tracealloc.poly.calls.bind_arguments import calls_in
from tracealloc.poly.isl.instances import preimage
from tracealloc.poly.isl.named import map_of
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import redirect, remade
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree, sequence
from tracealloc.poly.model.tree import Sequence as Seq
from tracealloc.schedule.loops.inline_call import Expansion, expand, placed
from tracealloc.trace.ir.affine import constant, simplify
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr, Iter, IterRef, Load, substitute
from tracealloc.trace.ir.program import Array, Region, Slice
from tracealloc.trace.ir.rewrite import map_expressions

__all__ = ["Piece", "restored"]


@dataclass(frozen=True)
class Piece:
    """The statements and loops that a call of an outlined function stands for.

    `call` is the origin of the call's statement, whose iterators are `dims`; `values` gives these over the
    iterators of each statement of the piece.
    """

    function: str
    call: str
    dims: tuple[Iter, ...]
    statements: tuple[Statement, ...]
    tree: Tree
    values: tuple[tuple[Expr, ...], ...]


def restored(pieces: tuple[Piece, ...], model: Model, tree: Tree) -> tuple[Model, Tree]:
    """The model and the tree with all calls of outlined functions replaced by what they stand for."""
    by_call = {piece.call: piece for piece in pieces}
    while any(s.origin in by_call for s in model.statements):
        made: dict[str, Expansion] = {}
        statements: list[Statement] = []
        for statement in model.statements:
            piece = by_call.get(statement.origin or "")
            if piece is None:
                statements.append(statement)
                continue
            untouched = statement.name == piece.call and statement.origin_instance is None
            found = _as_it_was(statement, piece) if untouched else _in_place(statement, piece)
            found.statements = [_redirected(model, s, statement, found.values) for s in found.statements]
            made[statement.name] = found
            statements += found.statements
        changed = placed(tree, made)
        assert changed is not None, "a piece has statements"
        tree = changed
        model = model.with_statements(statements, tree)
    return model, tree


def _as_it_was(call: Statement, piece: Piece) -> Expansion:
    """The piece where its call was not changed: its statements as they were."""
    found = Expansion(tree=piece.tree)
    for statement, values in zip(piece.statements, piece.values, strict=True):
        domain = preimage(call.domain, statement.name, statement.dims, values).intersect(statement.domain)
        found.statements.append(statement.within(domain))
        found.values[statement.name] = dict(zip(call.dims, values, strict=True))
    return found


def _in_place(call: Statement, piece: Piece) -> Expansion:
    """The piece in the instances of a call that may have been moved: its iterators follow the call's."""
    found = Expansion()
    its: dict[Iter, Expr] = {}
    names: dict[str, str] = {}
    for statement, values in zip(piece.statements, piece.values, strict=True):
        made = _moved(statement, values, call, its)
        names[statement.name] = made.name
        found.statements.append(made)
    found.tree = _renamed(piece.tree, names, call.name, its)
    return found


def _moved(
    statement: Statement, values: tuple[Expr, ...], call: Statement, its: dict[Iter, Expr]
) -> Statement:
    name = f"{call.name}_{statement.name}"
    dims = tuple(Iter(f"{call.name}:{it.key}", it.name) for it in statement.dims)
    its |= {old: IterRef(new) for old, new in zip(statement.dims, dims, strict=True)}
    both = (*call.dims, *dims)

    def change(expr: Expr) -> Expr:
        return substitute(expr, its)

    apart = [
        Binary("-", change(value), mine, index) for value, mine in zip(values, call.instance, strict=True)
    ]
    zero = map_of(name, both, "Z", apart).intersect_range(_origin_of(len(apart)))
    domain = expand(statement, call, dims, {}).intersect(zero.domain())
    onto = map_of(name, both, statement.name, [IterRef(it) for it in dims]).intersect_domain(domain)
    accesses = tuple(a.of(onto) for a in statement.accesses)
    return replace(
        statement,
        name=name,
        dims=both,
        domain=domain,
        node=map_expressions(statement.node, change),
        guards=(*call.guards, *(change(guard) for guard in statement.guards)),
        accesses=accesses,
        scopes=tuple((array, tuple(change(e) for e in exprs)) for array, exprs in statement.scopes),
        origin_instance=tuple(change(e) for e in statement.instance),
    )


def _redirected(
    model: Model, statement: Statement, call: Statement, values: Mapping[str, Mapping[Iter, Expr]]
) -> Statement:
    """A statement of the piece on what the call is passed now: buffers of it, say, or twins."""
    passed = _passed(call)
    if not any(access.array in passed for access in statement.accesses):
        return statement
    at = dict(values.get(statement.name, {}))
    scopes = dict(statement.scopes)
    node, guards = statement.node, statement.guards
    for array, region in passed.items():
        scopes.pop(array, None)
        scopes[region.array] = tuple(substitute(e, at) for e in call.scope(region.array))
        starts = [part.start for part in region.indices if isinstance(part, Slice)]
        shift = {
            dim: simplify(Binary("-", constant(0), substitute(start, at), index))
            for dim, start in enumerate(starts)
        }
        node, guards = redirect(replace(statement, node=node, guards=guards), array, region.array, shift)
    return remade(model, statement, node, guards, scopes)


def _passed(call: Statement) -> dict[Array, Region]:
    """What is passed instead of the arrays that the function was outlined with."""
    found: dict[Array, Region] = {}
    for node in calls_in(call.node):
        for argument, part in zip(node.program.args, node.args, strict=True):
            if isinstance(part, Load) and not part.indices:
                part = Region(part.array, ())
            if isinstance(part, Region) and part.array != argument:
                found[argument] = part
    return found


def _origin_of(count: int) -> isl.Set:
    return map_of("Z", (), "Z", [constant(0)] * count).range()


def _renamed(tree: Tree, names: Mapping[str, str], prefix: str, its: Mapping[Iter, Expr]) -> Tree:
    match tree:
        case Leaf(statement):
            return Leaf(names[statement])
        case LoopNode(body=body):
            exprs = tuple((names[name], substitute(expr, dict(its))) for name, expr in tree.exprs)
            inner = _renamed(body, names, prefix, its)
            return replace(tree, key=f"{prefix}:{tree.key}", exprs=exprs, body=inner)
        case Seq(children):
            return sequence([_renamed(child, names, prefix, its) for child in children])
