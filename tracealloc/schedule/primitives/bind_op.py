"""``bind_op``: how an operation is made, and how many cycles it takes."""

from __future__ import annotations

from tracealloc.schedule.core.ask import request
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.timing.operations import operation_of, roots_of
from tracealloc.trace.diagnostics.errors import nearest
from tracealloc.trace.ir.layout import BoundOp
from tracealloc.trace.ir.program import Array

__all__ = ["bind_op"]

_MOST_LATENCY = 100


@primitive(array="array")
def bind_op(edit: Edit, array: Array, op: str, impl: str | None = None, latency: int | None = None) -> Result:
    """Make the operation `op` whose result is stored in `array` as `impl`, with a latency in cycles.

    `op` and `impl` are the names of the target (``fadd``, ``mul``; ``fulldsp``, ``fabric``). Where the
    operation is inside a larger expression, give its result a `ta.scalar`, and bind that.

    Rewrite:
        t: whole   ->   t: whole, fadd fabric latency 3
    Legal when:
        a statement stores the result of such an operation in `array`. Values do not change. Asking again
        for the same operation replaces what was asked before.

    Raises:
        ScheduleError: an unknown operation or implementation, a latency < 0, or no such result.
    """
    hardware = edit.module.hardware
    for kind, given, known in (
        ("operation", op, tuple(hardware.operations)),
        ("implementation", impl, hardware.implementations),
    ):
        if given is not None and given not in known:
            close = nearest(str(given), known)
            raise edit.error(
                "TA280",
                f"names the unknown {kind} {given!r}",
                because=[f"the {kind}s are {', '.join(known) or '(none)'}"],
                hint=repr(close) if close else None,
            )
    if latency is not None and (type(latency) is not int or not 0 <= latency <= _MOST_LATENCY):
        raise edit.error("TA280", f"needs a latency of 0 to {_MOST_LATENCY} cycles, not {latency!r}")
    found = {operation_of(root, hardware) for root in roots_of(edit.state.model, array)} - {None}
    if op not in found:
        stored = ", ".join(sorted(map(str, found))) or "none"
        raise edit.error(
            "TA281",
            f"finds no {op} whose result is stored in {array.name!r}",
            because=[f"the operations whose results it holds: {stored}"],
            hint=f"t = ta.scalar({array.dtype!r}, ...) for the result of the operation, and bind that",
        )
    asks = BoundOp(op, impl, latency)
    kept = (
        r
        for r in edit.state.requests
        if r.array != array.key or not isinstance(r.asks, BoundOp) or r.asks.op != op
    )
    return Result(edit.state.with_requests((*kept, request(edit, array, asks))))
