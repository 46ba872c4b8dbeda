"""Loops that Vitis HLS unrolls get constant bounds: it cannot unroll a loop whose trip count varies.

Inside a pipelined loop, ``for j in 0:i + 1: body`` becomes ``for j in 0:24: { if j < i + 1: body }``. Where
no constant bound is known, because the trip count depends on data, Vitis cannot pipeline the outer loop:
its mark goes, and the inner loops are what they were. So with what it calls: a callee's loops are unrolled
where a loop that is pipelined in the end calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tracealloc.schedule.hls.pipelined import stays_rolled
from tracealloc.trace.ir.dtype import as_integer, index
from tracealloc.trace.ir.expr import Binary, Compare, Expr, Iter, IterRef, Logical, loads_of, substitute
from tracealloc.trace.ir.hardware import Hardware
from tracealloc.trace.ir.interval_rules import Range
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
from tracealloc.trace.queries.affine import constant, expression, linear, range_of, simplify
from tracealloc.trace.queries.intervals import Ranges, ZeroDivisorRanges, span, type_range, values_between
from tracealloc.trace.queries.summary import summary_of

__all__ = ["Unrolled", "unrolled"]


@dataclass(frozen=True, slots=True)
class Unrolled:
    """A function as HLS is to see it.

    Attributes:
        program: the function before.
        body: its body now; calls still go to the functions before.
        inside: whether a pipelined loop calls it, so that HLS unrolls all its loops.
        values: the range of each integer scalar argument, over all calls.
        rolled: pipelined loops that Vitis cannot pipeline, with what stands in the way.
        origins: iterators that count from 0 now, and which they were.
    """

    program: Program
    body: Block
    inside: bool
    values: Mapping[Array, Range]
    rolled: Mapping[Iter, str]
    origins: Mapping[Iter, Iter]


def unrolled(program: Program, hardware: Hardware) -> tuple[Unrolled, ...]:
    """A program and all that it calls, callees first."""
    order = (*program.callees(), program)
    values = _values(order)
    reached = set[int]().union(*(_called_inside(each.body, False) for each in order))
    # What cannot be unrolled in a callee keeps a loop around its call from being pipelined.
    stuck: dict[int, str | None] = {}
    for each in order[:-1]:
        if id(each) in reached:
            found = _Unroller(hardware, values[id(each)], stuck)
            stuck[id(each)] = found.blocker(found.block(each.body, {}, True, False), each.name)
    done: dict[int, Unrolled] = {}
    inside: set[int] = set()
    for each in reversed(order):
        own = _Unroller(hardware, values[id(each)], stuck)
        body = own.block(each.body, {}, id(each) in inside, False)
        known = values[id(each)]
        done[id(each)] = Unrolled(each, body, id(each) in inside, known, own.rolled, own.origins)
        inside |= _called_inside(body, id(each) in inside)
    return tuple(done[id(each)] for each in order)


def _called_inside(block: Block, inside: bool) -> set[int]:
    """The programs that pipelined loops of a block call, and those that these call; `inside`: of one."""
    found: set[int] = set()
    for node in block:
        if isinstance(node, Call) and inside:
            found.update(id(each) for each in (node.program, *node.program.callees()))
        pipelined = isinstance(node, Loop | While) and node.marks.pipeline is not None
        for inner in blocks_of(node):
            found |= _called_inside(inner, inside or pipelined)
    return found


def _values(order: tuple[Program, ...]) -> dict[int, dict[Array, Range]]:
    """The ranges of the scalar arguments of programs, callees first, over all calls of each."""
    found: dict[int, dict[Array, Range]] = {id(each): {} for each in order}
    for each in reversed(order):
        own = found[id(each)]
        for array in summary_of(each).writes & own.keys():
            del own[array]
        ranges = ZeroDivisorRanges()
        ranges.of_value.update(own)
        _passed(each.body, ranges, found)
    return found


def _passed(block: Block, ranges: Ranges, found: dict[int, dict[Array, Range]]) -> None:
    """Widen the ranges of what the calls in a block pass on."""
    for node in block:
        if isinstance(node, Loop):
            ranges.enter(node)
        if isinstance(node, Call):
            known = found[id(node.program)]
            for formal, actual in zip(node.program.args, node.args, strict=True):
                if formal.rank == 0 and as_integer(formal.dtype) is not None:
                    limits = type_range(formal.dtype)
                    given = limits if isinstance(actual, Region) else ranges.of(actual)
                    given = given if limits[0] <= given[0] and given[1] <= limits[1] else limits
                    old = known.get(formal, given)
                    known[formal] = (min(old[0], given[0]), max(old[1], given[1]))
        for inner in blocks_of(node):
            _passed(inner, ranges, found)


class _Unroller:
    """Gives the loops of one function constant bounds where HLS unrolls them."""

    def __init__(
        self, hardware: Hardware, values: Mapping[Array, Range], stuck: Mapping[int, str | None]
    ) -> None:
        self._hardware = hardware
        self.rolled: dict[Iter, str] = {}
        self.origins: dict[Iter, Iter] = {}
        self._long: dict[Iter, int] = {}
        self._stuck = stuck
        self._ranges = ZeroDivisorRanges()
        self._ranges.of_value.update(values)
        self._known = frozenset(values)

    def block(self, block: Block, ranges: Mapping[Iter, Range], inside: bool, strip: bool) -> Block:
        """A block; `inside`: HLS unrolls loops here, `strip`: a pipelined loop of this function is around."""
        return tuple(self._node(node, ranges, inside, strip) for node in block)

    def _node(self, node: Node, ranges: Mapping[Iter, Range], inside: bool, strip: bool) -> Node:
        if not isinstance(node, Loop | While):
            return map_blocks(node, lambda inner: self.block(inner, ranges, inside, strip))
        if strip:  # what is unrolled as a whole is neither pipelined nor unrolled in part
            rest = None if node.marks.unroll else node.marks.unroll
            node = replace(node, marks=replace(node.marks, pipeline=None, rewind=False, unroll=rest))
        ends = self._ends(node, ranges) if isinstance(node, Loop) else None
        if ends is not None:
            ranges = {**ranges, node.iter: (ends[0], ends[1] - 1)}
        within = inside or node.marks.pipeline is not None
        found = map_blocks(node, lambda inner: self.block(inner, ranges, within, strip or within != inside))
        if within and not inside:
            blocker = self.blocker(tuple(part for inner in blocks_of(found) for part in inner))
            if blocker is not None:
                self.rolled[node.iter] = blocker
                node = replace(node, marks=replace(node.marks, pipeline=None, rewind=False))
                found = map_blocks(node, lambda inner: self.block(inner, ranges, False, False))
        assert isinstance(found, Loop | While)
        wanted = inside or found.marks.copies == 0
        if not isinstance(found, Loop) or ends is None or not wanted:
            return found
        most = self._most(found, ranges, ends)
        if stays_rolled(self._hardware, not (_varies(found.start) or _varies(found.stop)), most):
            self._long[found.iter] = most
            return found
        new = _constant_bounds(found, *ends, most)
        if isinstance(new, Loop) and new.iter != found.iter:
            self.origins[new.iter] = found.iter
        return new

    def blocker(self, block: Block, function: str | None = None) -> str | None:
        """Why not all loops of a block, as it is now, can be unrolled: the first that varies, by name."""
        for node in walk_nodes(block):
            if isinstance(node, Call):
                found = self._stuck.get(id(node.program))
                if found is not None:
                    return found
            elif isinstance(node, While) or (
                isinstance(node, Loop) and (_varies(node.start) or _varies(node.stop))
            ):
                name = node.iter.name if function is None else f"{function}: {node.iter.name}"
                most = self._long.get(node.iter)
                how = "depends on data" if most is None else f"varies, up to {most}"
                return f"the trip count of {name} {how}"
        return None

    def _ends(self, loop: Loop, ranges: Mapping[Iter, Range]) -> Range | None:
        """The least value of an iterator and one past the greatest, or None."""
        ends = values_between(loop.start, loop.stop, loop.step, lambda end: self._range(end, ranges))
        if ends is None:
            return None
        low, high = _in_arrays(loop, *ends)
        return low, max(low, high)

    def _most(self, loop: Loop, ranges: Mapping[Iter, Range], ends: Range) -> int:
        """How often a loop runs at most: from bounds that move together less often than `ends` are apart."""
        self._ranges.of_iter = dict(ranges)
        low, high = (loop.start, loop.stop) if loop.step > 0 else (loop.stop, loop.start)
        far = min(ends[1] - ends[0], max(0, span(low, high, self._ranges)[1]))
        return -(-far // abs(loop.step))

    def _range(self, end: Expr, ranges: Mapping[Iter, Range]) -> Range | None:
        found = range_of(end, ranges)
        if found is not None or not all(load.array in self._known for load in loads_of(end)):
            return found
        self._ranges.of_iter = dict(ranges)
        return self._ranges.of(end)


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
