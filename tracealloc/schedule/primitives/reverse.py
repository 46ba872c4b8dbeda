"""``reverse``: run a loop from its last iteration to its first."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode, replace_loop
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop

__all__ = ["reverse"]


@primitive(loop="loop")
def reverse(edit: Edit, loop: LoopNode | OpaqueLoop) -> Result:
    """Run the iterations of `loop` in the opposite order.

    Rewrite:
        for i in 0:M: body   ->   for i in M-1:-1:-1: body
    Legal when:
        no dependence is reversed.

    Raises:
        IllegalScheduleError: a dependence would be reversed.
    """
    loop = edit.affine(loop)
    tree = replace_loop(
        edit.state.tree, loop.key, lambda found: replace(found, descending=not found.descending)
    )
    return Result(edit.reordered(tree, f"with {loop.name!r} reversed the second of these would come first"))
