"""``flatten``: whether a loop becomes one pipeline with the loops around it."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.model.tree import LoopNode, Sequence, loops_in, replace_loop
from tracealloc.schedule.core.chains import chain_above, find, runs_once, same_trips
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.loops.sink import sunk

__all__ = ["flatten"]


@primitive(loop="loop")
def flatten(edit: Edit, loop: LoopNode | OpaqueLoop, off: bool = False) -> Result:
    """Say that `loop` is not flattened with the loop around it (`off`), or that it is.

    The tool flattens perfect nests around a pipelined loop without being asked: one pipeline, which does
    not drain between iterations of the outer loops. Then recurrences through the outer loops count too.
    What stands beside the loop would keep it from that, and goes into its first or last iteration.

    Rewrite:
        for i: for j: body   ->   for i: for j: body   [not flattened]
        for i: { a; for j: body; b }
          ->   for i: for j: { if j == 0: a; body; if j == last: b }
    Legal when:
        always with `off`; else the loop must run equally often in each iteration of the loop around it,
        and be the only one in it.

    Raises:
        ScheduleError: the loop cannot be flattened.
    """
    if off:
        return Result(mark(edit.state, loop, lambda marks: replace(marks, apart=True)))
    state = _perfect(edit, edit.affine(loop))
    return Result(mark(state, find(state, loop.key), lambda marks: replace(marks, apart=False)))


def _perfect(edit: Edit, loop: LoopNode) -> State:
    """The state in which the loop is all that is in the loop around it.

    Raises:
        ScheduleError: the tool would not flatten it.
    """
    chain = chain_above(edit.state, loop.key)
    if len(chain) < 2:
        raise edit.error("TA284", f"cannot flatten {loop.name!r}: no loop is around it")
    *around, outer, _ = chain
    parts = outer.body.children if isinstance(outer.body, Sequence) else (outer.body,)
    beside = [part for part in parts if part is not loop]
    if not all(runs_once(edit.state, other) for part in beside for other in loops_in(part)):
        raise edit.error(
            "TA284",
            f"cannot flatten {loop.name!r}: it is not the only loop in loop {outer.name!r}",
            because=["loops are one where nothing runs between them"],
            hint=f's.distribute("{outer.name}")',
        )
    if not same_trips(edit.state, loop):
        raise edit.error(
            "TA284",
            f"cannot flatten {loop.name!r}: how often it runs depends on the loops around it",
            because=["only the bounds of the outermost loop of a flattened nest may vary"],
        )
    if outer.body is loop:
        return edit.state
    at = next(number for number, part in enumerate(parts) if part is loop)
    before, after = ([(1, part) for part in side] for side in (parts[:at], parts[at + 1 :]))
    nest = sunk(edit.state.model, tuple(around), [outer, loop], [outer, loop], before, after)
    tree = replace_loop(edit.state.tree, outer.key, lambda _: nest)
    return edit.reordered(tree, f"in the iterations of {loop.name!r} the second of these would come first")
