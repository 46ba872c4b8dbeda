"""Loops whose iterations run at the same time: none may depend on another, whatever comes later."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from tracealloc.poly.dependence.dependence import Dependence, dependences_of
from tracealloc.poly.dependence.legality import Violation, carries, first_carried
from tracealloc.poly.isl.budget import CURE, Spent, limited
from tracealloc.poly.model.tree import Leaf, LoopNode, Sequence, Tree, loops_in, statements_of
from tracealloc.schedule.core.chains import find, runs_once
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import Module, State
from tracealloc.schedule.loops.cures import wavefront
from tracealloc.trace.diagnostics.errors import IllegalScheduleError

__all__ = ["check_concurrent", "check_marked"]


def check_marked(edit: Edit, after: Module) -> None:
    """Check every parallel and vectorized loop of the functions that a step changed.

    Raises:
        IllegalScheduleError: a loop now carries a dependence that it did not carry when it was marked.
    """
    before = edit.module.functions
    for name, state in after.functions.items():
        old = before.get(name)
        if old is not None and state.tree is old.tree and state.model is old.model:
            continue
        known = {} if old is None or state.model is not old.model else _marked(old.tree)
        for key, loops in _marked(state.tree).items():
            if not _run_alike(loops, known.get(key, ())):
                check_concurrent(edit, state, loops[-1])


def _marked(tree: Tree, above: tuple[LoopNode, ...] = ()) -> dict[str, tuple[LoopNode, ...]]:
    """The loops whose iterations run at the same time, by key, each after those around it."""
    match tree:
        case LoopNode(key=key, marks=marks, body=body):
            loops = (*above, tree)
            found = {key: loops} if marks.parallel or marks.vectorize else {}
            return found | _marked(body, loops)
        case Sequence(children):
            return {key: loops for child in children for key, loops in _marked(child, above).items()}
        case Leaf():
            return {}


def _run_alike(loops: tuple[LoopNode, ...], others: tuple[LoopNode, ...]) -> bool:
    """Whether statements run in the same iterations of some loops as of others."""
    return len(loops) == len(others) and all(
        a.key == b.key and a.descending == b.descending and a.exprs == b.exprs
        for a, b in zip(loops, others, strict=True)
    )


def check_concurrent(edit: Edit, state: State, loop: LoopNode) -> None:
    """Check that the iterations of one loop may run at the same time.

    Raises:
        IllegalScheduleError: with the least two iterations of which one needs the other.
    """
    deps = dependences_of(state.model, statements_of(loop))
    found = first_carried(state.model, deps, state.tree, loop.key)
    if found is not None:
        raise _refusal(edit, state, loop, found)


def _refusal(edit: Edit, state: State, loop: LoopNode, pair: Violation) -> IllegalScheduleError:
    dependence = pair.dependence
    reasons = [f"{pair}, at distance {_distance(state, loop, pair)} in {loop.name!r}"]
    if dependence.sum is not None and not _sums_alone(state, loop):
        dependence = replace(dependence, sum=None)
    if dependence.sum is not None:
        reasons.append(f"loop {loop.name!r} carries a sum, whose parts would be added at the same time")
    marked = next((old for old in loops_in(edit.state.tree) if old.key == loop.key), None)
    if marked is not None and (marked.marks.parallel or marked.marks.vectorize):
        kind = "parallel" if marked.marks.parallel else "vectorized"
        reasons.append(f"loop {loop.name!r} is {kind}, and would then carry this dependence")
    hint = None
    with suppress(Spent), limited(CURE, beside=True):
        hint = _hint(edit, state, loop, dependence)
        if hint is None:
            reasons.append("no loop around these two is free of dependences")
    error = IllegalScheduleError(
        "TA211",
        f"{edit.what} would run iterations at the same time that depend on one another",
        because=reasons,
        hint=hint,
    )
    error.source = f"{pair.source.where} {pair.source.iteration}"
    error.sink = f"{pair.sink.where} {pair.sink.iteration}"
    return error


def _sums_alone(state: State, loop: LoopNode) -> bool:
    """Whether a loop carries nothing but sums."""
    deps = [each for each in dependences_of(state.model, statements_of(loop)) if each.sum is None]
    return not carries(state.model, deps, state.tree, loop.key)


def _distance(state: State, loop: LoopNode, pair: Violation) -> int:
    """How many iterations of a loop a dependence goes on."""
    now = find(state, loop.key)
    (first,), (second,) = pair.source.time((now,)), pair.sink.time((now,))
    return abs(second - first) // now.step


def _hint(edit: Edit, state: State, loop: LoopNode, dependence: Dependence) -> str | None:
    """The same step on a loop that carries nothing, or what makes one."""
    call = edit.what.partition("(")[0]
    if call not in ("parallel", "vectorize"):
        return "take this step first, and mark a loop that carries nothing then"
    others = list(loops_in(state.tree))
    for other in others if call == "parallel" else reversed(others):
        if not any(name == dependence.source for name, _ in other.exprs) or runs_once(state, other):
            continue
        if not carries(state.model, dependences_of(state.model, statements_of(other)), state.tree, other.key):
            return f's.{call}("{user_name(edit, other)}"), which carries none'
    found = wavefront(edit, loop) if dependence.sum is None else None
    if found is not None:
        return f'{found[0]}, then s.{call}("{user_name(edit, found[1])}"): a wavefront'
    if dependence.sum is not None:
        return "no loop around the sum is free of dependences: add up several sums in the kernel"
    return None
