"""``parallel`` and ``vectorize``: run iterations of a loop at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.loops.carried import check_concurrent
from tracealloc.trace.ir.layout import Marks

__all__ = ["parallel", "vectorize"]


@primitive(loop="loop")
def parallel(edit: Edit, loop: LoopNode | OpaqueLoop) -> Result:
    """Run the iterations of `loop` on OpenMP threads in C; side by side (unrolled) in HLS.

    Rewrite:
        for i: body   ->   for i: body   [parallel]
    Legal when:
        the loop carries no dependence, sums included.

    Raises:
        IllegalScheduleError: it carries one; with the two iterations.
    """
    return _concurrent(edit, loop, lambda marks: replace(marks, parallel=True))


@primitive(loop="loop")
def vectorize(edit: Edit, loop: LoopNode | OpaqueLoop) -> Result:
    """Run the iterations of `loop` in SIMD lanes in C; side by side (unrolled) in HLS.

    Rewrite:
        for j: body   ->   for j: body   [vectorize]
    Legal when:
        the loop carries no dependence, sums included.

    Raises:
        IllegalScheduleError: it carries one; with the two iterations.
    """
    return _concurrent(edit, loop, lambda marks: replace(marks, vectorize=True))


def _concurrent(edit: Edit, loop: LoopNode | OpaqueLoop, change: Callable[[Marks], Marks]) -> Result:
    loop = edit.affine(loop)
    check_concurrent(edit, edit.state, loop)
    return Result(mark(edit.state, loop, change))
