"""``dependence``: what iterations of a loop need of one another, said to the tool once it is proved."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.dependence.dependence import Dependence, dependences_of, time_map
from tracealloc.poly.dependence.legality import Violation, distance_map
from tracealloc.poly.isl.named import least_at
from tracealloc.poly.model.tree import LoopNode, statements_of
from tracealloc.schedule.core.chains import chain_above
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.primitive import Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.timing.carried_values import Met, flattened_nest, trips_of
from tracealloc.trace.diagnostics.errors import IllegalScheduleError
from tracealloc.trace.ir.layout import Claim, Marks
from tracealloc.trace.ir.program import Array

__all__ = ["dependence"]


@primitive(loop="loop", array="array")
def dependence(edit: Edit, array: Array, loop: LoopNode | OpaqueLoop, distance: int | None = None) -> Result:
    """Say that iterations of `loop` do not need what others do with `array`, or only `distance` later.

    `distance` iterations lie at least between two that use one element, where one of them writes; None: no
    two do. The tool is told so where the loop is pipelined, and where it still holds.

    Rewrite:
        for j: body   ->   for j: body   [independent A]
    Legal when:
        it is so, which is proved: also through the loops that this one is flattened with.

    Raises:
        IllegalScheduleError: two iterations do; with the least two.
        ScheduleError: the loop does not use the array, its bounds depend on data, or a distance < 2.
    """
    loop = edit.affine(loop)
    if distance is not None and (type(distance) is not int or distance < 2):
        raise edit.error(
            "TA285",
            f"needs a distance of at least 2 iterations, not {distance!r}",
            because=["neighbours are one apart: that is what the tool assumes by itself"],
        )
    names = statements_of(loop)
    used = {a.array for name in names for a in edit.state.model.statement(name).accesses}
    if array not in used:
        raise edit.error("TA285", f"says nothing: loop {loop.name!r} does not use {array.name!r}")
    met = _nearest(edit, array, loop)
    if met is not None and (distance is None or met[0] < distance):
        raise _refused(edit, loop, array, *met)

    def claimed(marks: Marks) -> Marks:
        kept = tuple(each for each in marks.claims if each.array != array.key)
        return replace(marks, claims=(*kept, Claim(array.key, array.name, distance)))

    return Result(mark(edit.state, loop, claimed))


def _nearest(edit: Edit, array: Array, loop: LoopNode) -> tuple[int, Dependence, Met] | None:
    """The nearest iterations that need one element: how far apart, and why."""
    state = edit.state
    nest = flattened_nest(state, loop, edit.module.hardware)
    chain = chain_above(state, loop.key)
    count = distance_map(len(chain) - len(nest), [trips_of(state, each) for each in nest])
    found: tuple[int, Dependence, Met] | None = None
    for each in dependences_of(state.model, statements_of(loop)):
        if each.before.array != array:
            continue
        ends = (state.model.statement(each.source), state.model.statement(each.sink))
        times = (time_map(ends[0], chain), time_map(ends[1], chain))
        moved = each.relation.apply_domain(times[0]).apply_range(times[1])
        least = least_at(moved.deltas().apply(count), 0, 1)
        if least is not None and (found is None or least < found[0]):
            found = (least, each, Met(*ends, each.relation, count, times))
    return found


def _refused(
    edit: Edit, loop: LoopNode, array: Array, least: int, why: Dependence, met: Met
) -> IllegalScheduleError:
    source, sink = met.at(least)
    use = "use" if why.before.exact and why.after.exact else "may use"
    error = IllegalScheduleError(
        "TA286",
        f"{edit.what} is not so: iterations of {loop.name!r} that are {least} apart {use} one element",
        because=[str(Violation(why, source, sink))],
        hint=f's.dependence("{array.name}", "{loop.name}", distance={least})' if least > 1 else None,
    )
    error.source = f"{source.where} {source.iteration}"
    error.sink = f"{sink.where} {sink.iteration}"
    return error
