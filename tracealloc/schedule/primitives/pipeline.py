"""``pipeline``: start iterations of a loop every few cycles."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from tracealloc.poly.isl.budget import ADVICE, Spent, limited, reason
from tracealloc.poly.model.tree import LoopNode, loops_above
from tracealloc.schedule.core.chains import find, runs_once
from tracealloc.schedule.core.marks import data_loops_inside, long_loops_inside, mark
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.primitives.rfactor import rfactor
from tracealloc.schedule.timing.operations import shared_text
from tracealloc.schedule.timing.recurrence import Recurrence, recurrences
from tracealloc.trace.diagnostics.errors import ScheduleError
from tracealloc.trace.ir.dtype import Float
from tracealloc.trace.ir.program import While

__all__ = ["pipeline"]


@primitive(loop="loop")
def pipeline(
    edit: Edit,
    loop: LoopNode | OpaqueLoop,
    ii: int | None = None,
    rewind: bool = False,
    initiation_interval: int | None = None,
) -> Result:
    """Pipeline `loop`: a new iteration starts every `ii` cycles (1 unless said).

    `initiation_interval` is another name of `ii`. Loops inside are unrolled, as HLS does.

    Rewrite:
        for j: body   ->   for j: body   [pipeline ii=1]
    Legal when:
        always: the interval is a wish. A warning says where a chain of values from one iteration to a
        later one does not allow it, with the two iterations; `conflicts` adds the ports.

    Raises:
        ScheduleError: the interval is < 1, or given twice with different values.
    """
    asked = [interval for interval in (ii, initiation_interval) if interval is not None] or [1]
    for interval in asked:
        if type(interval) is not int or interval < 1:
            raise edit.error("TA228", f"needs an initiation interval of at least 1 cycle, not {interval!r}")
    interval = asked[0]
    if asked[-1] != interval:
        raise edit.error("TA228", "got both ii and initiation_interval, with different values")
    state = mark(edit.state, loop, lambda marks: replace(marks, pipeline=interval, rewind=rewind))
    so = f"it stays a loop, and HLS does not pipeline {loop.name!r} around it"
    on_data = data_loops_inside(edit.state, loop)
    inside = f"inside {loop.name!r}"
    warnings = tuple(f"loop {name!r} {inside} has bounds that depend on data: {so}" for name in on_data)
    if isinstance(loop, OpaqueLoop) and isinstance(loop.loop, While):
        warnings += (
            f"how often loop {loop.name!r} runs is known only when it has ended: HLS reports no latency, "
            "and an iteration starts when the one before it has found its condition",
        )
    long = long_loops_inside(edit.state, loop, edit.module.hardware)
    warnings += tuple(f"loop {name!r} {inside} runs up to {most}: {so}" for name, most in long)
    return Result(state, (), (*warnings, *_advice(edit, loop, interval)))


def _advice(edit: Edit, loop: LoopNode | OpaqueLoop, interval: int) -> tuple[str, ...]:
    """What stands in the way of the interval; where that takes isl too long, that nobody knows."""
    try:
        with limited(ADVICE, beside=True):
            shared = shared_text(edit.state, loop, interval, edit.module.hardware)
            return (*_slower(edit, loop, interval), *shared)
    except Spent as spent:
        return (f"whether dependences allow ii={interval} was not found out: {reason(spent)}",)


def _slower(edit: Edit, loop: LoopNode | OpaqueLoop, interval: int) -> tuple[str, ...]:
    """What stands in the way of the interval, if a recurrence does."""
    hardware = edit.module.hardware
    found = recurrences(edit.state, loop, hardware)
    if not found or found[0].interval <= interval:
        return ()
    worst = found[0]
    text = f"dependences allow ii={worst.interval}, not {interval}: {worst.text()}"
    if isinstance(loop, OpaqueLoop) or not isinstance(worst, Recurrence):
        return (text,)
    free = [
        f'"{user_name(edit, other)}"'
        for other in loops_above(edit.state.tree, worst.sink.name)
        if other.key != loop.key
        and not recurrences(edit.state, other, hardware, alone=True)
        and not runs_once(edit.state, other)
    ]
    cure = f"{' and '.join(free)} would not wait for it" if free else _in_parts(edit, loop, worst, interval)
    return (f"{text}; {cure}" if cure else text,)


def _in_parts(edit: Edit, loop: LoopNode, worst: Recurrence, interval: int) -> str | None:
    """How to add up the sum of a recurrence in parts that do not wait; None: it is no sum."""
    array = worst.array
    if worst.way:
        return None
    allowed = edit.state.proof.reassociate or not isinstance(array.dtype, Float)
    step = replace(edit, state=edit.state.freely())
    for latency in (worst.latency, worst.latency + 1):  # parts may be in a memory, the sum in a register
        turns = ceil(latency * worst.copies / interval)
        try:
            after = rfactor(step, array, loop, factor=turns).state
        except ScheduleError:
            return None
        assert after is not None
        left = recurrences(after, find(after, loop.key), edit.module.hardware)
        if not left or left[0].interval <= interval:
            text = f's.rfactor("{user_name(edit, array)}", "{user_name(edit, loop)}", factor={turns})'
            return f"{'' if allowed else 's.reassociate() and '}{text} would add up in turns"
    return None
