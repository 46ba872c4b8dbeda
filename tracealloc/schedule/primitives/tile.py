"""``tile``: split several loops and move the outer ones outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tracealloc.poly.tree import LoopNode
from tracealloc.schedule.loops import find
from tracealloc.schedule.primitive import Edit, LoopRef, Result, primitive
from tracealloc.schedule.primitives.reorder import reordered_chain
from tracealloc.schedule.primitives.split import split_loop
from tracealloc.schedule.state import OpaqueLoop

__all__ = ["tile"]


@primitive(loops="loop")
def tile(edit: Edit, loops: Sequence[LoopNode | OpaqueLoop], factors: Sequence[int] | int) -> Result:
    """Split each loop by its factor and run all outer loops outside all inner ones.

    Rewrite:
        for i: for j: body   ->   for i.outer: for j.outer: for i.inner: for j.inner: body
    Legal when:
        no dependence is reversed.

    Returns:
        The outer loops, then the inner loops.

    Raises:
        ScheduleError: numbers of loops and factors differ, or a factor is < 1.
        IllegalScheduleError: a dependence would be reversed.
    """
    sizes = [factors] * len(loops) if isinstance(factors, int) else list(factors)
    if len(sizes) != len(loops):
        raise edit.error("TA222", f"got {len(loops)} loops but {len(sizes)} factors")
    if any(type(size) is not int or size < 1 for size in sizes):
        raise edit.error("TA221", f"needs factors of at least 1, not {sizes!r}")
    chosen = [edit.affine(loop) for loop in loops]
    if len({loop.key for loop in chosen}) != len(chosen):
        raise edit.error("TA223", "names a loop twice")
    outers: list[str] = []
    inners: list[str] = []
    step = edit
    for loop, size in zip(chosen, sizes, strict=True):
        state, outer, inner = split_loop(step, loop, size)
        step = replace(step, state=state)
        outers.append(outer)
        inners.append(inner)
    order = [find(step.state, key) for key in (*outers, *inners)]
    state = reordered_chain(step, order)
    return Result(state, tuple(LoopRef(key) for key in (*outers, *inners)))
