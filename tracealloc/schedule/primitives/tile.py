"""``tile``: split several loops and move the outer ones outside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from tracealloc.poly.model.tree import LoopNode, Tree
from tracealloc.schedule.core.chains import chain_above, find
from tracealloc.schedule.core.primitive import Cure, Edit, LoopRef, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.loops.cures import choices, skew_text, skewed, skews_for
from tracealloc.schedule.primitives.reorder import orders, reordered_chain
from tracealloc.schedule.primitives.split import split_loop

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
    if not loops:
        raise edit.error("TA222", "needs at least one loop")
    sizes = [factors] * len(loops) if isinstance(factors, int) else list(factors)
    if len(sizes) != len(loops):
        raise edit.error(
            "TA222",
            f"got {len(loops)} loops but {len(sizes)} factors",
            hint="a factor for each loop, or one number for all",
        )
    if any(type(size) is not int or size < 1 for size in sizes):
        raise edit.error("TA221", f"needs factors of at least 1, not {sizes!r}")
    chosen = [edit.affine(loop) for loop in loops]
    if len({loop.key for loop in chosen}) != len(chosen):
        raise edit.error("TA223", "names a loop twice")
    keys = [loop.key for loop in chosen]
    step, order = _split(edit, keys, sizes)
    state = reordered_chain(step, order, _cures(edit, chosen, sizes))
    return Result(state, tuple(LoopRef(loop.key) for loop in order))


def _split(edit: Edit, keys: Sequence[str], sizes: Sequence[int]) -> tuple[Edit, list[LoopNode]]:
    """The edit with each loop split, and the new loops as they are to be ordered."""
    outers: list[str] = []
    inners: list[str] = []
    step = edit
    for key, size in zip(keys, sizes, strict=True):
        state, outer, inner = split_loop(step, find(step.state, key), size)
        step = replace(step, state=state)
        outers.append(outer)
        inners.append(inner)
    return step, [find(step.state, key) for key in (*outers, *inners)]


def _cures(edit: Edit, loops: Sequence[LoopNode], sizes: Sequence[int]) -> Iterator[Cure]:
    """Skews before the tiling, the least first, and the orders that it would then lead to."""
    depth = {loop.key: len(chain_above(edit.state, loop.key)) for loop in loops}
    chain = sorted(loops, key=lambda loop: depth[loop.key])
    for choice in choices(skews_for(edit.state, chain)):
        tree: Tree | None = edit.state.tree
        for skew in choice:
            tree = skewed(tree, skew) if tree is not None else None
        if tree is None:
            continue
        before = replace(edit, state=edit.state.with_tree(tree))
        step, order = _split(before, [loop.key for loop in loops], sizes)
        for tiled in islice(orders(step, order), 3):
            yield f"{skew_text(edit, choice)} first", tiled
