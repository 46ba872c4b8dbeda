"""Loops that Vitis HLS unrolls get constant bounds: it cannot unroll a loop whose trip count varies.

Inside a pipelined loop, ``for j in 0:i + 1: body`` becomes ``for j in 0:24: { if j < i + 1: body }``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tracealloc.trace.affine import constant, linear, range_of
from tracealloc.trace.expr import Compare, Expr, Iter, IterRef, Logical
from tracealloc.trace.program import Block, If, Loop, Node, Store, map_blocks

__all__ = ["with_constant_bounds"]

_MOST = 4096  # iterations; longer loops stay as they are, nobody means to unroll them

_Ranges = Mapping[Iter, tuple[int, int]]


def with_constant_bounds(block: Block) -> Block:
    """`block` with a guard in the place of variable bounds, in loops that are unrolled completely."""
    return _block(block, {}, False)


def _block(block: Block, ranges: _Ranges, inside: bool) -> Block:
    return tuple(_node(node, ranges, inside) for node in block)


def _node(node: Node, ranges: _Ranges, inside: bool) -> Node:
    if not isinstance(node, Loop):
        return map_blocks(node, lambda inner: _block(inner, ranges, inside))
    first, last = range_of(node.start, ranges), range_of(node.stop, ranges)
    if first is None or last is None:
        return replace(node, body=_block(node.body, ranges, inside))
    low, high = (first[0], last[1]) if node.step > 0 else (last[0] + 1, first[1] + 1)
    low, high = _in_arrays(node, low, high)
    within = {**ranges, node.iter: (low, high - 1)}
    body = _block(node.body, within, inside or node.marks.pipeline is not None)
    marks = node.marks
    side_by_side = marks.unroll is None and (marks.vectorize or marks.parallel)
    if not (inside or marks.unroll == 0 or side_by_side) or node.step != 1 or not 0 < high - low <= _MOST:
        return replace(node, body=body)
    here = IterRef(node.iter)
    guards: list[Expr] = []
    if _varies(node.start):
        guards.append(Compare(">=", here, node.start))
    if _varies(node.stop):
        guards.append(Compare("<", here, node.stop))
    if not guards:
        return replace(node, body=body)
    guard = guards[0] if len(guards) == 1 else Logical("and", tuple(guards))
    return replace(node, start=constant(low), stop=constant(high), body=(If(guard, body, ()),))


def _in_arrays(loop: Loop, low: int, high: int) -> tuple[int, int]:
    """The values for which what the body always stores is in its array: ranges of bounds are coarse."""
    for node in loop.body:
        if isinstance(node, Store):
            for subscript, extent in zip(node.indices, node.array.shape, strict=True):
                form = linear(subscript)
                if form is not None and form.terms == ((IterRef(loop.iter), 1),):
                    low, high = max(low, -form.constant), min(high, extent - form.constant)
    return low, high


def _varies(end: Expr) -> bool:
    form = linear(end)
    return form is None or bool(form.terms)
