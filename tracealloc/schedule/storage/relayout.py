"""Another order of an array's elements: new subscripts everywhere, the same values.

An array inside the kernel is simply indexed otherwise. What the caller passes or gets keeps its own
layout: the kernel works on a copy in the new one, filled first with what it reads and written back last.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import cast

import islpy as isl

from tracealloc.poly.dataflow.footprint import Box, footprint
from tracealloc.poly.isl.named import flat_set
from tracealloc.poly.isl.texts import aff_text, iter_names, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import elsewhere, make_statement, remade, unique_name
from tracealloc.poly.model.tree import Leaf, LoopNode, Tree, nest, sequence
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.schedule.storage.region import Region, spaces_of
from tracealloc.trace.ir.dtype import Index, index, leaf_paths
from tracealloc.trace.ir.expr import Cast, Expr, Iter, IterRef, Load
from tracealloc.trace.ir.layout import Marks
from tracealloc.trace.ir.program import Alloc, Array, Call, Store, walk_nodes
from tracealloc.trace.ir.program import Region as View
from tracealloc.trace.ir.rewrite import Subscript
from tracealloc.trace.queries.affine import constant

__all__ = ["Remap", "relaid", "with_local_copy"]

Remap = Callable[[Sequence[Expr]], tuple[Expr, ...]]
"""From subscripts in the old shape to subscripts in the new one."""


def relaid(edit: Edit, state: State, array: Array, new: Array, remap: Remap) -> State:
    """The state with `array` stored as `new` (the same key, another shape).

    Raises:
        ScheduleError: a called kernel gets a view of the array.
    """
    model = state.model
    users = [s for s in model.statements if _mentions(s, array)]
    _refuse_views(edit, users, array)
    version = dict(model.versions).get(array, 0) + 1
    versions = {**dict(model.versions), new: version}
    arrays = tuple(new if a == array else a for a in model.arrays)
    changed = replace(model, arrays=arrays, versions=tuple(versions.items()))
    origins = _origins(model, changed, array, new, remap, users)
    changed = replace(changed, origins=(*model.origins, *origins))
    statements = [
        _moved(changed, s, array, new, remap) if any(s is u for u in users) else s for s in model.statements
    ]
    changed = changed.with_statements(statements, model.reference)
    stale = spaces_of(list(model.statements), array) | spaces_of(statements, new)
    return state.with_model(changed, state.tree, stale)


def _refuse_views(edit: Edit, users: Sequence[Statement], array: Array) -> None:
    for statement in users:
        if any(isinstance(node, Call) and _passes(node, array) for node in walk_nodes((statement.node,))):
            raise edit.error(
                "TA235",
                f"cannot change the subscripts of {array.name!r}, which {statement.where} passes to a kernel",
                because=["the called kernel sees a view in the old shape"],
                hint="s.inline(...) the call first",
            )


def _mentions(statement: Statement, array: Array) -> bool:
    own = any(isinstance(n, Alloc) and n.array == array for n in walk_nodes((statement.node,)))
    return own or any(access.array == array for access in statement.accesses)


def _passes(node: Call, array: Array) -> bool:
    return any(isinstance(part, View) and part.array == array for part in (*node.args, *node.results))


def _moved(model: Model, statement: Statement, array: Array, new: Array, remap: Remap) -> Statement:
    def placed(indices: Sequence[Subscript]) -> tuple[Subscript, ...]:
        plain = cast("Sequence[Expr]", indices)  # who gets a view is refused
        return remap([e if isinstance(e.dtype, Index) else Cast(e, index) for e in plain])

    moved = {array: (new, placed)}.get
    scopes = {(new if a == array else a): exprs for a, exprs in statement.scopes}
    return remade(model, elsewhere(statement, moved), scopes)


def _origins(
    old: Model, model: Model, array: Array, new: Array, remap: Remap, users: Sequence[Statement]
) -> list[isl.Map]:
    """Which element of the old layout each element of the new one is."""
    scope = [f"s{k}" for k in range(max((len(s.scope(array)) for s in users), default=0))]
    its = [Iter(f"relayout:{dim}", f"e{dim}") for dim in range(array.rank)]
    names = {it: f"e{dim}" for dim, it in enumerate(its)}
    places = [aff_text(e, names) for e in remap([IterRef(it) for it in its])]
    held = " and ".join(f"0 <= {names[it]} < {n}" for it, n in zip(its, array.shape, strict=True))
    where = f" : {held}" if held else ""
    return [
        isl.Map(
            f"{{ {tuple_text(old.space(array, path), [*scope, *names.values()])} -> "
            f"{tuple_text(model.space(new, path), [*scope, *places])}{where} }}"
        ).reverse()
        for path in leaf_paths(array.dtype)
    ]


@dataclass(frozen=True)
class _Copies:
    """The statements that fill a local copy and write it back, with their nests."""

    statements: tuple[Statement, ...]
    before: tuple[Tree, ...]
    after: tuple[Tree, ...]


def with_local_copy(edit: Edit, state: State, array: Array) -> tuple[State, Array]:
    """The state with all uses of `array` sent to a copy of the whole of it, and that copy.

    Raises:
        ScheduleError: a called kernel gets a view of the array.
    """
    state, (key,) = replace(edit, state=state).keys(1)
    model = state.model
    users = [s for s in model.statements if any(access.array == array for access in s.accesses)]
    users = [s for s in users if not (isinstance(s.node, Alloc) and s.node.array == array)]
    if all(s.domain.is_empty() for s in users):
        raise edit.error("TA240", f"finds no use of {array.name!r} in {state.name}")
    _refuse_views(edit, users, array)
    box = Box(tuple(constant(0) for _ in array.shape), array.shape, (1,) * array.rank)
    part = footprint(model, state.tree, array, (), users, ())
    region = Region(edit, array, (), (), users, box, array)
    local = Array(
        key,
        unique_name(model, f"{array.name}_local"),
        array.dtype,
        array.shape,
        origin=array.name,
        place=array.place,
    )
    model = replace(model, arrays=(*model.arrays, local))
    names = iter_names([Iter(f"e{k}", f"e{k}") for k in range(array.rank)])
    same = [
        isl.Map(
            f"{{ {tuple_text(model.space(local, path), names.values())} -> "
            f"{tuple_text(model.space(array, path), names.values())} }}"
        )
        for path in leaf_paths(array.dtype)
    ]
    model = replace(model, origins=(*model.origins, *same))
    keep: Remap = tuple
    moved = {s.name: _moved(model, s, array, local, keep) for s in users}
    copies = _copies(model, region, local, key, part.needed, part.left)
    fills = [s for s in model.statements if isinstance(s.node, Alloc) and s.node.array == array]
    tree = _placed(state.tree, fills, copies)
    statements = [moved.get(s.name, s) for s in model.statements]
    model = model.with_statements([*statements, *copies.statements], tree)
    stale = spaces_of(users, array) | spaces_of(list(model.statements), local)
    return state.with_model(model, tree, stale), local


def _placed(tree: Tree, fills: Sequence[Statement], copies: _Copies) -> Tree:
    """The nests at both ends of the kernel, after the fill of the array."""
    children = list(tree.children) if not isinstance(tree, Leaf | LoopNode) else [tree]
    head = [c for c in children if isinstance(c, Leaf) and any(c.statement == f.name for f in fills)]
    rest = [c for c in children if c not in head]
    return sequence([*head, *copies.before, *rest, *copies.after])


def _copies(model: Model, region: Region, local: Array, key: str, needed: isl.Map, left: isl.Map) -> _Copies:
    array, edit = region.array, region.edit
    made: list[Statement] = []
    nests: dict[str, tuple[Tree, ...]] = {"in": (), "out": ()}
    for suffix, elements in (("in", needed), ("out", left)):
        if elements.is_empty():
            continue
        name = f"{key}_{suffix}"
        its = [Iter(f"{name}:e{dim}", text) for dim, text in enumerate(region.loop_names(suffix))]
        at = tuple(IterRef(it) for it in its)
        target, source = (local, array) if suffix == "in" else (array, local)
        node = Store(target, at, Load(source, at))
        made.append(make_statement(model, name, node, its, flat_set(elements, name), {}, copy=True))
        loops = [(it, {name: IterRef(it)}) for it in its]
        band = edit.fresh_band(f"{local.name}_{suffix}") if its else None
        nests[suffix] = (nest(Leaf(name), loops, Marks(pipeline=1), band=band),)
    return _Copies(tuple(made), nests["in"], nests["out"])
