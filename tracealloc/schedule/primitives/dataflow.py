"""``dataflow``: the nests of a function run beside one another."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.schedule.core.networks import refuse_channels, refuse_pending
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.trace.diagnostics.errors import nearest

__all__ = ["dataflow"]


@primitive()
def dataflow(edit: Edit, target: str | None = None) -> Result:
    """Make each nest and each call of a function a process, which runs beside the others.

    `target` is the name of a function that the kernel calls (None: the kernel itself). A process that reads
    an array which an earlier one makes waits for its end; in HLS the array becomes two that take turns.

    Rewrite:
        f: { L0; L1; g() }   ->   f: dataflow { L0 | L1 | g() }
    Legal when:
        values flow forwards, each array from one process to one other, and no element is stored by two.

    Raises:
        ScheduleError: there is no such function; an array has two producers or two consumers; a value flows
            backwards.
    """
    name = edit.function if target is None else _named(edit, target)
    state = edit.module.functions[name]
    module = edit.module.with_state(name, replace(state, concurrent=True))
    refuse_pending(edit, module, name)
    refuse_channels(edit, module, name)
    return Result(None, module=module)


def _named(edit: Edit, target: object) -> str:
    if isinstance(target, str) and target in edit.module.functions:
        return target
    names = ", ".join(edit.module.functions)
    near = nearest(str(target), tuple(edit.module.functions))
    raise edit.error(
        "TA288",
        f"finds no function {target!r}",
        because=[f"the functions are {names}"],
        hint=f"did you mean {near!r}?"
        if near
        else "make a kernel of the loop's body and call it: its nests become processes",
    )
