"""``unroll``: replicate a loop's body."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.chains import most_trips, sizes_of
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.trace.ir.program import Loop, While
from tracealloc.trace.queries.affine import linear

__all__ = ["unroll"]


@primitive(loop="loop")
def unroll(edit: Edit, loop: LoopNode | OpaqueLoop, factor: int | None = None) -> Result:
    """Replicate the body of `loop`, `factor` times (None: completely).

    Rewrite:
        for k: body   ->   for k: body   [unroll 8]
    Legal when:
        always; a complete unroll needs an extent that does not depend on data, nor on an argument that
        may be large (up to one of which accesses require ``n <= 60``: 60 copies, each with a guard).

    Raises:
        ScheduleError: `factor` < 1, or None where the extent depends on data, or a while loop.
    """
    if factor is not None and (type(factor) is not int or factor < 1):
        raise edit.error("TA221", f"needs a factor of at least 1, not {factor!r}")
    if isinstance(loop, OpaqueLoop) and isinstance(loop.loop, While):
        raise edit.error(
            "TA227",
            f"cannot unroll {loop.name!r}: it runs until what it computes ends it",
            because=["copies of its body would each need the test, one after the other"],
            hint=f's.pipeline("{user_name(edit, loop)}"), or unroll the loops inside it',
        )
    if factor is None and isinstance(loop, OpaqueLoop) and not _constant(loop):
        raise edit.error(
            "TA227",
            f"cannot unroll {loop.name!r} completely: its extent depends on data",
            hint=f's.unroll("{user_name(edit, loop)}", factor=4)',
        )
    if factor is None and isinstance(loop, LoopNode):
        _check_extent(edit, loop)
    return Result(mark(edit.state, loop, lambda marks: replace(marks, unroll=factor or 0)))


def _check_extent(edit: Edit, loop: LoopNode) -> None:
    """Refuse to unroll a loop up to a parameter that may be very large."""
    sizes = sizes_of(edit.state.model, loop)
    most = most_trips(edit.state.model, loop)
    if sizes and most > edit.module.hardware.most_unrolled:
        raise edit.error(
            "TA227",
            f"cannot unroll {loop.name!r} completely: its extent depends on {' and '.join(sizes)}",
            because=[f"it may have up to {most} iterations, and hardware is as large as the most"],
            hint=f's.unroll("{user_name(edit, loop)}", factor=4)',
        )


def _constant(loop: OpaqueLoop) -> bool:
    assert isinstance(loop.loop, Loop)
    ends = (linear(loop.loop.start), linear(loop.loop.stop))
    return all(end is not None and not end.terms for end in ends)
