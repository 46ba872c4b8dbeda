"""``stream``: an array between processes, also kernels that are called, becomes a FIFO."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.schedule.core.primitive import ArrayRef, Edit, Result, primitive
from tracealloc.schedule.core.state import lowered
from tracealloc.schedule.loops.depths import depth_of
from tracealloc.trace.diagnostics.errors import IllegalScheduleError, ScheduleError
from tracealloc.trace.ir.program import Array
from tracealloc.trace.network.streamed import Streamed, streamed

__all__ = ["stream"]


@primitive(array="array")
def stream(edit: Edit, array: Array, depth: int | str | None = None) -> Result:
    """Replace the array between two processes by a FIFO: what flows is put, nothing else.

    `depth` is how many elements it has room for, or what is to hold: ``"deadlock-free"``, ``"no-wait"``
    (nobody waits to put; None: this) or ``"latency"`` (all takes as long as with any depth); what follows is
    the least number. The function is a network (``dataflow``, or ``ta.dataflow``), or becomes one.

    Rewrite:
        for i: B[i] = f(i); for i: C[i] = B[i]   ->   for i: B.put(f(i)) | for i: C[i] = B.get()
    Legal when:
        one process stores elements, and others read them in the order in which they get their last value;
        several times in a row is once. Each that reads has a queue of its own.

    Returns:
        The array.

    Raises:
        ScheduleError: the depth is no positive number and no policy; or there are no processes.
        IllegalScheduleError: the elements are read in another order; the first that is shows.
    """
    asked = Streamed(array.key, depth_of(edit, "TA291", depth))
    state = edit.state
    kept = tuple(
        each for each in state.relays if not (isinstance(each, Streamed) and each.array == array.key)
    )
    plain = replace(state, concurrent=True, relays=kept)
    program = lowered(replace(edit.module.with_state(edit.function, plain), top=edit.function))
    try:
        streamed(program, asked)
    except ScheduleError as found:
        summary = f"{edit.what} cannot be: {found.summary}"
        raise IllegalScheduleError("TA291", summary, because=found.because, hint=found.hint) from None
    return Result(replace(state, concurrent=True, relays=(*kept, asked)), (ArrayRef(array.key),))
