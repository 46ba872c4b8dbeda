"""``relay``: the elements of a buffer come from the neighbour in a grid of PEs, not from the array."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tracealloc.poly.model.tree import LoopNode, loops_above, loops_in
from tracealloc.schedule.core.chains import find, most_trips
from tracealloc.schedule.core.marks import mark
from tracealloc.schedule.core.networks import pending
from tracealloc.schedule.core.primitive import ArrayRef, Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop, State, lowered
from tracealloc.schedule.loops.copies import after_last_store, for_all
from tracealloc.schedule.loops.depths import depth_of
from tracealloc.schedule.loops.handed_on import made_before
from tracealloc.schedule.primitives.compute_at import compute_at
from tracealloc.trace.diagnostics.errors import IllegalScheduleError, ScheduleError
from tracealloc.trace.ir.layout import UNMARKED
from tracealloc.trace.ir.program import Array
from tracealloc.trace.network.relay import Relay, relayed
from tracealloc.trace.network.streamed import Streamed

__all__ = ["relay"]


@primitive(buffer="array", pe="loop")
def relay(
    edit: Edit,
    buffer: Array,
    pe: Sequence[LoopNode | OpaqueLoop],
    axis: int | None = None,
    depth: int | str | None = None,
    along: int | None = None,
) -> Result:
    """Let the elements of a buffer come from the neighbour through a queue, or partial sums go to the next.

    `pe` is the grid that ``unfold`` gave, `axis` the axis of its band along which the elements vary: each
    value of it is a lane. They travel along the other axis in space (`along`, where there are several).
    Where there is none, each PE gets a queue of its own from its loader. `depth` is the queues', a number or
    ``"deadlock-free"``, ``"no-wait"`` or ``"latency"`` (None: this), see ``stream``.

    Rewrite:
        for i: for j: for k: b[k] = A[i, k]; use(b[k])
          ->   for i: for k: A_fifo[i, 0].put(A[i, k])
               for i: for j: for k: b = A_fifo[i, j].get(); A_fifo[i, j + 1].put(b); use(b)
        The copies go into the loop that uses them, which is pipelined. Where neighbours use different parts,
        each element in one iteration of all, each PE gets what any of them uses, and passes it on. What
        PEs make for later ones goes the same way: from the one that made it to the next, and on.
    Legal when:
        neighbours copy the same elements, in the same order; a partial sum passes each PE once; what is
        handed on is made by one PE, and each takes what the one before it made or got.

    Returns:
        The buffer.

    Raises:
        ScheduleError: the array is no buffer of the PEs, or there is no such axis.
        IllegalScheduleError: neighbours use other elements, or in another order.
    """
    chosen = [edit.affine(loop) for loop in pe]
    grid = _grid(edit, chosen)
    travel = _travel(edit, grid, axis, along)
    deep = depth_of(edit, "TA290", depth)
    given = buffer
    state, buffer, inner = _fused(edit, given)
    asked = Relay(buffer.key, travel, deep)
    state = replace(state, relays=(*_kept(state, buffer), asked))
    try:
        _refuse(edit, state, asked)
    except IllegalScheduleError:
        wide = _widened(edit, state, buffer, travel, inner)
        handed = None if wide is not None else _handed(edit, given, travel)
        if wide is not None:
            state = wide
        elif handed is not None:
            buffer, asked = given, Relay(given.key, travel, deep, handed=True)
            state = replace(handed, relays=(*_kept(handed, given), asked))
        else:
            raise
        _refuse(edit, state, asked)
    found = pending(edit.module.with_state(edit.function, replace(state, concurrent=True)), edit.function)
    made = (ArrayRef(buffer.key),)
    if found is None:
        return Result(replace(state, concurrent=True), made)
    return Result(state, made, (f"the PEs still run in order: {found.summary}",))


def _grid(edit: Edit, chosen: list[LoopNode]) -> tuple[str, ...]:
    """The band, its axes by key, that the grid was made of."""
    keys = {loop.key for loop in chosen}
    for grid in edit.state.grids:
        if keys and keys <= set(grid) and all(loop.marks.space for loop in chosen):
            return grid
    names = ", ".join(loop.name for loop in chosen)
    hint = 'pe = s.unfold("PE", axis=[0, 1], factor=[M, N])'
    raise edit.error("TA290", f"needs a grid of PEs, not the loops ({names})", hint=hint)


def _travel(edit: Edit, grid: tuple[str, ...], axis: Any, along: Any) -> str | None:
    """The loop in space along which the values travel."""
    if axis is None and along is None:
        hint = "axis= is the one along which the elements vary, along= the one along which they travel"
        raise edit.error("TA290", "needs an axis", hint=hint)
    for number in (each for each in (axis, along) if each is not None):
        if isinstance(number, bool) or not hasattr(number, "__index__"):
            raise edit.error("TA290", f"needs an axis as an int, not {number!r}")
        if not 0 <= int(number) < len(grid):
            raise edit.error("TA290", f"finds no axis {number}: the band has {len(grid)}")
    loops = {loop.key: loop for loop in loops_in(edit.state.tree)}
    space = [k for k, key in enumerate(grid) if key in loops and loops[key].marks.space]
    others = [k for k in space if axis is None or k != int(axis)]
    if along is not None:
        if int(along) not in others:
            raise edit.error("TA290", f"cannot go along axis {along}: the other axes in space are {others}")
        return grid[int(along)]
    if len(others) > 1:
        raise edit.error("TA290", f"can go along axes {others}", hint=f"along={others[0]} says which")
    return grid[others[0]] if others else None


def _refuse(edit: Edit, state: State, asked: Relay) -> None:
    """Refuse what is no relay.

    Raises:
        IllegalScheduleError: neighbours copy other elements, or in another order.
    """
    plain = replace(state, concurrent=False)
    program = lowered(replace(edit.module.with_state(edit.function, plain), top=edit.function))
    try:
        relayed(replace(program, concurrent=True), asked)
    except ScheduleError as found:
        summary = f"{edit.what} cannot be: {found.summary}"
        raise IllegalScheduleError("TA290", summary, because=found.because, hint=found.hint) from None


def _kept(state: State, buffer: Array) -> list[Relay | Streamed]:
    """What was asked of other arrays."""
    return [r for r in state.relays if not (isinstance(r, Relay) and r.buffer == buffer.key)]


def _handed(edit: Edit, buffer: Array, travel: str | None) -> State | None:
    """The state in which the buffer gets what other PEs make where it is used, if it holds such."""
    if travel is None:
        return None
    if most_trips(edit.state.model, find(edit.state, travel)) == 1:
        return edit.state  # one PE hands nothing on
    with suppress(ScheduleError):
        return made_before(edit, buffer, travel)
    return None


def _widened(edit: Edit, state: State, buffer: Array, travel: str | None, inner: str | None) -> State | None:
    """The state in which all neighbours copy what any of them does, if they can."""
    if travel is None or inner is None:
        return None
    with suppress(ScheduleError):
        return for_all(replace(edit, state=state), inner, buffer, travel)
    return None


def _rolled(state: State, statement: str) -> LoopNode:
    """The innermost loop around a statement of which the hardware has no copy for each iteration."""
    loops = loops_above(state.tree, statement)
    rolled = [loop for loop in loops if not loop.marks.packed and loop.marks.copies != 0]
    return rolled[-1] if rolled else loops[0]


def _fused(edit: Edit, buffer: Array) -> tuple[State, Array, str | None]:
    """The state in which the copies are in the loop that uses the buffer, the buffer there, and the loop."""
    state = edit.state
    users = [s for s in state.model.statements if any(a.array == buffer for a in s.accesses)]
    uses = [s for s in users if not s.copy]
    inner = {_rolled(state, s.name).key for s in uses}
    if len(inner) != 1:
        return state, buffer, None
    key = next(iter(inner))
    if find(state, key).marks.space:
        return state, buffer, None
    with suppress(ScheduleError):
        before = set(state.model.arrays)
        moved = compute_at(edit, buffer, find(state, key)).state
        assert moved is not None
        new = [array for array in moved.model.arrays if array not in before]
        state, buffer = moved, new[0] if new else buffer
    for statement in [s for s in state.model.statements if s.copy]:
        reads = any(a.array == buffer and not a.write for a in statement.accesses)
        loops = loops_above(state.tree, statement.name)
        if reads and loops and loops[-1].key != key and not loops[-1].marks.space:
            with suppress(ScheduleError):
                state = after_last_store(replace(edit, state=state), key, statement) or state
    loop = find(state, key)
    if loop.marks == UNMARKED:
        state = mark(state, loop, lambda marks: replace(marks, pipeline=1))
    return state, buffer, key
