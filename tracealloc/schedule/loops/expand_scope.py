"""An array that is made anew in iterations of loops, as one array with a dimension for them.

That is how it is stored where its instances live on beside one another; said in the model, a function can
be passed all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

import islpy as isl

from tracealloc.poly.codegen.contraction import Declaration, storage_of
from tracealloc.poly.isl.instances import preimage
from tracealloc.poly.isl.texts import iter_names, read_set, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import make_statement, remade
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.schedule.layout.derive import as_declared
from tracealloc.schedule.loops.inline_call import Expansion, placed
from tracealloc.schedule.storage.region import spaces_of
from tracealloc.trace.ir.dtype import leaf_paths
from tracealloc.trace.ir.expr import Const, Expr, Iter, IterRef, Load, rewrite
from tracealloc.trace.ir.program import Alloc, Array, Call, If, Loop, Node, Region, Store, While, map_blocks
from tracealloc.trace.ir.rewrite import map_expressions

__all__ = ["unscoped"]


def unscoped(edit: Edit, state: State, array: Array) -> State | None:
    """The state with all instances of `array` in one array, or None where each lives alone."""
    model = state.model
    storage = storage_of(model, state.tree, array, apart=True)
    if not storage.kept:
        return None
    new = replace(array, shape=storage.array.shape, kind="local")
    versions = {**dict(model.versions), new: dict(model.versions).get(array, 0) + 1}
    arrays = tuple(new if a == array else a for a in model.arrays)
    changed = replace(model, arrays=arrays, versions=tuple(versions.items()))
    changed = replace(changed, origins=(*model.origins, *_origins(model, changed, array, new, storage)))
    tree, statements = state.tree, list[Statement]()
    for statement in model.statements:
        if not statement.scope(array):
            statements.append(statement)
        elif isinstance(statement.node, Alloc) and statement.node.array == array:
            made, nest = _filled(edit, changed, statement, statement.node, new, storage)
            tree = placed(tree, {statement.name: Expansion([made], nest)}) or tree
            statements.append(made)
        else:
            statements.append(_moved(changed, statement, array, new, storage))
    changed = changed.with_statements(statements, tree)
    stale = spaces_of(list(model.statements), array) | spaces_of(statements, new)
    others = (request for request in state.requests if request.array != array.key)
    state = state.with_requests((*others, *as_declared(state.requests, storage)))
    return state.with_model(changed, tree, stale)


def _rest(scope: Sequence[Expr], storage: Declaration) -> tuple[Expr, ...]:
    """What is left of the instance when the dimensions that are stored are taken out."""
    kept = {dim for dim, _ in storage.kept}
    return tuple(expr for dim, expr in enumerate(scope) if dim not in kept)


def _scopes(statement: Statement, new: Array, storage: Declaration) -> dict[Array, tuple[Expr, ...]]:
    """The statement's scopes, `new` under the key of the old array."""
    own = {array: exprs for array, exprs in statement.scopes if array != new}
    return {**own, new: _rest(statement.scope(new), storage)}


def _moved(model: Model, statement: Statement, array: Array, new: Array, storage: Declaration) -> Statement:
    prefix = storage.indices(statement, array)

    def load(expr: Expr) -> Expr | None:
        if isinstance(expr, Load) and expr.array == array:
            return replace(expr, array=new, indices=(*prefix, *(change(part) for part in expr.indices)))
        return None

    def change(expr: Expr) -> Expr:
        return rewrite(expr, load)

    def region(part: Region | Expr) -> Region | Expr:
        own = isinstance(part, Region) and part.array == array
        return Region(new, (*prefix, *part.indices)) if own else part  # type: ignore[union-attr]

    def target(node: Node) -> Node:
        match node:
            case Store() if node.array == array:
                return replace(node, array=new, indices=(*prefix, *node.indices))
            case Call(args=args, results=results):
                made = tuple(r for r in map(region, results) if isinstance(r, Region))
                return replace(node, args=tuple(map(region, args)), results=made)
            case Loop() | While() | If() | Alloc() | Store():
                return map_blocks(node, lambda block: tuple(target(inner) for inner in block))
            case _:
                assert_never(node)

    node = target(map_expressions(statement.node, change))
    guards = tuple(change(guard) for guard in statement.guards)
    return remade(model, statement, node, guards, _scopes(statement, new, storage))


def _filled(
    edit: Edit, model: Model, statement: Statement, node: Alloc, new: Array, storage: Declaration
) -> tuple[Statement, Tree]:
    """What fills an instance, as a store to its elements, and the loops over them."""
    own = new.shape[len(storage.kept) :]
    assert node.fill is not None
    its = tuple(Iter(f"{statement.name}:{new.key}:{k}", f"{new.name}_{k}") for k in range(len(own)))
    at = (*storage.indices(statement, new), *(IterRef(it) for it in its))
    dims = (*statement.dims, *its)
    names = iter_names(dims)
    held = [f"0 <= {names[it]} < {extent}" for it, extent in zip(its, own, strict=True)]
    where = f" : {' and '.join(held)}" if held else ""
    box = read_set(f"{{ {tuple_text(statement.name, names.values())}{where} }}")
    made = make_statement(
        model,
        statement.name,
        Store(new, at, node.fill, place=node.place),
        dims,
        box.intersect(preimage(statement.domain, statement.name, dims)),
        _scopes(statement, new, storage),
        guards=statement.guards,
        origin=statement.origin,
        origin_instance=statement.instance if its else statement.origin_instance,
        copy=statement.copy,
    )
    nest: Tree = Leaf(statement.name)
    for it in reversed(its):
        nest = LoopNode(it.key, edit.fresh(it.name), ((statement.name, IterRef(it)),), nest)
    return made, nest


def _origins(old: Model, model: Model, array: Array, new: Array, storage: Declaration) -> list[isl.Map]:
    """Which element of which instance each element of the new array is."""
    kept = {dim: int(low.value) for dim, low in storage.kept if isinstance(low, Const)}
    count = len(next(s.scope(array) for s in old.statements if s.scope(array)))
    scope = [f"s{k}" for k in range(count)]
    stored = [f"s{dim} - {least}" for dim, least in kept.items()]
    elements = [f"e{k}" for k in range(array.rank)]
    extents = zip(kept.items(), new.shape, strict=False)
    held = [f"{least} <= s{dim} < {least + extent}" for (dim, least), extent in extents]
    held += [f"0 <= {name} < {extent}" for name, extent in zip(elements, array.shape, strict=True)]
    rest = [name for dim, name in enumerate(scope) if dim not in kept]
    return [
        isl.Map(
            f"{{ {tuple_text(old.space(array, path), [*scope, *elements])} -> "
            f"{tuple_text(model.space(new, path), [*rest, *stored, *elements])} : {' and '.join(held)} }}"
        ).reverse()
        for path in leaf_paths(array.dtype)
    ]
