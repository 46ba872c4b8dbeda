"""A tree's loops from isl's generator: one `for` per loop, with the loop's key as a mark."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import islpy as isl

from tracealloc.poly.brackets import bracketed
from tracealloc.poly.dependence import time_map
from tracealloc.poly.executed import is_simple, wrong_statements
from tracealloc.poly.model import Model, Statement
from tracealloc.poly.named import aff_text, is_function_of_outer, iter_names, tuple_text
from tracealloc.poly.tree import (
    Leaf,
    LoopNode,
    Sequence,
    Tree,
    leaves,
    loops_above,
    map_loops,
    path_to,
)
from tracealloc.trace.dtype import index
from tracealloc.trace.errors import ScheduleError
from tracealloc.trace.expr import Unary

__all__ = ["generated", "schedule_text"]


def schedule_text(model: Model, tree: Tree) -> str:
    """The tree as isl's YAML, with a mark per loop."""
    domain = "; ".join(_set_body(s) for s in model.statements)
    child = _tree_text(model, tree)
    return f'{{ domain: "{{ {domain} }}"' + (f", child: {child} }}" if child else " }")


def _set_body(statement: Statement) -> str:
    text = str(statement.domain)
    return text[text.index("{") + 1 : text.rindex("}")].strip()


def _tree_text(model: Model, tree: Tree) -> str | None:
    match tree:
        case Leaf():
            return None
        case LoopNode():
            parts = []
            for name, expr in tree.exprs:
                statement = model.statement(name)
                names = iter_names(statement.dims)
                value = aff_text(Unary("-", expr, index) if tree.descending else expr, names)
                parts.append(f"{tuple_text(name, names.values())} -> [({value})]")
            inner = _tree_text(model, tree.body)
            rest = f", child: {inner}" if inner else ""
            band = f'schedule: "[{{ {"; ".join(parts)} }}]", options: "{{ atomic[x] }}"{rest}'
            return f'{{ mark: "{tree.key}", child: {{ {band} }} }}'
        case Sequence(children):
            filters = []
            for child in children:
                heads = []
                for name in leaves(child):
                    heads.append(tuple_text(name, iter_names(model.statement(name).dims).values()))
                inner = _tree_text(model, child)
                rest = f", child: {inner}" if inner else ""
                filters.append(f'{{ filter: "{{ {"; ".join(heads)} }}"{rest} }}')
            return f"{{ sequence: [ {', '.join(filters)} ] }}"


def generated(model: Model, tree: Tree) -> tuple[isl.AstNode | None, Tree]:
    """isl's loops for a tree, one `for` each, and the tree without the loops that turned out to be none.

    isl may peel an iteration off a loop in which some statements run rarely. Where it does, the loop is
    generated again with an empty statement at both ends of its body, which keeps it whole. A loop that
    runs once in each iteration of the loops around it may come out in pieces as well: it is left out.
    """
    if not model.statements:
        return None, tree
    ast = _isl_ast(model, tree)
    whole: frozenset[str] = frozenset()
    while split := _pieces(ast) - whole:  # making one loop whole may split one inside it
        single = frozenset(key for key in split if _runs_once(model, tree, key))
        tree = map_loops(tree, lambda loop, gone=single: _without(loop) if loop.key in gone else loop)  # type: ignore[misc]
        whole |= split - single
        ast = _isl_ast(*bracketed(model, tree, whole))
    if is_simple(model, tree):
        return ast, tree
    wrong = wrong_statements(model, ast)
    return (_again(model, tree, whole, wrong) if wrong else ast), tree


def _again(model: Model, tree: Tree, whole: frozenset[str], wrong: frozenset[str]) -> isl.AstNode:
    """Loops that run all instances, where isl has dropped some: with a loop that visits every value.

    Raises:
        ScheduleError: nothing helps.
    """
    around = {loop.key: None for name in sorted(wrong) for loop in reversed(loops_above(tree, name))}
    for keys in (*(frozenset({key}) for key in around), frozenset(around)):
        ast = _isl_ast(*bracketed(*bracketed(model, tree, whole - keys), keys, dense=True))
        if _pieces(ast).isdisjoint(whole | keys) and not wrong_statements(model, ast):
            return ast
    names = ", ".join(repr(loop.name) for loop in loops_above(tree, min(wrong)))
    raise ScheduleError(
        "TA262",
        f"the loops {names} cannot be generated right",
        because=["isl leaves out iterations of this order, however it is asked"],
        hint="undo the last step; a fuse or a skew in another order may do",
    )


def _isl_ast(model: Model, tree: Tree) -> isl.AstNode:
    schedule = isl.Schedule.read_from_str(isl.DEFAULT_CONTEXT, schedule_text(model, tree))
    return isl.AstBuild.alloc(isl.DEFAULT_CONTEXT).node_from_schedule(schedule)


def _without(loop: LoopNode) -> Tree:
    body = loop.body
    if isinstance(body, LoopNode) and loop.band is not None:
        return replace(body, band=loop.band)
    return body


def _runs_once(model: Model, tree: Tree, key: str) -> bool:
    """Whether a loop has one value in each iteration of the loops around it."""
    path = path_to(tree, lambda node: isinstance(node, LoopNode) and node.key == key)
    assert path is not None, key
    loops = tuple(node for node, _ in path if isinstance(node, LoopNode))
    statements = [model.statement(name) for name in leaves(loops[-1].body)]
    return is_function_of_outer([s.domain.apply(time_map(s, loops)) for s in statements])


def _pieces(ast: isl.AstNode) -> frozenset[str]:
    """The loops of the tree for which isl made several pieces (or none, where they run once)."""
    marks: Counter[str] = Counter()
    split = _split_loops(ast, None, marks)
    return split | {key for key, count in marks.items() if count > 1}


def _split_loops(ast: isl.AstNode, pending: str | None, marks: Counter[str]) -> frozenset[str]:
    kind: Any = ast.get_type()
    types: Any = isl.ast_node_type
    if kind == types.mark:
        key = ast.mark_get_id().get_name()
        marks[key] += 1
        return _split_loops(ast.mark_get_node(), key, marks)
    if kind == types.for_:
        return _split_loops(ast.for_get_body(), None, marks)
    if kind == types.if_:
        found = _split_loops(ast.if_get_then_node(), pending, marks)
        if ast.if_has_else_node():
            found |= _split_loops(ast.if_get_else_node(), pending, marks)
            found |= frozenset() if pending is None else {pending}
        return found
    if kind == types.block:
        children = ast.block_get_children()
        parts = [_split_loops(children.get_ast_node(k), None, marks) for k in range(children.n_ast_node())]
        return frozenset().union(*parts, () if pending is None else (pending,))
    return frozenset()
