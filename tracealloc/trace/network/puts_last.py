"""In a PE, what comes in is taken before anything is passed on: all of it in the same stage.

    a = A_in.get(); A_out.put(a); b = B_in.get(); B_out.put(b)
      ->   a = A_in.get(); b = B_in.get(); A_out.put(a); B_out.put(b)

In the first form the put, a stage later than the get before it, holds up the get behind it. Values go from a
PE to the next ones in its grid only, at one time to all of them: so no PE waits for one that waits for it.
"""

from __future__ import annotations

from tracealloc.trace.ir.expr import Expr, Load, loads_of
from tracealloc.trace.ir.program import Block, If, Node, Store, expressions_of, map_blocks

__all__ = ["puts_last"]


def puts_last(block: Block) -> Block:
    """The block with puts of what came moved behind the gets that follow them."""
    found: list[Node] = []
    for node in block:
        at = len(found)
        if isinstance(node, Store) and _comes(node):
            while at and _passes(found[at - 1]) and not _meets(found[at - 1], node):
                at -= 1
        found.insert(at, map_blocks(node, puts_last))
    return tuple(found)


def _comes(node: Store) -> bool:
    """Whether a node takes from a queue into a scalar, or converts what was taken."""
    loads = list(loads_of(node.value))
    scalar = node.array.kind != "stream" and node.array.rank == 0
    return (
        scalar
        and len(loads) == 1
        and (loads[0].array.kind == "stream" or loads[0].array.key.endswith(":head"))
    )


def _passes(node: Node) -> bool:
    """Whether a node puts a scalar into a queue, perhaps only in some PEs."""
    if isinstance(node, If):
        return len(node.then) == 1 and not node.orelse and _passes(node.then[0])
    return isinstance(node, Store) and node.array.kind == "stream" and _is_scalar(node.value)


def _is_scalar(value: Expr) -> bool:
    return isinstance(value, Load) and value.array.rank == 0 and value.array.kind != "stream"


def _meets(put: Node, store: Store) -> bool:
    """Whether a put passes on what a store changes, or goes to the queue that it takes from."""
    (inner,) = put.then if isinstance(put, If) else (put,)
    assert isinstance(inner, Store)
    read = [load.array for expr in (*expressions_of(put), *expressions_of(inner)) for load in loads_of(expr)]
    return store.array in read or any(load.array == inner.array for load in loads_of(store.value))
