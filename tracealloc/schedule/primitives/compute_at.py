"""``compute_at``: make what a loop's iteration needs in that iteration."""

from __future__ import annotations

from tracealloc.poly.model.tree import (
    LoopNode,
    Sequence,
    Tree,
    path_to_loop,
    sequence,
    statements_of,
)
from tracealloc.schedule.core.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.loops.move_producer import Moving
from tracealloc.trace.ir.program import Alloc, Array

__all__ = ["compute_at"]


@primitive(producer="nest", loop="loop")
def compute_at(edit: Edit, producer: LoopNode | OpaqueLoop | Array, loop: LoopNode | OpaqueLoop) -> Result:
    """Move a producing nest into `loop`, so that each iteration makes just what it needs.

    `producer` is the nest's band, one of its loops, or the array: then all that makes it moves.

    Rewrite:
        for i: B[i] = f(i); for j: C[j] = B[j] + B[j + 1]
          ->   for j: { B_j: T[2]; for i in j:j+2: B_j[i - j] = f(i); C[j] = B_j[0] + B_j[1] }
        Values that several iterations need are computed again in each (once, where they are sums that
        others read). Where nothing else reads the array, every iteration has a part of its own, as large
        as it needs; what else stores to it is copied there. Both nests may be inside other loops.
    Legal when:
        every read still gets the same value: the nest comes before the loop and reads nothing that is
        overwritten in between.

    Returns:
        The outermost loop of the moved nest.

    Raises:
        ScheduleError: the loop uses nothing that the nest makes, or the nest is around it or inside it.
        IllegalScheduleError: a value would be read before it is made.
    """
    loop = edit.affine(loop)
    nest, name, common = _nest(edit, producer, loop)
    moving = Moving(edit, nest, loop, name, common)
    state, outermost = moving.moved()
    return Result(state, () if outermost is None else (LoopRef(outermost),))


def _nest(edit: Edit, producer: LoopNode | OpaqueLoop | Array, loop: LoopNode) -> tuple[Tree, str, int]:
    """What to move: parts of the block that also holds `loop`, or a loop around it.

    Also what the user calls it, and how many loops are around both.
    """
    state = edit.state
    to_loop = path_to_loop(state.tree, loop.key)
    if isinstance(producer, Array):
        holder, found = _makers(edit, producer, loop)
    else:
        moved = edit.affine(producer)
        path = path_to_loop(state.tree, moved.key)
        shared = sum(1 for (a, _), (b, _) in zip(path, to_loop, strict=False) if a is b)
        if shared == len(path) or isinstance(path[shared - 1][0], LoopNode):
            inner, outer = (moved, loop) if shared == len(to_loop) else (loop, moved)
            what = "it is the loop" if inner.key == outer.key else f"{inner.name!r} is inside {outer.name!r}"
            raise edit.error(
                "TA256",
                f"needs a nest beside the loop, or beside one around it: {what}",
                hint="s.loops() shows the nests; s.distribute sets the parts of a loop's body apart",
            )
        holder, found = path[shared - 1][0], [path[shared][0]]
    common = next(k for k, (node, _) in enumerate(to_loop) if node is holder)
    around = sum(isinstance(node, LoopNode) for node, _ in to_loop[:common])
    return sequence(found), producer.name, around


def _makers(edit: Edit, array: Array, loop: LoopNode) -> tuple[Tree, list[Tree]]:
    """The innermost block around the loop in which parts before it make `array`, and these parts."""
    model = edit.state.model
    names = {
        s.name
        for s in model.statements
        if not isinstance(s.node, Alloc) and any(a.array == array for a in s.writes)
    }
    for node, position in reversed(path_to_loop(edit.state.tree, loop.key)):
        if isinstance(node, Sequence):
            found = [child for child in node.children[:position] if names & statements_of(child)]
            if found:
                return node, found
    raise edit.error(
        "TA256",
        f"finds nothing that makes {array.name!r} before {loop.name!r}",
        hint="s.distribute sets the parts of a loop's body apart",
    )
