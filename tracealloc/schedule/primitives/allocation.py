"""``allocation``: how many instances of an operation a loop may have."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.timing.operations import count_of, shared_text
from tracealloc.trace.diagnostics.errors import nearest
from tracealloc.trace.ir.layout import Marks

__all__ = ["allocation"]


@primitive(loop="loop")
def allocation(edit: Edit, loop: LoopNode | OpaqueLoop, op: str, limit: int) -> Result:
    """Make at most `limit` instances of the operation `op` (``mul``, ``fadd``) in the body of `loop`.

    Rewrite:
        for j: body   ->   for j: body   [fadd at most 2]
    Legal when:
        always: operations share instances, and wait for them. A pipelined loop starts an iteration every
        ceil(operations / limit) cycles then; `pipeline` and `conflicts` say so. Asking again for the same
        operation replaces what was asked before.

    Raises:
        ScheduleError: an unknown operation, one that the loop has not, or a limit < 1.
    """
    hardware = edit.module.hardware
    known = tuple(hardware.operations)
    if op not in known:
        close = nearest(str(op), known)
        raise edit.error(
            "TA280",
            f"names the unknown operation {op!r}",
            because=[f"the operations are {', '.join(known) or '(none)'}"],
            hint=repr(close) if close else None,
        )
    if type(limit) is not int or limit < 1:
        raise edit.error("TA283", f"needs a limit of at least 1 instance, not {limit!r}")
    if not count_of(edit.state, loop, op, hardware):
        has = [each for each in known if count_of(edit.state, loop, each, hardware)]
        raise edit.error(
            "TA283",
            f"finds no {op} in loop {loop.name!r}",
            because=[f"its operations are {', '.join(has) or '(none)'}"],
        )

    def limited(marks: Marks) -> Marks:
        kept = tuple(each for each in marks.limits if each[0] != op)
        return replace(marks, limits=(*kept, (op, limit)))

    state = mark(edit.state, loop, limited)
    after = state.loop(loop.key)
    assert after is not None
    marks = after.loop.marks if isinstance(after, OpaqueLoop) else after.marks
    slower = () if marks.pipeline is None else shared_text(state, after, marks.pipeline, hardware)
    return Result(state, (), slower)
