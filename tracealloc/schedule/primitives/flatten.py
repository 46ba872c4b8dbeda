"""``flatten``: whether a loop becomes one pipeline with the loops around it."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.chains import chain_above, same_trips
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop

__all__ = ["flatten"]


@primitive(loop="loop")
def flatten(edit: Edit, loop: LoopNode | OpaqueLoop, off: bool = False) -> Result:
    """Say that `loop` is not flattened with the loop around it (`off`), or that it is again.

    The tool flattens perfect nests around a pipelined loop without being asked: one pipeline, which does
    not drain between iterations of the outer loops. Then recurrences through the outer loops count too.

    Rewrite:
        for i: for j: body   ->   for i: for j: body   [not flattened]
    Legal when:
        always with `off`; else the loop must be all that is in the loop around it, and run equally often.

    Raises:
        ScheduleError: the loop cannot be flattened.
    """
    if not off:
        _check(edit, edit.affine(loop))
    return Result(mark(edit.state, loop, lambda marks: replace(marks, apart=off)))


def _check(edit: Edit, loop: LoopNode) -> None:
    """Refuse to flatten what the tool cannot."""
    chain = chain_above(edit.state, loop.key)
    if len(chain) < 2:
        raise edit.error("TA284", f"cannot flatten {loop.name!r}: no loop is around it")
    outer = chain[-2]
    if outer.body is not loop:
        raise edit.error(
            "TA284",
            f"cannot flatten {loop.name!r}: it is not all that is in loop {outer.name!r}",
            because=["loops are one where nothing runs between them"],
            hint=f's.distribute("{outer.name}")',
        )
    if not same_trips(edit.state, loop):
        raise edit.error(
            "TA284",
            f"cannot flatten {loop.name!r}: how often it runs depends on the loops around it",
            because=["only the bounds of the outermost loop of a flattened nest may vary"],
        )
