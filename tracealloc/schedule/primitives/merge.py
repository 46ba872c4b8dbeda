"""``merge``: one loop for two neighbouring loops (loop fusion)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import gcd
from typing import assert_never

from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Sequence,
    Tree,
    loops_in,
    map_loops,
    path_to_loop,
    replace_loop,
    sequence,
)
from tracealloc.schedule.core.chains import counter, lattice_step, loop_values
from tracealloc.schedule.core.marks import lost
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Cure, Edit, LoopRef, Result, primitive
from tracealloc.schedule.core.state import OpaqueLoop, State
from tracealloc.schedule.loops.cures import least_shifts
from tracealloc.trace.diagnostics.errors import IllegalScheduleError
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["merge"]

_MOST_BETWEEN = 5  # so many parts between the loops are tried one by one, more only as a whole


@primitive(loop="loop", with_loop="loop")
def merge(edit: Edit, loop: LoopNode | OpaqueLoop, with_loop: LoopNode | OpaqueLoop) -> Result:
    """Run the bodies of two neighbouring loops in one loop, which keeps the name of `loop`.

    Rewrite:
        for i in 0:M: a; for j in 0:N: b(j)   ->   for i in 0:max(M, N): { if i < M: a; if i < N: b(i) }
        What stands between the loops goes before or after, where it may. `shift` lines the loops up.
        Where one of them runs downwards and the other does not, they meet in the order in which they run:
        the first iterations of both, then the second ones.
    Legal when:
        no dependence is reversed.

    Returns:
        The merged loop.

    Raises:
        ScheduleError: the loops are not neighbours.
        IllegalScheduleError: a dependence would be reversed.
    """
    loop, with_loop = edit.affine(loop), edit.affine(with_loop)
    if loop.key == with_loop.key:
        raise edit.error("TA223", "names a loop twice")
    parent, here, there = _positions(edit, loop, with_loop)
    first, second = sorted((here, there))
    between = parent.children[first + 1 : second]
    is_mirrored = loop.descending != with_loop.descending
    if is_mirrored:
        with_loop = _in_time(edit.state, loop, with_loop)
    merged = _merged(edit, loop, with_loop, here < there)
    how = f"in one loop {loop.name!r} the second of these would come first"
    refusal: IllegalScheduleError | None = None
    first_loop, second_loop = (loop, with_loop) if here < there else (with_loop, loop)
    for sides in _sides(len(between)):
        before = [part for part, side in zip(between, sides, strict=True) if side]
        after = [part for part, side in zip(between, sides, strict=True) if not side]
        around = (*parent.children[:first], *before, merged, *after, *parent.children[second + 1 :])
        try:
            tree = _replaced(edit.state, parent, sequence(around))
            cures = () if is_mirrored else _shifts(edit, loop, first_loop, second_loop, tree)
            done = edit.reordered(tree, how, cures)
            return Result(done, (LoopRef(loop.key),), lost([with_loop], merged.marks))
        except IllegalScheduleError as error:
            refusal = refusal or error
    assert refusal is not None
    raise refusal


def _in_time(state: State, loop: LoopNode, other: LoopNode) -> LoopNode:
    """`other` with the values that `loop` has at the same time, counted from where each begins."""
    loop, other = (replace(each, step=lattice_step(state.model, each)) for each in (loop, other))
    low, high = loop_values(state.model, loop) or (0, 0)
    ends = loop_values(state.model, other) or (0, 0)
    start, stride = (high, -loop.step) if loop.descending else (low, loop.step)

    def value(expr: Expr) -> Expr:
        moved = Binary("*", constant(stride), counter(other, expr, ends), index)
        return simplify(Binary("+", constant(start), moved, index))

    exprs = tuple((name, value(expr)) for name, expr in other.exprs)
    return replace(other, exprs=exprs, step=loop.step, descending=loop.descending)


def _shifts(edit: Edit, merged: LoopNode, first: LoopNode, second: LoopNode, tree: Tree) -> Iterator[Cure]:
    """Shifts of the second loop that might let its iterations come late enough."""
    late = frozenset(name for name, _ in second.exprs)
    last = (loop_values(edit.state.model, first) or (0, 0))[1]
    start = (loop_values(edit.state.model, second) or (0, 0))[0]
    for by in least_shifts(edit.state, tree, merged.key, late):
        if start + by >= last:
            continue  # one loop would run after the other

        def moved(found: LoopNode, by: int = by) -> LoopNode:
            pairs = ((n, Binary("+", e, constant(by), index) if n in late else e) for n, e in found.exprs)
            return replace(found, exprs=tuple((name, simplify(expr)) for name, expr in pairs))

        name = user_name(edit, second)
        yield f's.shift("{name}", {by}) first', replace_loop(tree, merged.key, moved)


def _sides(count: int) -> Iterator[tuple[bool, ...]]:
    """Ways to send the parts between two loops before (True) or after the merged loop."""
    if count > _MOST_BETWEEN:
        return iter([(True,) * count, (False,) * count])
    return iter(sorted(product((True, False), repeat=count), key=lambda sides: -sum(sides)))


def _positions(edit: Edit, loop: LoopNode, other: LoopNode) -> tuple[Sequence, int, int]:
    """The sequence that both loops are in, and their positions there."""
    paths = [path_to_loop(edit.state.tree, key) for key in (loop.key, other.key)]
    parents = [path[-2] if len(path) > 1 else None for path in paths]
    (mine, theirs) = parents
    if (
        mine is None
        or theirs is None
        or mine[0] is not theirs[0]
        or len(paths[0]) != len(paths[1])
        or not isinstance(mine[0], Sequence)
    ):
        raise edit.error(
            "TA254",
            f"needs neighbouring loops: {user_name(edit, loop)!r} and {user_name(edit, other)!r} "
            "are not in the same block",
            hint="merge the loops around them first; s.loops() shows the nests",
        )
    return mine[0], mine[1], theirs[1]


def _merged(edit: Edit, loop: LoopNode, other: LoopNode, in_order: bool) -> LoopNode:
    names = {loop.name, *(inner.name for inner in loops_in(loop.body))}
    taken = set(names)

    def renamed(inner: LoopNode) -> Tree:
        """Two loops of one nest need two names."""
        name = edit.fresh(inner.name, taken) if inner.name in names else inner.name
        taken.add(name)
        return replace(inner, name=name)

    body = map_loops(other.body, renamed)
    parts = [loop.body, body] if in_order else [body, loop.body]
    return replace(
        loop,
        exprs=(*loop.exprs, *other.exprs),
        body=sequence(parts),
        step=gcd(loop.step, other.step),
        reduction=loop.reduction and other.reduction,
    )


def _replaced(state: State, old: Tree, new: Tree) -> Tree:
    """The state's tree with one node, found by identity, replaced."""

    def visit(tree: Tree) -> Tree:
        if tree is old:
            return new
        match tree:
            case LoopNode(body=body):
                return replace(tree, body=visit(body))
            case Sequence(children):
                return sequence([visit(child) for child in children])
            case Leaf():
                return tree
            case _:
                assert_never(tree)

    return visit(state.tree)
