"""Tiles that the end of an array may cut: the whole tile as a nest of its own, with constant trip counts.

``for j in 0:min(16, 1000 - 16 * t)`` runs 16 times in all tiles but the last. A compiler keeps a tile in
vector registers only where its trip counts are constants, so C asks once which tile it is:

    if t <= 61: for j in 0:16: ...   else: for j in 0:min(16, 1000 - 16 * t): ...
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from tracealloc.trace.ir.expr import Binary, Compare, Expr, iters_of
from tracealloc.trace.ir.program import Alloc, Block, Call, Loop, Node, Store, While, map_blocks, walk_nodes
from tracealloc.trace.queries.affine import Linear, constant, expression, linear, simplify

__all__ = ["whole_tile"]

_MOST_TRIPS = 64  # of a longer loop the compiler needs no constant count
_MOST_STATEMENTS = 16  # a nest of more is not written twice

_OTHER = {"min": "max", "max": "min"}


def whole_tile(nest: Loop) -> tuple[frozenset[Compare], Loop] | None:
    """The conditions under which the tile of a nest is whole, and the nest of a whole one.

    None where the nest has no cut tile, or where a loop inside it decides which.
    """
    inner = list(walk_nodes((nest,)))
    stores = sum(isinstance(node, Store) for node in inner)
    if stores > _MOST_STATEMENTS or any(isinstance(node, Call | While) or _array(node) for node in inner):
        return None
    bound = {node.iter for node in inner if isinstance(node, Loop)}
    found = {condition for node in inner if isinstance(node, Loop) for condition in _whole(node)[1]}
    if not found or any(iters_of(condition) & bound for condition in found):
        return None
    whole = _rewritten(nest)
    assert isinstance(whole, Loop)
    return frozenset(found), whole


def _array(node: Node) -> bool:
    return isinstance(node, Alloc) and node.array.rank > 0


def _rewritten(node: Node) -> Node:
    if isinstance(node, Loop):
        node = _whole(node)[0]
    return map_blocks(node, _rewritten_block)


def _rewritten_block(block: Block) -> Block:
    return tuple(_rewritten(node) for node in block)


def _whole(loop: Loop) -> tuple[Loop, list[Compare]]:
    """A loop with a constant trip count in the place of cut bounds, and when that is the same."""
    up = loop.step > 0
    starts = list(_operands(loop.start, "max" if up else "min"))
    stops = list(_operands(loop.stop, "min" if up else "max"))
    if len(starts) * len(stops) <= 1:
        return loop, []
    best: tuple[int, Linear, Linear] | None = None
    for start in starts:
        for stop in stops:
            span = stop.plus(start, -1).times(1 if up else -1)
            if span.terms or span.constant <= 0 or -(-span.constant // abs(loop.step)) > _MOST_TRIPS:
                continue
            if best is None or span.constant < best[0]:
                best = span.constant, start, stop
    if best is None:
        return loop, []
    _, start, stop = best
    sign = 1 if up else -1
    conditions = [_at_most(other, start, sign) for other in starts if other != start]
    conditions += [_at_most(stop, other, sign) for other in stops if other != stop]
    return replace(loop, start=expression(start), stop=expression(stop)), conditions


def _at_most(small: Linear, large: Linear, sign: int) -> Compare:
    """``small <= large`` (`sign` 1) or ``small >= large`` (-1), without a common factor.

    Not for looks: gcc 12 makes no vectors of a loop after ``64 * i <= 1234``, but does after ``i <= 19``.
    """
    form = small.plus(large, -1).times(sign)
    factor = math.gcd(*(coefficient for _, coefficient in form.terms)) or 1
    terms = tuple((atom, coefficient // factor) for atom, coefficient in form.terms)
    found = simplify(Compare("<=", expression(Linear(terms, -(-form.constant // factor))), constant(0)))
    assert isinstance(found, Compare)
    return found


def _operands(expr: Expr, op: str) -> Iterator[Linear]:
    """The forms whose least (`op` is ``min``) or greatest a bound is; nothing where it is not affine."""
    form = linear(expr)
    if form is None:
        return
    for atom, factor in form.terms:
        if isinstance(atom, Binary) and (atom.op, factor) in ((op, 1), (_OTHER[op], -1)):
            rest = form.plus(Linear(((atom, factor),), 0), -1)
            for part in (atom.left, atom.right):
                inner = linear(part)
                assert inner is not None
                yield from _operands(expression(rest.plus(inner, factor)), op)
            return
    yield form
