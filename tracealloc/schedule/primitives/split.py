"""``split``: strip-mine a loop."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from tracealloc.poly.tree import LoopNode, Tree, replace_loop
from tracealloc.schedule.loops import counter, lattice_step, loop_values
from tracealloc.schedule.marks import halves
from tracealloc.schedule.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.state import OpaqueLoop, State
from tracealloc.trace.affine import constant, simplify
from tracealloc.trace.dtype import index
from tracealloc.trace.expr import Binary, Expr

__all__ = ["split"]


@primitive(loop="loop")
def split(edit: Edit, loop: LoopNode | OpaqueLoop, factor: int) -> Result:
    """Strip-mine `loop` into ``loop.outer`` and ``loop.inner`` of `factor` iterations.

    Rewrite:
        for i in 0:10: body   ->   for i.outer in 0:3: for i.inner in 0:min(4, 10 - 4*i.outer): body
    Legal when:
        always: the order of iterations stays. The factor need not divide the extent. The tiles count
        from the loop's first value where that is constant. The inner loop is pipelined, vectorized or
        unrolled where `loop` was, the outer one parallel.

    Returns:
        The outer and the inner loop.

    Raises:
        ScheduleError: `factor` < 1, or the bounds of the loop depend on data.
    """
    loop = edit.affine(loop)
    if not isinstance(factor, int) or isinstance(factor, bool) or factor < 1:
        raise edit.error("TA221", f"needs a factor of at least 1, not {factor!r}")
    state, outer, inner = split_loop(edit, loop, factor)
    return Result(state, (LoopRef(outer), LoopRef(inner)))


def split_loop(edit: Edit, loop: LoopNode, factor: int) -> tuple[State, str, str]:
    """The state with `loop` split, and the keys of the two loops."""
    state, (outer_key, inner_key) = edit.keys(2)
    ends = loop_values(state.model, loop) or (0, 0)

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
