"""Loops that Vitis HLS unrolls get constant bounds: it cannot unroll a loop whose trip count varies.

Inside a pipelined loop, ``for j in 0:i + 1: body`` becomes ``for j in 0:24: { if j < i + 1: body }``. Where
no constant bound is known, because the trip count depends on data, Vitis cannot pipeline the outer loop:
its mark goes, and the inner loops are what they were.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tracealloc.schedule.core.chains import MOST_UNROLLED
from tracealloc.trace.ir.affine import constant, expression, linear, range_of, simplify
from tracealloc.trace.ir.dtype import as_integer, index
from tracealloc.trace.ir.expr import Binary, Compare, Expr, Iter, IterRef, Logical, loads_of, substitute
from tracealloc.trace.ir.intervals import Range, ZeroDivisorRanges, type_range
from tracealloc.trace.ir.program import (
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Program,
    Region,
    Store,
    While,
    blocks_of,
    map_blocks,
    walk_nodes,
)
from tracealloc.trace.ir.summary import summary_of

__all__ = ["Unrolled", "Usage", "usage_of"]


@dataclass
class Usage:
    """How a program is used by those that call it.

    Attributes:
        values: the range of each integer scalar argument, over all calls.
        inside: whether a pipelined loop calls the program.
    """

    values: dict[Array, Range] = field(default_factory=dict)
    inside: bool = False


def usage_of(program: Program) -> dict[int, Usage]:
    """The usage of a program and of all that it calls, by identity."""
    found = {id(item): Usage() for item in (program, *program.callees())}
    for item in (program, *reversed(program.callees())):
        ranges = ZeroDivisorRanges()
        ranges.of_value.update(found[id(item)].values)
        _visit(item.body, ranges, found[id(item)].inside, found)
        for callee in item.callees():
            written = summary_of(callee).writes
            usage = found[id(callee)]
            usage.values = {array: usage.values[array] for array in usage.values if array not in written}
    return found


def _visit(block: Block, ranges: ZeroDivisorRanges, inside: bool, found: dict[int, Usage]) -> None:
    for node in block:
        within = inside
        if isinstance(node, Loop):
            ranges.enter(node)
            within = inside or node.marks.pipeline is not None
        if isinstance(node, Call):
            usage = found[id(node.program)]
            if inside:
                usage.inside = True
            for formal, actual in zip(node.program.args, node.args, strict=True):
                if formal.rank == 0 and as_integer(formal.dtype) is not None:
                    limits = type_range(formal.dtype)
                    given = limits if isinstance(actual, Region) else ranges.of(actual)
                    given = given if limits[0] <= given[0] and given[1] <= limits[1] else limits
                    known = usage.values.get(formal, given)
                    usage.values[formal] = (min(known[0], given[0]), max(known[1], given[1]))
        for inner in blocks_of(node):
            _visit(inner, ranges, within, found)


class Unrolled:
    """The body of a function as HLS is to see it.

    Attributes:
        block: the body.
        rolled: pipelined loops that Vitis cannot pipeline, with the name of the loop that stands in the way.
    """

    def __init__(self, program: Program, values: Mapping[Array, Range], inside: bool) -> None:
        self.rolled: dict[Iter, str] = {}
        self._values = ZeroDivisorRanges()
        self._values.of_value.update(values)
        self._known = frozenset(values)
        self.block = self._block(program.body, {}, inside, False)

    def _block(self, block: Block, ranges: Mapping[Iter, Range], inside: bool, strip: bool) -> Block:
        return tuple(self._node(node, ranges, inside, strip) for node in block)

    def _node(self, node: Node, ranges: Mapping[Iter, Range], inside: bool, strip: bool) -> Node:
        """`inside`: HLS unrolls loops here; `strip`: a pipelined loop of this function is around."""
        if not isinstance(node, Loop):
            return map_blocks(node, lambda inner: self._block(inner, ranges, inside, strip))
        if strip:  # what is unrolled as a whole is neither pipelined nor unrolled in part
            rest = None if node.marks.unroll else node.marks.unroll
            node = replace(node, marks=replace(node.marks, pipeline=None, rewind=False, unroll=rest))
        ends = self._ends(node, ranges)
        if ends is not None:
            ranges = {**ranges, node.iter: (ends[0], ends[1] - 1)}
        pipelined = node.marks.pipeline is not None
        body = self._block(node.body, ranges, inside or pipelined, strip or pipelined)
        blocker = _blocker(body) if pipelined and not inside else None
        if blocker is not None:
            self.rolled[node.iter] = blocker
            node = replace(node, marks=replace(node.marks, pipeline=None, rewind=False))
            body = self._block(node.body, ranges, False, False)
        marks = node.marks
        side_by_side = marks.unroll is None and (marks.vectorize or marks.parallel)
        wanted = inside or marks.unroll == 0 or side_by_side
        if ends is None or not wanted:
            return replace(node, body=body)
        trips = self._trips(node, ranges, ends)
        return (
            replace(node, body=body)
            if trips > MOST_UNROLLED
            else _constant_bounds(replace(node, body=body), *ends, trips)
        )

    def _ends(self, loop: Loop, ranges: Mapping[Iter, Range]) -> Range | None:
        """The least value of an iterator and one past the greatest, or None."""
        first, last = self._range(loop.start, ranges), self._range(loop.stop, ranges)
        if first is None or last is None:
            return None
        low, high = (first[0], last[1]) if loop.step > 0 else (last[0] + 1, first[1] + 1)
        low, high = _in_arrays(loop, low, high)
        return low, max(low, high)

    def _trips(self, loop: Loop, ranges: Mapping[Iter, Range], ends: Range) -> int:
        """How often a loop runs at most: from bounds that move together less often than `ends` are apart."""
        far = [ends[1] - ends[0]]
        low, high = (loop.start, loop.stop) if loop.step > 0 else (loop.stop, loop.start)
        for first in _parts(low, "max"):
            for last in _parts(high, "min"):
                reach = self._range(Binary("-", last, first, index), ranges)
                far += [] if reach is None else [max(0, reach[1])]
        return -(-min(far) // abs(loop.step))

    def _range(self, end: Expr, ranges: Mapping[Iter, Range]) -> Range | None:
        found = range_of(end, ranges)
        if found is not None or not all(load.array in self._known for load in loads_of(end)):
            return found
        self._values.of_iter.update(ranges)
        return self._values.of(end)


def _blocker(body: Block) -> str | None:
    """The loop in a pipelined loop that cannot be unrolled, by its name."""
    for node in walk_nodes(body):
        if isinstance(node, Call):
            found = _blocker_of(node.program)
            if found is not None:
                return found
        if isinstance(node, While):
            return node.iter.name
        if isinstance(node, Loop) and (_varies(node.start) or _varies(node.stop)):
            return node.iter.name
    return None


def _blocker_of(callee: Program) -> str | None:
    """The same of a program that is called in a pipelined loop: its bounds may use its arguments."""
    for item in (callee, *callee.callees()):
        for node in walk_nodes(item.body):
            if isinstance(node, While):
                return f"{item.name}: {node.iter.name}"
            if isinstance(node, Loop):
                loads = (*loads_of(node.start), *loads_of(node.stop))
                if any(load.array not in item.args or load.array.rank for load in loads):
                    return f"{item.name}: {node.iter.name}"
    return None


def _constant_bounds(loop: Loop, low: int, high: int, trips: int) -> Node:
    """The loop from `low` to before `high`, with a guard in the place of bounds that vary.

    Where it runs at most `trips` times, fewer than lie between these, its iterations are counted instead.
    """
    if _varies(loop.start) and (abs(loop.step) != 1 or trips < high - low):
        return _counted(loop, trips)
    here = IterRef(loop.iter)
    ahead, before = (">=", "<") if loop.step > 0 else ("<=", ">")
    guards: list[Expr] = []
    if _varies(loop.start):
        guards.append(Compare(ahead, here, loop.start))
    if _varies(loop.stop):
        guards.append(Compare(before, here, loop.stop))
    if not guards:
        return loop
    first, last = (low, high) if loop.step > 0 else (high - 1, low - 1)
    start = constant(first) if _varies(loop.start) else loop.start
    stop = constant(last) if _varies(loop.stop) else loop.stop
    return replace(loop, start=start, stop=stop, body=_guarded(guards, loop.body))


def _counted(loop: Loop, trips: int) -> Node:
    """The loop over its iterations, counted from 0; a guard where it may run less often."""
    count = replace(loop.iter, key=f"{loop.iter.key} count")
    step = Binary("*", constant(loop.step), IterRef(count), index)
    value = simplify(Binary("+", loop.start, step, index))
    body = tuple(_substituted(node, {loop.iter: value}) for node in loop.body)
    last = simplify(Binary("+", loop.start, constant(loop.step * (trips - 1)), index))
    guards: list[Expr] = []
    sign, op = ("<", "min") if loop.step > 0 else (">", "max")
    for part in _parts(loop.stop, op):
        left = linear(Binary("-", part, last, index))
        if left is None or left.terms or left.constant * loop.step <= 0:
            guards.append(Compare(sign, value, part))
    return replace(
        loop, iter=count, start=constant(0), stop=constant(trips), step=1, body=_guarded(guards, body)
    )


def _guarded(guards: list[Expr], body: Block) -> Block:
    if not guards:
        return body
    return (If(guards[0] if len(guards) == 1 else Logical("and", tuple(guards)), body, ()),)


def _substituted(node: Node, values: dict[Iter, Expr]) -> Node:
    from tracealloc.trace.ir.rewrite import map_expressions

    def change(expr: Expr) -> Expr:
        found = substitute(expr, values)
        form = linear(found) if found is not expr else None
        return expression(form) if form is not None else found

    return map_expressions(node, change)


def _in_arrays(loop: Loop, low: int, high: int) -> Range:
    """The values for which what the body always stores is in its array: ranges of bounds are coarse."""
    for node in loop.body:
        if isinstance(node, Store):
            for subscript, extent in zip(node.indices, node.array.shape, strict=True):
                form = linear(subscript)
                if form is not None and form.terms == ((IterRef(loop.iter), 1),):
                    low, high = max(low, -form.constant), min(high, extent - form.constant)
    return low, high


def _parts(end: Expr, op: str) -> list[Expr]:
    """The operands of a minimum or maximum, or the expression itself."""
    if isinstance(end, Binary) and end.op == op:
        return [*_parts(end.left, op), *_parts(end.right, op)]
    return [end]


def _varies(end: Expr) -> bool:
    form = linear(end)
    return form is None or bool(form.terms)
