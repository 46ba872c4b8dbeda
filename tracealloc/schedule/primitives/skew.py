"""``skew``: run a loop later in later iterations of another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from math import gcd

from tracealloc.poly.model.tree import LoopNode, loops_in, replace_loop, statements_of
from tracealloc.poly.model.tree import Sequence as Parts
from tracealloc.schedule.core.names import user_name
from tracealloc.schedule.core.primitive import Cure, Edit, Result, is_legal, primitive
from tracealloc.schedule.core.state import OpaqueLoop
from tracealloc.schedule.loops.cures import Skew, skewed
from tracealloc.schedule.primitives.distribute import cut_body
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary, Expr
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["retimed", "skew"]

_FARTHEST = 6  # from the asked factor


@primitive(loop="loop", by="loop")
def skew(edit: Edit, loop: LoopNode | OpaqueLoop, by: LoopNode | OpaqueLoop, factor: int = 1) -> Result:
    """Run `loop` at ``loop + factor * by``.

    Rewrite:
        for i in 0:M: for j in 0:N: body(i, j)   ->   for i in 0:M: for j in i:i+N: body(i, j - i)
    Legal when:
        `by` is around `loop` (the order stays), or inside it and no dependence is reversed.

    Raises:
        ScheduleError: the loops are not around one another, or `factor` is no whole number but 0.
        IllegalScheduleError: a dependence would be reversed.
    """
    loop, by = edit.affine(loop), edit.affine(by)
    if not isinstance(factor, int) or isinstance(factor, bool) or factor == 0:
        raise edit.error("TA250", f"needs a whole factor other than 0, not {factor!r}")
    inside = any(other.key == by.key for other in loops_in(loop.body))
    around = any(other.key == loop.key for other in loops_in(by.body))
    if not inside and not around:
        raise edit.error(
            "TA224",
            f"needs one loop around the other: {user_name(edit, by)!r} is neither around nor inside "
            f"{user_name(edit, loop)!r}",
            hint="s.loops() shows the nests",
        )
    if inside and statements_of(by) != statements_of(loop):
        raise edit.error(
            "TA251",
            f"needs {by.name!r} around every statement of {loop.name!r}",
            because=[f"some statements of {loop.name!r} are outside {by.name!r} and have no value of it"],
            hint=_apart(edit, loop, by),
        )

    values = dict(by.exprs)

    def moved(name: str, expr: Expr) -> Expr:
        return Binary("+", expr, Binary("*", constant(factor), values[name], index), index)

    tree = replace_loop(edit.state.tree, loop.key, lambda found: retimed(found, moved, factor * by.step))
    how = f"with {loop.name!r} at {loop.name} + {factor} * {by.name} the second of these would come first"
    return Result(edit.reordered(tree, how, _other_factors(edit, loop, by, factor)))


def _apart(edit: Edit, loop: LoopNode, by: LoopNode) -> str:
    """The cuts that give what is in `by` a loop of its own, where they are legal, or the other skew."""
    name, other = user_name(edit, loop), user_name(edit, by)
    parts = loop.body.children if isinstance(loop.body, Parts) else ()
    own = next((k for k, part in enumerate(parts) if statements_of(part) == statements_of(by)), None)
    if own is not None:
        cuts = [cut for cut in (own, own + 1) if 0 < cut < len(parts)]
        keys = [f"{loop.key}:{number}" for number in range(len(cuts) + 1)]
        if is_legal(edit.state, cut_body(edit, loop, cuts, keys)):
            at = "" if len(cuts) == len(parts) - 1 else f", at={cuts}"
            return f's.distribute("{name}"{at}) sets them apart'
    return f's.skew("{other}", by="{name}"), which keeps the order'


def _other_factors(edit: Edit, loop: LoopNode, by: LoopNode, factor: int) -> Iterator[Cure]:
    """Skews by another factor, the nearest first."""
    name, other = user_name(edit, loop), user_name(edit, by)
    for far in range(1, _FARTHEST + 1):
        for near in (factor - far, factor + far):
            tree = skewed(edit.state.tree, Skew(loop.key, by.key, near)) if near else None
            if tree is not None:
                size = "" if near == 1 else f", factor={near}"
                yield f's.skew("{name}", by="{other}"{size})', tree


def _plus(pair: tuple[str, Expr], values: Mapping[str, Expr], factor: int) -> tuple[str, Expr]:
    name, expr = pair
    whole = Binary("+", expr, Binary("*", constant(factor), values[name], index), index)
    return name, simplify(whole)


def retimed(loop: LoopNode, change: Callable[[str, Expr], Expr], lattice: int = 0) -> LoopNode:
    """`loop` with the values of its statements changed; `lattice` is what they now also differ by."""
    once = cache(simplify)  # the statements of a body mostly have the same
    exprs = tuple((name, once(change(name, expr))) for name, expr in loop.exprs)
    return replace(loop, exprs=exprs, step=gcd(loop.step, lattice))
