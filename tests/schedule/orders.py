"""Random orders of the statements of a tree, right or wrong."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from tracealloc.poly.model.tree import LoopNode, Tree, loops_in, replace_loop, sequence
from tracealloc.poly.model.tree import Sequence as Parts
from tracealloc.schedule.loops.cures import Skew, skewed
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import Binary
from tracealloc.trace.queries.affine import constant


def other_order(rng: Random, tree: Tree) -> Tree:
    """Some order of the same statements: one loop turned, exchanged, cut up, skewed, or its body shuffled."""

    def turned(found: LoopNode) -> Tree:
        return replace(found, descending=not found.descending)

    def swapped(found: LoopNode) -> Tree:
        if not isinstance(found.body, LoopNode):
            return turned(found)
        inner = found.body
        return replace(inner, body=replace(found, body=inner.body, band=None), band=found.band)

    def shuffled(found: LoopNode) -> Tree:
        if not isinstance(found.body, Parts):
            return turned(found)
        parts = list(found.body.children)
        rng.shuffle(parts)
        return replace(found, body=sequence(parts))

    def tiled(found: LoopNode) -> Tree:
        size = constant(rng.randint(2, 3))
        outer = tuple((n, Binary("//", e, size, index)) for n, e in found.exprs)
        return replace(found, key=f"{found.key}o", exprs=outer, body=replace(found, band=None))

    def skew(found: LoopNode) -> Tree:
        inner = list(loops_in(found.body))
        if not inner:
            return turned(found)
        made = skewed(found, Skew(rng.choice(inner).key, found.key, rng.choice([1, -1, 2])))
        return made or turned(found)

    loop = rng.choice(list(loops_in(tree)))
    return replace_loop(tree, loop.key, rng.choice([turned, swapped, shuffled, tiled, skew]))
