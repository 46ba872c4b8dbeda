"""What isl's generated loops execute, compared with what they should.

isl's generator drops iterations of some loops whose values have a distance and a start that depends on the
loops around (a fuse of skewed loops, say), without a word. So the loops are read back as sets.

It also shifts: where S runs at even values of a loop and T at odd ones, it writes
``for (c = 0; ...; c += 2) { S(c); T(c + 1); }``. That is a right order, but `c` is not when T runs, and the
rest of lowering takes a loop's variable for the time of all that is in it (`shifted_loops`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import islpy as isl

from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.ast_expr import as_expr
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.equality import same_sets
from tracealloc.poly.isl.named import has_hidden
from tracealloc.poly.isl.points import called_back
from tracealloc.poly.isl.texts import aff_text, cond_text, read_map, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.tree import LoopNode, Tree, loops_in
from tracealloc.trace.ir.expr import Compare, Expr, Iter, IterRef, Select, rewrite, walk
from tracealloc.trace.queries.affine import linear

__all__ = ["is_simple", "shifted_loops", "wrong_statements"]

_TYPES: Any = isl.ast_node_type


@dataclass(frozen=True)
class _Around:
    """The loops around a node of the generated code: their variables and the conditions on these."""

    names: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()  # the loops of the tree that the variables are of
    marked: str = ""  # the loop that comes next


@dataclass(frozen=True)
class _Run:
    """The instances that one call of a statement executes, at which values of the loops around."""

    instances: isl.Map  # from the variables of the loops
    keys: tuple[str, ...]


@dataclass
class _Reader:
    """Collects the executed instances, by statement."""

    found: dict[str, list[_Run]] = field(default_factory=dict)
    values: dict[str, Expr] = field(default_factory=dict)
    texts: dict[Iter, str] = field(default_factory=dict)

    def cases(self, exprs: Sequence[Expr]) -> list[tuple[tuple[str, ...], list[Expr]]]:
        """Expressions without choices, under the conditions that each choice has gone one way."""
        found = next((part for expr in exprs for part in walk(expr) if isinstance(part, Select)), None)
        if found is None:
            return [((), list(exprs))]
        ways = []
        for negate, value in ((False, found.then), (True, found.orelse)):
            taken = [rewrite(e, lambda part, v=value: v if part == found else None) for e in exprs]  # type: ignore[misc]
            for conds, (cond, *rest) in self.cases([found.cond, *taken]):
                ways.append(((*conds, cond_text(cond, self.texts, negate)), rest))
        return ways

    def node(self, ast: isl.AstNode, around: _Around) -> None:
        kind: Any = ast.get_type()
        if kind == _TYPES.mark:
            self.node(ast.mark_get_node(), replace(around, marked=ast.mark_get_id().get_name()))
        elif kind == _TYPES.for_:
            self.loop(ast, around)
        elif kind == _TYPES.if_:
            for conds, (cond,) in self.cases([as_expr(ast.if_get_cond(), self.values)]):
                holds, fails = (cond_text(cond, self.texts, negate) for negate in (False, True))
                where = (*around.where, *conds)
                self.node(ast.if_get_then_node(), replace(around, where=(*where, holds)))
                if ast.if_has_else_node():
                    self.node(ast.if_get_else_node(), replace(around, where=(*where, fails)))
        elif kind == _TYPES.block:
            children = ast.block_get_children()
            for number in range(children.n_ast_node()):
                self.node(children.get_ast_node(number), around)
        else:
            self.user(ast.user_get_expr(), around)

    def loop(self, ast: isl.AstNode, around: _Around) -> None:
        name = str(ast.for_get_iterator().id_get_id().get_name())
        start = as_expr(ast.for_get_init(), self.values)
        it = Iter(f"loop:{name}", name)
        self.values = {**self.values, name: IterRef(it)}
        self.texts = {**self.texts, it: name}
        if ast.for_is_degenerate():
            here: Expr = Compare("==", IterRef(it), start)
            step = 1
        else:
            here = as_expr(ast.for_get_cond(), self.values)
            step = int(ast.for_get_inc().int_get_val().to_python())
        for conds, (first, cond) in self.cases([start, here]):
            where = [*conds, f"{name} >= {aff_text(first, self.texts)}", cond_text(cond, self.texts)]
            if step != 1:
                where.append(f"({name} - ({aff_text(first, self.texts)})) mod {step} = 0")
            keys = (*around.keys, around.marked)
            inner = _Around((*around.names, name), (*around.where, *where), keys)
            self.node(ast.for_get_body(), inner)

    def user(self, call: isl.AstExpr, around: _Around) -> None:
        statement = str(call.op_get_arg(0).id_get_id().get_name())
        exprs = [as_expr(call.op_get_arg(k), self.values) for k in range(1, call.op_get_n_arg())]
        for conds, parts in self.cases(exprs):
            where = " and ".join((*around.where, *conds))
            target = tuple_text(statement, (aff_text(part, self.texts) for part in parts))
            runs = read_map(f"{{ [{', '.join(around.names)}] -> {target}{' : ' + where if where else ''} }}")
            self.found.setdefault(statement, []).append(_Run(runs, around.keys))


def wrong_statements(model: Model, ast: isl.AstNode) -> frozenset[str]:
    """The statements of which the generated code does not run each instance exactly once."""
    reader = _Reader(values=dict(model.parameters))
    reader.node(ast, _Around())
    within = model.context
    return frozenset(
        s.name for s in model.statements if not _runs_all(s, reader.found.get(s.name, []), within)
    )


def shifted_loops(model: Model, tree: Tree, ast: isl.AstNode) -> frozenset[str]:
    """The loops whose variable is not the time of each statement inside: they have a distance above one."""
    strided = _strided(ast)
    if not strided:
        return strided
    reader = _Reader(values=dict(model.parameters))
    reader.node(ast, _Around())
    loops = {loop.key: loop for loop in loops_in(tree)}
    return frozenset(
        key
        for statement in model.statements
        for run in reader.found.get(statement.name, [])
        for place, key in enumerate(run.keys)
        if key in strided and not _is_time(run, place, statement, loops[key])
    )


def _strided(ast: isl.AstNode) -> frozenset[str]:
    """The loops that do not count in steps of one."""
    found: list[str] = []

    def visit(node: isl.AstNode) -> bool:
        kind: Any = node.get_type()
        if kind == _TYPES.mark:
            inner = node.mark_get_node()
            inside: Any = inner.get_type()
            counts = inside == _TYPES.for_ and not inner.for_is_degenerate()
            if counts and not inner.for_get_inc().int_get_val().is_one():
                found.append(node.mark_get_id().get_name())
        return True

    called_back(ast.foreach_descendant_top_down, visit)
    return frozenset(found)


def _is_time(run: _Run, place: int, statement: Statement, loop: LoopNode) -> bool:
    """Whether a statement runs when the variable at `place` of those around says."""
    at = run.instances.apply_range(time_map(statement, (loop,)))
    names = [f"c{k}" for k in range(len(run.keys))]
    variable = read_map(f"{{ [{', '.join(names)}] -> T[c{place}] }}")
    return is_within(at, variable)


def _runs_all(statement: Statement, runs: list[_Run], within: isl.Set) -> bool:
    ran: isl.Set | None = None
    for run in runs:
        part = run.instances.intersect_params(within)
        instances = part.range()
        if not part.is_injective() or (ran is not None and not ran.is_disjoint(instances)):
            return False
        ran = instances if ran is None else ran.union(instances)
    return bool(statement.domain.is_empty()) if ran is None else same_sets(statement.domain, ran)


def is_simple(model: Model, tree: Tree) -> bool:
    """Whether all loops run over sums of iterators, in steps of one: such loops come out right."""
    return all(_is_plain(loop) for loop in loops_in(tree)) and not any(
        has_hidden(statement.domain.identity()) for statement in model.statements
    )


def _is_plain(loop: LoopNode) -> bool:
    for _, expr in loop.exprs:
        form = linear(expr)
        if form is None or any(not isinstance(a, IterRef) or abs(c) != 1 for a, c in form.terms):
            return False
    return True
