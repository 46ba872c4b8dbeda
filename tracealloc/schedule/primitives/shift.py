"""``shift``: run a loop earlier or later by a constant."""

from __future__ import annotations

from tracealloc.poly.model.tree import LoopNode, replace_loop
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.primitives.skew import retimed
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary
from tracealloc.trace.queries.affine import constant

__all__ = ["shift"]


@primitive(loop="loop")
def shift(edit: Edit, loop: LoopNode | OpaqueLoop, by: int) -> Result:
    """Run `loop` at ``loop + by``, so that it lines up with another loop before `merge`.

    Rewrite:
        for i in 0:M: body(i)   ->   for i in by:M+by: body(i - by)
    Legal when:
        always: the order of iterations stays.

    Raises:
        ScheduleError: `by` is no whole number.
    """
    loop = edit.affine(loop)
    if not isinstance(by, int) or isinstance(by, bool):
        raise edit.error("TA252", f"needs a whole number to shift by, not {by!r}")
    tree = replace_loop(
        edit.state.tree,
        loop.key,
        lambda found: retimed(found, lambda _, expr: Binary("+", expr, constant(by), index)),
    )
    return Result(edit.state.with_tree(tree))
