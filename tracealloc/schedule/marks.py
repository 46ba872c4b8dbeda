"""Changing how a loop is executed, wherever the loop is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tracealloc.poly.tree import LoopNode, leaves, replace_loop
from tracealloc.schedule.state import OpaqueLoop, State
from tracealloc.trace.affine import is_affine
from tracealloc.trace.layout import Marks
from tracealloc.trace.program import Loop, Node, map_blocks, walk_nodes

__all__ = ["data_loops_inside", "mark"]


def mark(state: State, loop: LoopNode | OpaqueLoop, change: Callable[[Marks], Marks]) -> State:
    """The state with the marks of one loop changed."""
    if isinstance(loop, LoopNode):
        tree = replace_loop(state.tree, loop.key, lambda found: replace(found, marks=change(found.marks)))
        return state.with_tree(tree)
    statements = [
        replace(s, node=_marked(s.node, loop, change)) if s.name == loop.statement else s
        for s in state.model.statements
    ]
    return replace(state, model=replace(state.model, statements=tuple(statements)))


def _marked(node: Node, wanted: OpaqueLoop, change: Callable[[Marks], Marks]) -> Node:
    node = map_blocks(node, lambda block: tuple(_marked(inner, wanted, change) for inner in block))
    if isinstance(node, Loop) and node.iter == wanted.loop.iter:
        return replace(node, marks=change(node.marks))
    return node


def data_loops_inside(state: State, loop: LoopNode | OpaqueLoop) -> list[str]:
    """The names of loops below `loop` whose bounds depend on data."""
    if isinstance(loop, OpaqueLoop):
        nodes = [inner for node in loop.loop.body for inner in walk_nodes((node,))]
    else:
        statements = (state.model.statement(name) for name in leaves(loop.body))
        nodes = [inner for s in statements for inner in walk_nodes((s.node,))]
    return [
        node.iter.name
        for node in nodes
        if isinstance(node, Loop) and not (is_affine(node.start) and is_affine(node.stop))
    ]
