"""Make lowered blocks read as a person would have written them; meaning does not change.

Neighbouring conditions that are equal become one; a condition on data that a loop does not change moves
out of the loop; a value that is stored under a condition but used outside it is declared before.
"""

from __future__ import annotations

from dataclasses import replace

from tracealloc.poly.model.build import negation
from tracealloc.trace.ir.expr import Expr, Unary, iters_of, loads_of
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    If,
    Loop,
    Node,
    Store,
    blocks_of,
    map_blocks,
    read_by,
    touched_by,
    walk_nodes,
)
from tracealloc.trace.ir.rewrite import replace_arrays

__all__ = ["tidy"]

_GIVEN = ("argument", "constant", "state")  # what holds something from the start


def tidy(block: Block) -> Block:
    """The block, tidied from the inside out."""
    return _declare(_tidy(block, frozenset()))


def _tidy(block: Block, ready: frozenset[Array]) -> Block:
    """`ready` are the arrays that hold something wherever the block starts."""
    nodes: list[Node] = []
    for node in block:
        here = ready
        nodes.append(_hoist(map_blocks(node, lambda inner, here=here: _tidy(inner, here)), here))  # type: ignore[misc]
        if isinstance(node, Store) or (isinstance(node, Alloc) and node.fill is not None):
            ready |= {node.array}
    return _merge(nodes)


def _merge(nodes: list[Node]) -> Block:
    result: list[Node] = []
    for node in nodes:
        last = result[-1] if result else None
        if isinstance(node, If) and isinstance(last, If) and not _touches(last, node.cond):
            if node.cond == last.cond:
                merged = replace(last, then=_merge([*last.then, *node.then]))
                merged = replace(merged, orelse=_merge([*last.orelse, *node.orelse]))
                result[-1] = merged
                continue
            if _opposite(node.cond, last.cond) and not node.orelse:
                result[-1] = replace(last, orelse=_merge([*last.orelse, *node.then]))
                continue
        result.append(node)
    return tuple(result)


def _opposite(a: Expr, b: Expr) -> bool:
    return negation(b) == a or negation(a) == b or (isinstance(a, Unary) and a.op == "not" and a.operand == b)


def _written(node: Node) -> set[Array]:
    return {array for inner in walk_nodes((node,)) for array in touched_by(inner)}


def _touches(node: Node, cond: Expr) -> bool:
    return bool(_written(node) & {load.array for load in loads_of(cond)})


def _hoist(node: Node, ready: frozenset[Array]) -> Node:
    """``for: if c: body`` as ``if c: for: body`` where the loop does not change `c`."""
    if not isinstance(node, Loop) or len(node.body) != 1:
        return node
    inner = node.body[0]
    if not isinstance(inner, If) or inner.orelse or not loads_of(inner.cond):
        return node
    if node.iter in iters_of(inner.cond) or _touches(inner, inner.cond):
        return node
    loads = loads_of(inner.cond)
    if any(load.indices or not (load.array in ready or load.array.kind in _GIVEN) for load in loads):
        return node  # where the loop is empty, subscripts may be outside, and scalars not stored yet
    return replace(inner, then=(replace(node, body=inner.then),))


def _uses(node: Node) -> set[Array]:
    loads = (load for inner in walk_nodes((node,)) for load in read_by(inner))
    return {load.array for load in loads if load.array.kind == "value"}


def _declare(block: Block) -> Block:
    """Give an `Alloc` to values that are used outside the block that stores them."""
    hidden = _hidden(block, set())
    if not hidden:
        return block
    return _with_allocs(block, {array: replace(array, kind="local") for array in hidden})


def _hidden(block: Block, visible: set[Array]) -> set[Array]:
    visible = set(visible)
    found: set[Array] = set()
    for node in block:
        found |= {a for load in read_by(node) if (a := load.array).kind == "value" and a not in visible}
        for inner in blocks_of(node):
            found |= _hidden(inner, visible)
        if isinstance(node, Store) and node.array.kind == "value":
            visible.add(node.array)
    return found


def _with_allocs(block: Block, changed: dict[Array, Array]) -> Block:
    """Declare each changed array in the innermost block that holds all its stores and uses."""
    for old, new in changed.items():
        block = _declare_one(block, old, new)
    return block


def _declare_one(block: Block, old: Array, new: Array) -> Block:
    holders = [k for k, node in enumerate(block) if _mentions(node, old)]
    if len(holders) == 1:
        node = block[holders[0]]
        inner = [b for b in blocks_of(node) if any(_mentions(n, old) for n in b)]
        own = any(load.array == old for load in read_by(node))
        if len(inner) == 1 and not own:
            changed = map_blocks(node, lambda b: _declare_one(b, old, new) if b is inner[0] else b)
            return (*block[: holders[0]], changed, *block[holders[0] + 1 :])
    first = holders[0]
    rest = tuple(replace_arrays(node, {old: new}) for node in block[first:])
    return (*block[:first], Alloc(new, place=new.place), *rest)


def _mentions(node: Node, array: Array) -> bool:
    return array in _uses(node) or array in _written(node)
