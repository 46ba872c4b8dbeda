"""The proof of a step that changes how an array is stored, made before the step is accepted."""

from __future__ import annotations

from tracealloc.poly.proof.differences import explain
from tracealloc.poly.proof.step_proof import changed_read
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.trace.diagnostics.errors import TraceallocError, VerifyError
from tracealloc.trace.ir.program import Array

__all__ = ["proved_storage"]


def proved_storage(edit: Edit, state: State, array: Array) -> State:
    """`state`, in which `array` is stored in another way, once every read is proved to see the same write.

    Raises:
        ScheduleError: the proof cannot be made.
        TraceallocError: a read sees another write, which no use of a primitive should lead to.
    """
    old = edit.state
    try:
        wrong = changed_read((old.model, old.tree), (state.model, state.tree), array)
    except VerifyError as error:
        raise edit.error("TA260", "cannot be proved right", because=[error.summary]) from error
    if wrong is None:
        return state
    raise TraceallocError(
        "TA261",
        f"{edit.what} was about to change what a read of {array.name!r} sees: a bug in tracealloc",
        because=[explain(old.model, (state.model, state.tree), wrong)],
        hint="nothing was changed; please report this together with s.script()",
    )
