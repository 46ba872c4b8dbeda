"""``distribute``: a loop for each part of a loop's body (loop fission)."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.tree import LoopNode, Sequence, Tree, replace_loop, sequence, statements_of
from tracealloc.schedule.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.state import OpaqueLoop

__all__ = ["distribute"]


@primitive(loop="loop")
def distribute(edit: Edit, loop: LoopNode | OpaqueLoop) -> Result:
    """Give each part of the body of `loop` a loop of its own, ``i_1``, ``i_2``, ...

    Rewrite:
        for i: { a; b }   ->   for i_1: a; for i_2: b
        An array or scalar that lives in one iteration gets an element for each.
    Legal when:
        no dependence is reversed.

    Returns:
        The new loops, first to last.

    Raises:
        ScheduleError: the body has one part only.
        IllegalScheduleError: a dependence would be reversed.
    """
    loop = edit.affine(loop)
    if not isinstance(loop.body, Sequence):
        raise edit.error(
            "TA253",
            f"finds only one part in the body of {loop.name!r}",
            hint="choose a loop around two or more loops or statements",
        )
    parts = loop.body.children
    state, keys = edit.keys(len(parts))
    step = replace(edit, state=state)

    def apart(found: LoopNode) -> Tree:
        return sequence([_alone(edit, found, keys[n], n + 1, part) for n, part in enumerate(parts)])

    how = f"with a loop {loop.name!r} for each part the second of these would come first"
    after = step.reordered(replace_loop(state.tree, loop.key, apart), how)
    return Result(after, tuple(LoopRef(key) for key in keys))


def _alone(edit: Edit, loop: LoopNode, key: str, number: int, part: Tree) -> LoopNode:
    names = statements_of(part)
    exprs = tuple(pair for pair in loop.exprs if pair[0] in names)
    band = None if loop.band is None else edit.fresh_band(f"{loop.band}_{number}")
    name = edit.fresh(f"{loop.name}_{number}")
    return replace(loop, key=key, name=name, exprs=exprs, body=part, band=band)
