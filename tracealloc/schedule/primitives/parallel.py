"""``parallel`` and ``vectorize``: run iterations of a loop at the same time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tracealloc.poly.dependence import Dependence
from tracealloc.poly.legality import carried, carried_pair
from tracealloc.poly.tree import LoopNode
from tracealloc.schedule.marks import mark
from tracealloc.schedule.primitive import Edit, Result, primitive
from tracealloc.schedule.state import OpaqueLoop
from tracealloc.trace.errors import IllegalScheduleError
from tracealloc.trace.layout import Marks

__all__ = ["parallel", "vectorize"]


@primitive(loop="loop")
def parallel(edit: Edit, loop: LoopNode | OpaqueLoop) -> Result:
    """Run the iterations of `loop` on OpenMP threads in C; side by side (unrolled) in HLS.

    Rewrite:
        for i: body   ->   for i: body   [parallel]
    Legal when:
        the loop carries no dependence, sums included.

    Raises:
        IllegalScheduleError: it carries one; with the two iterations.
    """
    return _concurrent(edit, loop, lambda marks: replace(marks, parallel=True))


@primitive(loop="loop")
def vectorize(edit: Edit, loop: LoopNode | OpaqueLoop) -> Result:
    """Run the iterations of `loop` in SIMD lanes in C; side by side (unrolled) in HLS.

    Rewrite:
        for j: body   ->   for j: body   [vectorize]
    Legal when:
        the loop carries no dependence, sums included.

    Raises:
        IllegalScheduleError: it carries one; with the two iterations.
    """
    return _concurrent(edit, loop, lambda marks: replace(marks, vectorize=True))


def _concurrent(edit: Edit, loop: LoopNode | OpaqueLoop, change: Callable[[Marks], Marks]) -> Result:
    loop = edit.affine(loop)
    state = edit.state
    found = carried(state.model, state.dependences, state.tree, loop.key)
    if found:
        raise _refusal(edit, loop, found)
    return Result(mark(state, loop, change))


def _refusal(edit: Edit, loop: LoopNode, found: list[Dependence]) -> IllegalScheduleError:
    state = edit.state
    pair = carried_pair(state.model, found[0], state.tree, loop.key)
    dependence = found[0]
    verbs = {"flow": ("writes", "reads"), "anti": ("reads", "writes"), "output": ("writes", "writes")}
    first, second = verbs[dependence.kind]
    hint = "choose a loop that carries no dependence"
    if dependence.sum is not None:
        hint = f"{loop.name!r} carries a sum: parallelise a loop that does not, or split the sum by hand"
    error = IllegalScheduleError(
        "TA211",
        f"{edit.what} would run iterations at the same time that depend on one another",
        because=[
            f"iteration {pair.source.iteration} {first} {pair.element()} ({pair.source.where}), "
            f"which iteration {pair.sink.iteration} {second} as {dependence.after.text} ({pair.sink.where})"
        ],
        hint=hint,
    )
    error.source = f"{pair.source.where} {pair.source.iteration}"
    error.sink = f"{pair.sink.where} {pair.sink.iteration}"
    return error
