"""``ta.interpret``: run a kernel, a schedule or a traced program exactly, without a compiler."""

from __future__ import annotations

from typing import Any

from tracealloc.customize import Schedule
from tracealloc.kernel import Kernel
from tracealloc.trace.diagnostics.errors import ArgumentError
from tracealloc.trace.diagnostics.public import public
from tracealloc.trace.diagnostics.source import caller_place
from tracealloc.trace.ir.program import Program

__all__ = ["interpret"]


@public()
def interpret(what: Kernel | Schedule | Program, *args: Any, **kwargs: Any) -> Any:
    """Run `what` on NumPy arrays, in place, as calling it would: the same checks, values and results.

    Every access and every read of what was never stored is checked. `ta.state` starts at its first content.

    Raises:
        ArgumentError: an argument does not fit; nothing has run.
        InterpretError: an access outside an array, or to an element that nothing was stored to.
    """
    from tracealloc.check.interpret.interpret import Interpreter
    from tracealloc.emit.run.marshal import Signature

    if isinstance(what, Kernel):
        what, args, kwargs = what.bound(args, kwargs)
        program = what.trace()
    elif isinstance(what, Schedule):
        program = what.lowered
    elif isinstance(what, Program):
        program = what
    else:
        raise ArgumentError(
            "TA701",
            f"ta.interpret runs a kernel, a schedule or a traced program, not {what!r}",
            place=caller_place(),
            because=["what it runs comes first, and the arguments after it"],
            hint="ta.interpret(kernel, A, B)",
        )
    return Interpreter(program)(*Signature(program).checked(args, kwargs))
