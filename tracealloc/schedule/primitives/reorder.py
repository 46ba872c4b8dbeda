"""``reorder``: permute loops of a nest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Sequence,
    Tree,
    loops_to,
    replace_loop,
    sequence,
)
from tracealloc.schedule.core.chains import chain_above
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Cure, Edit, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.loops.cures import skew_cures, transferred
from tracealloc.schedule.loops.sink import sunk
from tracealloc.trace.diagnostics.errors import IllegalScheduleError

__all__ = ["nests", "orders", "reorder", "reordered_chain"]


@primitive(loops="loop")
def reorder(edit: Edit, *loops: LoopNode | OpaqueLoop) -> Result:
    """Permute loops; the first is the outermost. Loops of the nest that are not named keep their place.

    Rewrite:
        for i: for j: body   ->   for j: for i: body
        for i: { first; for j: body }   ->   for i: first; for j: for i: body
            or, where that is not legal, for j: for i: { if j == 0: first; body }
    Legal when:
        no dependence is reversed (integer sums may be reordered, floating-point sums only after
        ``reassociate``).

    Raises:
        ScheduleError: the loops are not around one another.
        IllegalScheduleError: a dependence would be reversed.
    """
    if len(loops) < 2:
        raise edit.error("TA223", "needs at least two loops")
    chosen = [edit.affine(loop) for loop in loops]
    if len({loop.key for loop in chosen}) != len(chosen):
        raise edit.error("TA223", "names a loop twice", hint="give each loop once, the outermost first")
    return Result(reordered_chain(edit, chosen))


def reordered_chain(edit: Edit, order: list[LoopNode], cures: Iterable[Cure] | None = None) -> State:
    """The state with the given loops permuted into this order, proved.

    `cures` are what a refusal tells to try (None: skews of these loops).
    """
    chain, permuted = _permuted(edit, order)
    if not chain:
        return edit.state
    names = ", ".join(loop.name for loop in permuted)
    how = f"in the order ({names}) the second of these would come before the first"
    refusal: IllegalScheduleError | None = None
    for tree in orders(edit, order):
        try:
            if cures is None:
                cures = skew_cures(edit, chain, transferred(tree, chain))
            state = edit.reordered(tree, how, cures if refusal is None else ())
            return replace(state, serial=state.serial + 1)
        except IllegalScheduleError as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def orders(edit: Edit, order: list[LoopNode]) -> Iterator[Tree]:
    """The trees in which the given loops are permuted into this order, to be proved; the best first."""
    chain, permuted = _permuted(edit, order)
    if not chain:
        yield edit.state.tree
        return
    outer = chain_above(edit.state, chain[0].key)[:-1]
    for nest in _candidates(edit, outer, chain, permuted):
        yield replace_loop(edit.state.tree, chain[0].key, lambda _, nest=nest: nest)  # type: ignore[misc]


def _permuted(edit: Edit, order: list[LoopNode]) -> tuple[list[LoopNode], list[LoopNode]]:
    """The loops that change places, in their order and in the new one; none where nothing changes."""
    chain = _chain(edit, order)
    keys = {loop.key for loop in order}
    wanted = iter(order)
    permuted = [next(wanted) if loop.key in keys else loop for loop in chain]
    if [loop.key for loop in permuted] == [loop.key for loop in chain]:
        return [], []
    return _moved(chain, permuted)


def _moved(chain: list[LoopNode], permuted: list[LoopNode]) -> tuple[list[LoopNode], list[LoopNode]]:
    """The chain and its new order without the loops at both ends that stay."""
    first = next(k for k, (a, b) in enumerate(zip(chain, permuted, strict=True)) if a.key != b.key)
    last = next(k for k in reversed(range(len(chain))) if chain[k].key != permuted[k].key) + 1
    return chain[first:last], permuted[first:last]


def _candidates(
    edit: Edit, outer: tuple[LoopNode, ...], chain: list[LoopNode], permuted: list[LoopNode]
) -> Iterator[Tree]:
    """Orders to try: what is between the loops before or after the nest, or sunk into it."""
    yield from nests(edit, chain, permuted)
    before, after = _between(chain)
    model = edit.state.model
    for keep_before, keep_after in ((False, False), (True, False), (False, True)):
        if (keep_before and not before) or (keep_after and not after) or not (before or after):
            continue
        inside = ([] if keep_before else before, [] if keep_after else after)
        if not (inside[0] or inside[1]):
            continue
        nest = sunk(model, outer, chain, permuted, *inside)
        outside = [
            [_alone(edit, number, depth, part, chain) for number, (depth, part) in enumerate(parts, 1)]
            for parts in (before if keep_before else [], after if keep_after else [])
        ]
        yield sequence([*outside[0], nest, *outside[1]])


def _chain(edit: Edit, order: list[LoopNode]) -> list[LoopNode]:
    """The loops from the outermost to the innermost of those named, each inside the one before."""
    keys = {loop.key for loop in order}
    best: list[LoopNode] = []
    for loop in order:
        above = list(loops_to(edit.state.tree, loop.key))
        if len(above) > len(best):
            best = above
    first = next(k for k, loop in enumerate(best) if loop.key in keys)
    chain = best[first:]
    apart = [user_name(edit, loop) for loop in order if loop.key not in {other.key for other in chain}]
    if apart:
        inner = user_name(edit, chain[-1])
        raise edit.error(
            "TA224",
            f"needs loops that are around one another: {apart[0]!r} is not around {inner!r}",
            hint="s.merge(a, b) makes one nest of two; s.loops() shows the nests",
        )
    return chain


def nests(edit: Edit, chain: list[LoopNode], permuted: list[LoopNode]) -> list[Tree]:
    """Candidates for the permuted nest. Statements between the loops go before or after it."""
    before, after = _between(chain)
    inner = chain[-1]
    core = frozenset(name for name, _ in inner.exprs)
    nest: Tree = inner.body
    for loop in reversed(permuted):
        exprs = tuple(pair for pair in loop.exprs if pair[0] in core)
        nest = replace(loop, exprs=exprs, body=nest, band=None)
    assert isinstance(nest, LoopNode)
    nest = replace(nest, band=chain[0].band)
    apart = [
        _alone(edit, number, depth, part, chain) for number, (depth, part) in enumerate(before + after, 1)
    ]
    return [sequence([*apart[: len(before)], nest, *apart[len(before) :]])]


def _between(chain: list[LoopNode]) -> tuple[list[tuple[int, Tree]], list[tuple[int, Tree]]]:
    """What stands before and after the inner loop at each depth: (loops around it, subtree)."""
    before: list[tuple[int, Tree]] = []
    after: list[tuple[int, Tree]] = []
    for depth, loop in enumerate(chain[:-1]):
        body = loop.body
        if not isinstance(body, Sequence):
            continue
        inner = chain[depth + 1].key
        position = next(
            k for k, child in enumerate(body.children) if isinstance(child, LoopNode) and child.key == inner
        )
        before += [(depth + 1, child) for child in body.children[:position]]
        after[:0] = [(depth + 1, child) for child in body.children[position + 1 :]]
    return before, after


def _alone(edit: Edit, number: int, depth: int, part: Tree, chain: list[LoopNode]) -> Tree:
    """A part alone under copies of the loops that were around it, which are called ``i_1``, ``j_1``, ..."""
    names = _statements(part)
    nest = part
    for loop in reversed(chain[:depth]):
        exprs = tuple(pair for pair in loop.exprs if pair[0] in names)
        band = None if loop.band is None else f"{loop.band}_{number}"
        key = f"{loop.key}_{edit.state.serial}_{number}"
        nest = replace(
            loop, key=key, name=edit.fresh(f"{loop.name}_{number}"), exprs=exprs, body=nest, band=band
        )
    return nest


def _statements(tree: Tree) -> frozenset[str]:
    match tree:
        case Leaf(statement):
            return frozenset((statement,))
        case LoopNode(exprs=exprs):
            return frozenset(name for name, _ in exprs)
        case Sequence(children):
            return frozenset().union(*(_statements(child) for child in children))
