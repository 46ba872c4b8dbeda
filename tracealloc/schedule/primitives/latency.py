"""``latency``: the least and the most cycles of an iteration."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop

__all__ = ["latency"]


@primitive(loop="loop")
def latency(
    edit: Edit, loop: LoopNode | OpaqueLoop, min: int | None = None, max: int | None = None
) -> Result:
    """Ask that an iteration of `loop` take at least `min` and at most `max` cycles.

    Rewrite:
        for j: body   ->   for j: body   [least 4 cycles, most 12 cycles]
    Legal when:
        always: it is a wish of the tool, which uses more registers, or packs more into a cycle. Asking again
        replaces what was asked before.

    Raises:
        ScheduleError: neither is given, one is < 0, or the least is more than the most.
    """
    for cycles in (min, max):
        if cycles is not None and (type(cycles) is not int or cycles < 0):
            raise edit.error("TA282", f"needs whole numbers of cycles, not {cycles!r}")
    if min is None and max is None:
        raise edit.error("TA282", "needs a least or a greatest number of cycles", hint="max=8")
    if min is not None and max is not None and min > max:
        raise edit.error("TA282", f"asks for at least {min} and at most {max} cycles")
    return Result(mark(edit.state, loop, lambda marks: replace(marks, latency=(min, max))))
