"""Statements between the loops of a nest, sunk into its innermost loop."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.affine_bounds import lower_bounds
from tracealloc.poly.isl.named import with_tuple
from tracealloc.poly.model.model import Model
from tracealloc.poly.model.tree import LoopNode, Tree, sequence, statements_of, upwards
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Expr, Iter, Unary, substitute
from tracealloc.trace.queries.affine import constant, simplify

__all__ = ["Part", "sunk"]

Part = tuple[int, Tree]
"""A subtree between the loops of a chain, and how many loops of the chain are around it."""


def sunk(
    model: Model,
    outer: tuple[LoopNode, ...],
    chain: list[LoopNode],
    permuted: list[LoopNode],
    before: list[Part],
    after: list[Part],
) -> LoopNode:
    """The permuted nest with parts in its innermost loop.

    A part that came before a loop runs in that loop's first iteration, one that came after it in its
    last. `outer` are the loops around the chain.
    """
    core = frozenset(name for name, _ in chain[-1].exprs)
    more: dict[str, dict[str, Expr]] = {loop.key: {} for loop in chain}
    for parts, last in ((before, False), (after, True)):
        for depth, part in parts:
            around = (*outer, *chain[:depth])
            for loop in chain[:depth]:
                more[loop.key] |= {name: loop.expr(name) for name in statements_of(part)}
            for loop in chain[depth:]:
                its = tuple(Iter(f"sink:{other.key}", other.name) for other in around)
                edge = _edge(model, around, its, loop, core, last)
                for name in statements_of(part):
                    values = {it: other.expr(name) for it, other in zip(its, around, strict=True)}
                    more[loop.key][name] = simplify(substitute(edge, values))
    nest: Tree = sequence([*(part for _, part in before), chain[-1].body, *(part for _, part in after)])
    for loop in reversed(permuted):
        own = tuple(pair for pair in loop.exprs if pair[0] in core)
        nest = replace(loop, exprs=(*own, *more[loop.key].items()), body=nest, band=None)
    assert isinstance(nest, LoopNode)
    return replace(nest, band=chain[0].band)


def _edge(
    model: Model,
    around: tuple[LoopNode, ...],
    its: tuple[Iter, ...],
    loop: LoopNode,
    core: frozenset[str],
    last: bool,
) -> Expr:
    """The first (or last) value that a loop takes for the core, as a function of the loops around it."""
    downwards = loop.descending != last  # whether the greatest value is wanted
    plain = upwards(around)
    whole = None
    for name in sorted(core):
        statement = model.statement(name)
        times = with_tuple(time_map(statement, plain).intersect_domain(statement.domain), "P")
        values = time_map(statement, (replace(loop, descending=downwards),))
        part = times.reverse().apply_range(values)
        whole = part if whole is None else whole.union(part)
    assert whole is not None, "a loop has statements"
    if whole.is_empty():
        return constant(0)
    least = lower_bounds(whole, 0, its, model.parameters)[0]
    return simplify(Unary("-", least, index)) if downwards else least
