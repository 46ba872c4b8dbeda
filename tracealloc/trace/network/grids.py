"""The loops of a grid, one in another."""

from __future__ import annotations

from dataclasses import replace

from tracealloc.trace.ir.program import Alloc, Block, Loop
from tracealloc.trace.queries.intervals import fixed_trips

__all__ = ["grid_loop"]


def grid_loop(block: Block) -> Loop | None:
    """The loop in space that a block is, if it is one.

    What is made before a loop of one iteration is as well made in it: loops that run once are looked through
    where arrays find their places.
    """
    made = tuple(node for node in block if isinstance(node, Alloc))
    rest = [node for node in block if not isinstance(node, Alloc)]
    if len(rest) != 1 or not isinstance(rest[0], Loop) or not rest[0].marks.space:
        return None
    loop = rest[0]
    if made and (fixed_trips(loop) != 1 or any(node.fill is not None for node in made)):
        return None
    return replace(loop, body=(*made, *loop.body)) if made else loop
