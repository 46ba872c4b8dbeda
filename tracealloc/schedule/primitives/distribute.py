"""``distribute``: a loop for each part of a loop's body (loop fission)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace

from tracealloc.poly.dependence.legality import violations
from tracealloc.poly.model.tree import LoopNode, Tree, leaves, loops_in, replace_loop, sequence, statements_of
from tracealloc.poly.model.tree import Sequence as Parts
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Cure, Edit, LoopRef, Result, ordered_dependences, primitive
from tracealloc.schedule.core.state import OpaqueLoop

__all__ = ["cut_body", "distribute"]


@primitive(loop="loop")
def distribute(edit: Edit, loop: LoopNode | OpaqueLoop, at: int | Sequence[int] | None = None) -> Result:
    """Give each part of the body of `loop` a loop of its own, ``i_1``, ``i_2``, ...

    `at` says before which parts to cut, counted from 0; the others stay together. None: before every part.

    Rewrite:
        for i: { a; b }   ->   for i_1: a; for i_2: b
        An array or scalar that lives in one iteration gets an element for each.
    Legal when:
        no dependence is reversed.

    Returns:
        The new loops, first to last.

    Raises:
        ScheduleError: the body has one part only, or no such part.
        IllegalScheduleError: a dependence would be reversed.
    """
    loop = edit.affine(loop)
    if not isinstance(loop.body, Parts):
        raise edit.error(
            "TA253",
            f"finds only one part in the body of {loop.name!r}",
            hint="choose a loop around two or more loops or statements",
        )
    cuts = _cuts(edit, loop, len(loop.body.children), at)
    state, keys = edit.keys(len(cuts) + 1)
    step = replace(edit, state=state)
    tree = cut_body(edit, loop, cuts, keys)
    how = f"with a loop {loop.name!r} for each part the second of these would come first"
    after = step.reordered(tree, how, _fewer(edit, loop, cuts))
    return Result(after, tuple(LoopRef(key) for key in keys))


def _cuts(edit: Edit, loop: LoopNode, parts: int, at: int | Sequence[int] | None) -> list[int]:
    """Before which parts of the body the loop ends and a new one begins, ascending."""
    if at is None:
        return list(range(1, parts))
    cuts: list[int] = [at] if isinstance(at, int) else list(at)
    for cut in cuts:
        if not isinstance(cut, int) or isinstance(cut, bool) or not 0 < cut < parts:
            raise edit.error(
                "TA253",
                f"cannot cut before part {cut!r} of {loop.name!r}, whose body has {parts} parts",
                because=["parts count from 0"],
                hint=f"a part from 1 to {parts - 1}",
            )
    if not cuts:
        raise edit.error("TA253", f"names no part of {loop.name!r} to cut before")
    return sorted(set(cuts))


def cut_body(edit: Edit, loop: LoopNode, cuts: Sequence[int], keys: Sequence[str]) -> Tree:
    """The state's tree with the body of a loop cut before some of its parts."""

    def apart(found: LoopNode) -> Tree:
        assert isinstance(found.body, Parts)
        children = found.body.children
        ends = zip([0, *cuts], [*cuts, len(children)], strict=True)
        pieces = [sequence(children[first:last]) for first, last in ends]
        return sequence([_alone(edit, found, keys[n], n + 1, piece) for n, piece in enumerate(pieces)])

    return replace_loop(edit.state.tree, loop.key, apart)


def _alone(edit: Edit, loop: LoopNode, key: str, number: int, part: Tree) -> LoopNode:
    names = statements_of(part)
    exprs = tuple(pair for pair in loop.exprs if pair[0] in names)
    band = None if loop.band is None else edit.fresh_band(f"{loop.band}_{number}")
    name = edit.fresh_in_band(f"{loop.name}_{number}", loop)
    return replace(loop, key=key, name=name, exprs=exprs, body=part, band=band)


def _fewer(edit: Edit, loop: LoopNode, cuts: Sequence[int]) -> Iterator[Cure]:
    """The cuts that reverse nothing: a dependence is reversed where any cut lies between its ends."""
    binding, _ = ordered_dependences(edit.state, statements_of(loop))
    keys = [f"{loop.key}:{number}" for number in range(len(cuts) + 1)]
    whole = cut_body(edit, loop, cuts, keys)
    numbers = {name: number for number, name in enumerate(leaves(whole))}
    parts = [part for part in loops_in(whole) if part.key in keys]
    first = [min(numbers[name] for name in statements_of(part)) for part in parts]
    free = set(range(1, len(parts)))
    for each in violations(edit.state.model, binding, whole):
        ends = (bisect_right(first, numbers[name]) - 1 for name in (each.sink, each.source))
        free -= set(range(*(end + 1 for end in ends)))
    legal = [cut for number, cut in enumerate(cuts, 1) if number in free]
    if legal:
        text = f's.distribute("{user_name(edit, loop)}", at={legal})'
        tree = cut_body(edit, loop, legal, keys[: len(legal) + 1])
        yield f"{text}: what depends on one another stays together", tree
