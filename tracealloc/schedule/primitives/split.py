"""``split``: strip-mine a loop."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tracealloc.poly.model.statements import remade, renamed
from tracealloc.poly.model.tree import LoopNode, Tree, replace_loop
from tracealloc.schedule.core.chains import counted_ends, counter, lattice_step
from tracealloc.schedule.core.marks import halves
from tracealloc.schedule.core.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Compare, Const, Expr, Iter, IterRef, loads_of, substitute
from tracealloc.trace.ir.program import (
    Array,
    Block,
    If,
    Loop,
    Node,
    map_blocks,
    touched_by,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import map_expressions, map_part, unmoved
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["split"]

_PARTS = ("outer", "inner")


@primitive(loop="loop")
def split(edit: Edit, loop: LoopNode | OpaqueLoop, factor: int) -> Result:
    """Strip-mine `loop` into ``loop.outer`` and ``loop.inner`` of `factor` iterations.

    Rewrite:
        for i in 0:10: body   ->   for i.outer in 0:3: for i.inner in 0:min(4, 10 - 4*i.outer): body
    Legal when:
        always: the order of iterations stays. The factor need not divide the extent. The tiles count
        from the loop's first value where that is constant. The inner loop is pipelined, vectorized or
        unrolled where `loop` was, the outer one parallel. Where the bounds depend on data, the outer loop
        goes from tile to tile, and the inner one has its whole factor, with a condition at the end.

    Returns:
        The outer and the inner loop.

    Raises:
        ScheduleError: `factor` < 1, a while loop, or a loop that changes the data that its bounds depend on.
    """
    if not isinstance(factor, int) or isinstance(factor, bool) or factor < 1:
        raise edit.error("TA221", f"needs a factor of at least 1, not {factor!r}")
    if isinstance(loop, OpaqueLoop) and isinstance(loop.loop, Loop):
        return _split_opaque(edit, loop.statement, loop.loop, factor)
    state, outer, inner = split_loop(edit, edit.affine(loop), factor)
    return Result(state, (LoopRef(outer), LoopRef(inner)))


def _split_opaque(edit: Edit, name: str, loop: Loop, factor: int) -> Result:
    """The split of a loop inside a statement with its own control flow."""
    read = {load.array for load in loads_of(loop.stop)}
    changed = sorted(array.name for array in read & _touched(loop.body))
    if changed:
        raise edit.error(
            "TA220",
            f"cannot split loop {loop.iter.name!r}, which changes what its bounds were read from",
            because=[f"its body stores to {', '.join(changed)}, and each tile would read its end again"],
            hint="keep the bound in a ta.scalar that the body leaves alone",
        )
    state, keys = edit.keys(2)
    outer, inner = (
        Iter(key, edit.fresh(f"{loop.iter.name}.{part}")) for key, part in zip(keys, _PARTS, strict=True)
    )

    step = Binary("*", constant(loop.step), IterRef(inner), index)
    value = simplify(Binary("+", IterRef(outer), step, index))

    def both(expr: Expr) -> Expr | None:
        return value if isinstance(expr, IterRef) and expr.iter == loop.iter else None

    def two(node: Node) -> Node:
        if isinstance(node, Loop) and node.iter == loop.iter:
            return _tiles(node, outer, inner, factor, value)
        return map_blocks(node, lambda block: tuple(two(part) for part in block))

    model, old = state.model, state.model.statement(name)
    if old.traced is not None:  # whose accesses its are: they stay
        new = replace(old, node=two(old.node))
    else:
        split = renamed(old, lambda access: map_part(access.part, unmoved, both))
        new = remade(model, replace(split, node=two(old.node)), dict(old.scopes))
    statements = [new if s is old else s for s in model.statements]
    stale = frozenset(access.space for s in (old, new) for access in s.accesses)
    state = state.with_model(model.with_statements(statements, model.reference), state.tree, stale)
    return Result(state, tuple(LoopRef(f"{name}:{it.key}") for it in (outer, inner)))


def _tiles(loop: Loop, outer: Iter, inner: Iter, factor: int, value: Expr) -> Loop:
    """The loop as one over the first values of tiles, with one over the values of a tile inside.

    `value` is the loop's over the iterators of these two.
    """
    marks = halves(loop.marks)
    body = tuple(map_expressions(n, lambda e: substitute(e, {loop.iter: value})) for n in loop.body)
    if not _divides(loop, factor):
        body = (If(Compare("<" if loop.step > 0 else ">", value, loop.stop), body, place=loop.place),)
    tile = Loop(inner, constant(0), constant(factor), 1, body, loop.reduction, None, marks[1], loop.place)
    return replace(loop, iter=outer, step=factor * loop.step, body=(tile,), reduction=False, marks=marks[0])


def _divides(loop: Loop, factor: int) -> bool:
    ends = loop.start, loop.stop
    if not all(isinstance(end, Const) for end in ends):
        return False
    first, last = (int(end.value) for end in ends if isinstance(end, Const))
    return len(range(first, last, loop.step)) % factor == 0


def _touched(block: Block) -> set[Array]:
    """The arrays that a block may store to."""
    return {array for node in walk_nodes(block) for array in touched_by(node)}


def split_loop(edit: Edit, loop: LoopNode, factor: int) -> tuple[State, str, str]:
    """The state with `loop` split, and the keys of the two loops."""
    state, (outer_key, inner_key) = edit.keys(2)
    ends = counted_ends(state.model, loop)
    step = lattice_step(state.model, loop)

    def two(found: LoopNode) -> Tree:
        found = replace(found, step=step)
        size = constant(factor)

        @cache  # the statements of a body mostly have the same
        def parts(expr: Expr) -> tuple[Expr, Expr]:
            count = counter(found, expr, ends)
            return simplify(Binary("//", count, size, index)), simplify(Binary("%", count, size, index))

        outer = tuple((name, parts(expr)[0]) for name, expr in found.exprs)
        inner = tuple((name, parts(expr)[1]) for name, expr in found.exprs)
        marks = halves(found.marks)
        inside = LoopNode(
            inner_key,
            edit.fresh_in_band(f"{found.name}.inner", loop),
            inner,
            found.body,
            reduction=found.reduction,
            marks=marks[1],
            place=found.place,
        )
        return replace(
            found,
            key=outer_key,
            name=edit.fresh_in_band(f"{found.name}.outer", loop),
            exprs=outer,
            body=inside,
            descending=False,
            step=1,
            marks=marks[0],
        )

    return state.with_tree(replace_loop(state.tree, loop.key, two)), outer_key, inner_key
