"""``stream``: an array between two processes becomes a FIFO."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.schedule.core.primitive import ArrayRef, Edit, Result, primitive
from tracealloc.schedule.core.state import lowered
from tracealloc.trace.diagnostics.errors import IllegalScheduleError, ScheduleError
from tracealloc.trace.ir.program import Array
from tracealloc.trace.network.streamed import Streamed, streamed

__all__ = ["stream"]

_DEPTH = 2


@primitive(array="array")
def stream(edit: Edit, array: Array, depth: int | None = None) -> Result:
    """Replace the array between two processes by a FIFO: what flows is put, nothing else.

    `depth` is how many elements it has room for (None: 2). The function is a network (``dataflow``, or
    ``ta.dataflow`` in the kernel), or becomes one.

    Rewrite:
        for i: B[i] = f(i); for i: C[i] = B[i]   ->   for i: B.put(f(i)) | for i: C[i] = B.get()
    Legal when:
        one process stores each element, and another reads it, each once and in the same order.

    Returns:
        The array.

    Raises:
        ScheduleError: the depth is no positive number, or the function's parts are no processes.
        IllegalScheduleError: the elements are read in another order; the first that is shows.
    """
    if depth is not None and (not hasattr(depth, "__index__") or isinstance(depth, bool) or int(depth) < 1):
        raise edit.error(
            "TA291", f"needs a depth that is a positive int, not {depth!r}",
            because=["how deep a queue must be is not worked out yet"], hint="depth=16",
        )  # fmt: skip
    asked = Streamed(array.key, _DEPTH if depth is None else int(depth))
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
