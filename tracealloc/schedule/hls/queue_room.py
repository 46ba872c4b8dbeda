"""How many elements a queue must hold where what puts and what takes run one after the other.

Hardware that runs in order waits for ever at a put into a full queue: nobody takes anything meanwhile. All
that is put between two allocations is room enough; where data say how often that is, nothing is known. In a
network both run beside one another, and how much a queue holds is part of the program.
"""

from __future__ import annotations

from collections.abc import Mapping

from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Program,
    Region,
    Store,
    While,
    walk_nodes,
)
from tracealloc.trace.queries.intervals import Ranges, ZeroDivisorRanges, trips

__all__ = ["room_of"]

MOST = 1 << 20  # elements; no FIFO is that deep


def room_of(program: Program) -> Mapping[Array, int | None]:
    """For each queue that a function makes: a number of elements that it never exceeds (None: unknown)."""
    made = [n.array for n in walk_nodes(program.body) if isinstance(n, Alloc) and n.array.kind == "stream"]
    if program.concurrent:
        return {array: array.depth or None for array in made}
    return {array: _known(_puts(program.body, array, ZeroDivisorRanges())) for array in made}


def _known(count: int | None) -> int | None:
    return None if count is None or count > MOST else max(count, 1)


def _puts(block: Block, array: Array, ranges: Ranges) -> int | None:
    """How often at most a block puts something into any of the queues of `array`."""
    total = 0
    for node in block:
        match node:
            case Store():
                count: int | None = int(node.array == array)
            case Loop():
                often = trips(node, ranges)
                ranges.enter(node)
                most = None if often is None else often[1]
                count = _times(_puts(node.body, array, ranges), 1 if _makes(node.body, array) else most)
            case While():
                body = (*node.prologue, *node.body)
                count = _times(_puts(body, array, ranges), 1 if _makes(body, array) else None)
            case If():
                sides = [_puts(side, array, ranges) for side in (node.then, node.orelse)]
                count = None if None in sides else max(side for side in sides if side is not None)
            case Call():
                count = _passed(node, array)
            case Alloc():
                count = 0
        if count is None:
            return None
        total += count
    return total


def _makes(block: Block, array: Array) -> bool:
    """Whether a block makes a queue anew, which is empty then."""
    return any(isinstance(node, Alloc) and node.array == array for node in walk_nodes(block))


def _times(count: int | None, often: int | None) -> int | None:
    if count == 0:
        return 0
    return None if count is None or often is None else count * max(often, 0)


def _passed(call: Call, array: Array) -> int | None:
    """How often a called function puts something into a queue that it is passed."""
    total = 0
    for formal, actual in zip(call.program.args, call.args, strict=True):
        if isinstance(actual, Region) and actual.array == array:
            count = _puts(call.program.body, formal, ZeroDivisorRanges())
            if count is None:
                return None
            total += count
    return total
