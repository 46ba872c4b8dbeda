"""A tree's loops from isl's generator: one `for` per loop, with the loop's key as a mark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import islpy as isl

from tracealloc.poly.codegen.ast_instances import is_simple, shifted_loops, wrong_statements
from tracealloc.poly.codegen.isomorphic import Names, Reduced, reduced
from tracealloc.poly.codegen.sentinels import bracketed
from tracealloc.poly.dependence.dependence import time_map, time_text
from tracealloc.poly.isl.budget import LOOPS, READ, limited
from tracealloc.poly.isl.named import is_function_of_outer
from tracealloc.poly.isl.texts import iter_names, tuple_text
from tracealloc.poly.model.context import ANYTHING
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import (
    Leaf,
    LoopNode,
    Sequence,
    Tree,
    leaves,
    loops_to,
    statements_of,
)

_TYPES: Any = isl.ast_node_type

__all__ = ["Generated", "generated", "has_loop", "schedule_text", "times_in"]


def schedule_text(model: Model, tree: Tree, bare: frozenset[str] = frozenset()) -> str:
    """The tree as isl's YAML, with a mark per loop; the `bare` loops are marks alone."""
    domain = "; ".join(_set_body(s) for s in model.statements)
    child = _tree_text(model, tree, bare)
    return f'{{ domain: "{_declared(model)}{{ {domain} }}"' + (f", child: {child} }}" if child else " }")


def _declared(model: Model) -> str:
    names = [] if model.context is ANYTHING else list(model.parameters)
    return f"[{', '.join(names)}] -> " if names else ""


def _set_body(statement: Statement) -> str:
    text = str(statement.domain)
    return text[text.index("{") + 1 : text.rindex("}")].strip()


def _tree_text(model: Model, tree: Tree, bare: frozenset[str]) -> str | None:
    match tree:
        case Leaf():
            return None
        case LoopNode(key=key, body=body) if key in bare:
            inner = _tree_text(model, body, bare)
            return f'{{ mark: "{key}"' + (f", child: {inner} }}" if inner else " }")
        case LoopNode():
            parts = []
            for name, _ in tree.exprs:
                statement = model.statement(name)
                names = iter_names(statement.dims)
                parts.append(f"{tuple_text(name, names.values())} -> [({time_text(statement, tree)})]")
            inner = _tree_text(model, tree.body, bare)
            rest = f", child: {inner}" if inner else ""
            band = (
                f'schedule: "{_declared(model)}[{{ {"; ".join(parts)} }}]", options: "{{ atomic[x] }}"{rest}'
            )
            return f'{{ mark: "{tree.key}", child: {{ {band} }} }}'
        case Sequence(children):
            filters = []
            for child in children:
                heads = []
                for name in leaves(child):
                    heads.append(tuple_text(name, iter_names(model.statement(name).dims).values()))
                inner = _tree_text(model, child, bare)
                rest = f", child: {inner}" if inner else ""
                filters.append(f'{{ filter: "{{ {"; ".join(heads)} }}"{rest} }}')
            return f"{{ sequence: [ {', '.join(filters)} ] }}"


@dataclass(frozen=True)
class Generated:
    """The loops of a part of a tree. `ast` is None where isl has no right ones in time: see `dense_loops`.

    A loop that runs once may be a mark without a `for`. `twins` say which other parts of the tree have the
    loops of one part (see `isomorphic`).
    """

    part: Tree
    ast: isl.AstNode | None
    twins: Mapping[str, tuple[Names, ...]]


def generated(model: Model, tree: Tree) -> list[Generated]:
    """The loops of a tree, part by part: one part where isl is right and quick, else what follows in a row.

    isl may peel an iteration off a loop in which some statements run rarely. Where it does, the loop is
    generated again with an empty statement at both ends of its body, which keeps it whole. A loop that
    runs once in each iteration of the loops around it may come out in pieces as well: it becomes a mark.
    """
    if not model.statements:
        return []
    try:
        with limited(LOOPS):
            return [_generated(model, tree)]
    except (isl.Error, _Wrong):
        if not isinstance(tree, Sequence):
            return [Generated(tree, None, {})]
    return [made for child in tree.children for made in generated(_only(model, child), child)]


class _Wrong(Exception):
    """isl's loops leave instances out, or their variables are not the times of what is inside."""


def _only(model: Model, part: Tree) -> Model:
    names = statements_of(part)
    return replace(model, statements=tuple(s for s in model.statements if s.name in names))


def _generated(model: Model, tree: Tree) -> Generated:
    ast, twins = _whole(reduced(model, tree))
    counts = [count for part in _counts(ast) for name, count in part.items() if name in twins]
    if max(counts, default=1) > 1:
        # Two pieces of a part are not its loops one after the other: each part gets its own.
        ast, twins = _whole(Reduced(model, tree, {}, {}))
    return Generated(tree, ast, twins)


def _whole(few: Reduced) -> tuple[isl.AstNode, Mapping[str, tuple[Names, ...]]]:
    ast = _isl_ast(few.model, few.tree)
    whole: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    while True:  # making one loop whole may split one inside it
        split, shifted = _pieces(ast, bare) - whole, shifted_loops(few.model, few.tree, ast)
        if not split and not shifted:
            break
        if shifted & whole:
            raise _Wrong
        single = frozenset(key for key in split if _runs_once(few.model, few.tree, key))
        bare |= few.all_of(single)
        whole |= few.all_of(split - single | shifted)
        ast = _isl_ast(*bracketed(few.model, few.tree, few.own(whole)), bare)
    if is_simple(few.model, few.tree):
        return ast, few.twins
    with limited(READ):
        if wrong_statements(few.model, ast):
            raise _Wrong
    return ast, few.twins


def _isl_ast(model: Model, tree: Tree, bare: frozenset[str] = frozenset()) -> isl.AstNode:
    text = schedule_text(model, tree, bare)
    context = isl.DEFAULT_CONTEXT
    schedule = isl.Schedule.read_from_str(context, text)
    before = context.get_ast_build_scale_strides()
    context.set_ast_build_scale_strides(0)  # a loop at 0, 2, 4 would count 0, 1, 2
    try:
        return isl.AstBuild.from_context(model.context).node_from_schedule(schedule)
    finally:
        context.set_ast_build_scale_strides(before)


def _runs_once(model: Model, tree: Tree, key: str) -> bool:
    """Whether a loop has one value in each iteration of the loops around it."""
    return is_function_of_outer(times_in(model, loops_to(tree, key)))


def times_in(model: Model, loops: tuple[LoopNode, ...]) -> list[isl.Set]:
    """When the statements in the last of some loops run: the values of all of them."""
    statements = [model.statement(name) for name in leaves(loops[-1].body)]
    return [s.domain.apply(time_map(s, loops)) for s in statements]


def _pieces(ast: isl.AstNode, bare: frozenset[str]) -> frozenset[str]:
    """The loops of the tree, but for the `bare` ones, for which isl made several pieces."""
    marks, _ = _counts(ast)
    return (_split_loops(ast, None) | {key for key, count in marks.items() if count > 1}) - bare


def _counts(ast: isl.AstNode) -> tuple[Counter[str], Counter[str]]:
    """How often each loop and each statement is in the generated code."""
    marks, users = Counter[str](), Counter[str]()
    todo = [ast]
    while todo:
        node = todo.pop()
        kind: Any = node.get_type()
        if kind == _TYPES.mark:
            marks[node.mark_get_id().get_name()] += 1
        if kind == _TYPES.user:
            users[node.user_get_expr().op_get_arg(0).id_get_id().get_name()] += 1
        todo += _inside(node)
    return marks, users


def _inside(node: isl.AstNode) -> list[isl.AstNode]:
    """The nodes right inside a node."""
    kind: Any = node.get_type()
    if kind == _TYPES.mark:
        return [node.mark_get_node()]
    if kind == _TYPES.for_:
        return [node.for_get_body()]
    if kind == _TYPES.if_:
        orelse = [node.if_get_else_node()] if node.if_has_else_node() else []
        return [node.if_get_then_node(), *orelse]
    if kind == _TYPES.block:
        children = node.block_get_children()
        return [children.get_ast_node(k) for k in range(children.n_ast_node())]
    return []


def has_loop(ast: isl.AstNode) -> bool:
    """Whether a `for` follows, under conditions at most: a mark's loop that runs once has none."""
    kind: Any = ast.get_type()
    return kind == _TYPES.for_ or (kind == _TYPES.if_ and all(map(has_loop, _inside(ast))))


def _split_loops(ast: isl.AstNode, pending: str | None) -> frozenset[str]:
    """The loops that are not one `for`; `pending` is the loop that is to come next."""
    kind: Any = ast.get_type()
    if kind == _TYPES.mark:
        pending = ast.mark_get_id().get_name()
    parts = [
        _split_loops(node, pending if kind in (_TYPES.mark, _TYPES.if_) else None) for node in _inside(ast)
    ]
    is_several = kind == _TYPES.block or len(parts) > 1
    return frozenset().union(*parts, (pending,) if is_several and pending is not None else ())
