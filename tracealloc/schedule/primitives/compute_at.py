"""``compute_at``: make what a loop's iteration needs in that iteration."""

from __future__ import annotations

from tracealloc.poly.tree import LoopNode, Path, Tree, leaves, loops_in, path_to
from tracealloc.schedule.moving import Moving
from tracealloc.schedule.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.state import OpaqueLoop, State
from tracealloc.trace.program import Alloc, Array

__all__ = ["compute_at"]


@primitive(producer="nest", loop="loop")
def compute_at(edit: Edit, producer: LoopNode | OpaqueLoop | Array, loop: LoopNode | OpaqueLoop) -> Result:
    """Move a producing nest into `loop`, so that each iteration makes just what it needs.

    `producer` is the nest's band, one of its loops, or the array that it makes.

    Rewrite:
        for i: B[i] = f(i); for j: C[j] = B[j] + B[j + 1]
          ->   for j: { B_j: T[2]; for i in j:j+2: B_j[i - j] = f(i); C[j] = B_j[0] + B_j[1] }
        Values that several iterations need are computed again in each. Where nothing else reads the array,
        every iteration has a part of its own, as large as it needs.
    Legal when:
        every read still gets the same value: the nest comes before the loop and reads nothing that is
        overwritten in between.

    Returns:
        The outermost loop of the moved nest.

    Raises:
        ScheduleError: the loop uses nothing that the nest makes, or the part it uses depends on data.
        IllegalScheduleError: a value would be read before it is made.
    """
    loop = edit.affine(loop)
    nest, name = _nest(edit, producer, loop)
    moving = Moving(edit, nest, loop, name)
    state, outermost = moving.moved()
    return Result(state, () if outermost is None else (LoopRef(outermost),))


def _nest(edit: Edit, producer: LoopNode | OpaqueLoop | Array, loop: LoopNode) -> tuple[Tree, str]:
    """The whole nest to move: the part of the block that also holds `loop`, or a loop around it."""
    state = edit.state
    to_loop = _path(state, loop)
    if isinstance(producer, Array):
        name = producer.name
        makers = [
            s.name
            for s in state.model.statements
            if not isinstance(s.node, Alloc) and any(a.array == producer for a in s.writes)
        ]
        if not makers:
            raise edit.error("TA256", f"finds no loop that makes {name!r}")
        below = {id(node): set(leaves(node)) for node, _ in to_loop}
        holder = next(node for node, _ in reversed(to_loop) if set(makers) <= below[id(node)])
        found = _child_with(holder, set(makers))
    else:
        name = producer.name
        moved = edit.affine(producer)
        path = _path(state, moved)
        shared = sum(1 for (a, _), (b, _) in zip(path, to_loop, strict=False) if a is b)
        found = path[shared][0] if shared < len(path) else None
        holder = path[shared - 1][0]
    if found is None or loop.key in {other.key for other in loops_in(found)} or isinstance(holder, LoopNode):
        raise edit.error(
            "TA256",
            f"needs a nest of its own that makes {name!r}, in a block with {loop.name!r} or a loop around it",
            hint="s.distribute sets the parts of a loop's body apart",
        )
    return found, name


def _path(state: State, loop: LoopNode) -> Path:
    path = path_to(state.tree, lambda node: isinstance(node, LoopNode) and node.key == loop.key)
    assert path is not None, loop.key
    return path


def _child_with(holder: Tree, names: set[str]) -> Tree | None:
    children = getattr(holder, "children", ())
    return next((child for child in children if names <= set(leaves(child))), None)
