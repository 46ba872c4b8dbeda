"""Loading lines when their first window needs them, instead of in a loop of their own.

A line buffer is filled by a nest before the loop over its columns. Once a window of it slides along that
loop, each column is needed from one iteration on: the nest then moves into the loop, column by column,
and each iteration reads one new element from the array.
"""

from __future__ import annotations

from dataclasses import replace

import islpy as isl

from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.isl.affine_bounds import lower_bounds
from tracealloc.poly.isl.coalesce import coalesced
from tracealloc.poly.isl.compared import is_within, minus, minus_domain
from tracealloc.poly.isl.named import map_of, range_dims
from tracealloc.poly.isl.texts import Parameters
from tracealloc.poly.model.model import Statement
from tracealloc.poly.model.statements import make_statement
from tracealloc.poly.model.tree import (
    LoopNode,
    Sequence,
    Tree,
    leaves,
    map_loops,
    path_to_loop,
    renamed_leaves,
    restrict,
    upwards,
    with_statements_at,
)
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.core.state import State
from tracealloc.trace.diagnostics.errors import IllegalScheduleError
from tracealloc.trace.ir.expr import Expr
from tracealloc.trace.ir.program import Array, Store

__all__ = ["load_when_needed"]


def load_when_needed(edit: Edit, state: State, lines: Array, loop: str, window: str) -> State:
    """The state with the filling of `lines` moved into the loop with key `loop`, where that is right.

    `window` is the statement in the loop that reads each element of `lines` once, when it is new.
    """
    names = {s.name for s in state.model.statements}
    path = path_to_loop(state.tree, loop)
    if window not in names or len(path) < 2:
        return state
    parent, position = path[-2]
    if not isinstance(parent, Sequence):
        return state
    above = tuple(node for node, _ in path[:-1] if isinstance(node, LoopNode))
    if not above:
        return state  # what fills an array before the outermost loop is no filling of lines
    target = path[-1][0]
    assert isinstance(target, LoopNode)
    for child in parent.children[:position]:
        fills = [state.model.statement(name) for name in leaves(child)]
        if isinstance(child, LoopNode) and all(s.copy and s.writes[0].array == lines for s in fills):
            moved = _Move(edit, state, lines, above, target, window, child, fills).moved()
            return _sources_too(edit, state, moved, lines, loop)
    return state


def _sources_too(edit: Edit, state: State, moved: State, lines: Array, loop: str) -> State:
    """The state with what fills the arrays that the lines are loaded from moved into the loop as well."""
    before = {s.name for s in state.model.statements}
    for statement in moved.model.statements:
        if statement.name not in before and statement.copy and statement.reads[0].array != lines:
            moved = load_when_needed(edit, moved, statement.reads[0].array, loop, statement.name)
    return moved


def _only(values: isl.Map, statement: Statement, parameters: Parameters) -> Expr | None:
    """The last output of a single-valued relation as an expression over a statement's iterators."""
    last = range_dims(values) - 1
    for expr in lower_bounds(values, last, statement.dims, parameters):
        others = [*(values_of_dim(values, k, statement, parameters) for k in range(last)), expr]
        if None in others:
            return None
        made = map_of(statement.name, statement.dims, "T", [e for e in others if e is not None])
        if is_within(values, made):
            return expr
    return None


def values_of_dim(values: isl.Map, dim: int, statement: Statement, parameters: Parameters) -> Expr | None:
    """One output of a relation as an expression over a statement's iterators."""
    return next(iter(lower_bounds(values, dim, statement.dims, parameters)), None)


class _Move:
    def __init__(
        self,
        edit: Edit,
        state: State,
        lines: Array,
        above: tuple[LoopNode, ...],
        target: LoopNode,
        window: str,
        nest: LoopNode,
        fills: list[Statement],
    ) -> None:
        self.edit, self.state, self.lines = edit, state, lines
        self.above, self.target, self.nest, self.fills = above, target, nest, fills
        self.window = state.model.statement(window)
        self.plain = upwards((*above, target))

    def key(self, statement: Statement) -> isl.Map:
        """Instance -> (iteration of the loops above, element of the lines)."""
        touched: isl.Map | None = None
        for access in statement.accesses:
            if access.array == self.lines and (access.write or statement.writes[0].array != self.lines):
                touched = access.relation if touched is None else touched.union(access.relation)
        assert touched is not None
        times = time_map(statement, self.plain[:-1]).intersect_domain(statement.domain)
        return times.range_product(touched)

    def moved(self) -> State:
        state, late = self.state, {}
        use = self.key(self.window).reverse().apply_range(time_map(self.window, self.plain))
        values: dict[str, Expr] = {}
        for fill in self.fills:
            needed = self.key(fill).apply_range(use)
            if needed.is_empty():
                continue
            if not needed.is_single_valued():
                return state
            expr = _only(needed, fill, state.model.parameters)
            if expr is None:
                return state
            late[fill.name], values[fill.name] = needed.domain(), expr
        for parts in (late, self.widened(values)):
            if parts and self.apart(parts):
                return self.rewritten(parts, values)
        return state

    def widened(self, values: dict[str, Expr]) -> dict[str, isl.Set]:
        """All fills for which the target loop has an iteration: what skips lines still moves all of them."""
        runs = time_map(self.window, self.plain).intersect_domain(self.window.domain).range()
        found = {}
        for fill in self.fills:
            if fill.name in values:
                at = replace(self.plain[-1], exprs=((fill.name, values[fill.name]),))
                times = time_map(fill, (*self.plain[:-1], at)).intersect_domain(fill.domain)
                found[fill.name] = times.intersect_range(runs).domain()
        return found

    def apart(self, late: dict[str, isl.Set]) -> bool:
        """Whether what moves and what stays touch different elements in each outer iteration."""
        touched: dict[bool, isl.Set | None] = {True: None, False: None}
        for fill in self.fills:
            times = time_map(fill, self.plain[:-1]).intersect_domain(fill.domain)
            for access in fill.accesses:
                if access.array != self.lines:
                    continue
                both = times.range_product(access.relation)
                for moves in (True, False):
                    part = late.get(fill.name)
                    if part is None:
                        kept = None if moves else both
                    else:
                        kept = both.intersect_domain(part) if moves else minus_domain(both, part)
                    if kept is not None and not kept.is_empty():
                        known = touched[moves]
                        reached = kept.range()
                        touched[moves] = reached if known is None else known.union(reached)
        first, second = touched[True], touched[False]
        return first is None or second is None or bool(first.intersect(second).is_empty())

    def rewritten(self, late: dict[str, isl.Set], values: dict[str, Expr]) -> State:
        state, model = self.state, self.state.model
        renamed = {name: f"{name}_{self.target.key}" for name in late}
        rest: dict[str, isl.Set] = {
            s.name: coalesced(minus(s.domain, late[s.name])) if s.name in late else s.domain
            for s in self.fills
        }
        statements: list[Statement] = []
        for statement in model.statements:
            if statement.name not in rest:
                statements.append(statement)
                continue
            if not rest[statement.name].is_empty():
                statements.append(self.remade(statement, statement.name, rest[statement.name]))
            if statement.name in late:
                statements.append(self.remade(statement, renamed[statement.name], late[statement.name]))
        moved = _renamed(self.edit, restrict(self.nest, frozenset(late)), renamed, self.target.key)
        names = frozenset(s.name for s in statements)
        outer = {
            loop.key: tuple((new, loop.expr(name)) for name, new in renamed.items()) for loop in self.above
        }
        apart = with_statements_at(state.tree, self.nest.key, outer, (), [moved], beside=True)
        reference, left = restrict(apart, names), restrict(state.tree, names)
        assert reference is not None and left is not None
        model = model.with_statements(statements, reference)
        stale = frozenset(a.space for s in self.fills for a in s.accesses)
        middle = state.with_model(model, reference, stale)
        inner = self.innermost(moved, middle, values, renamed)
        at = {self.target.key: tuple((renamed[name], value) for name, value in values.items())}
        tree = with_statements_at(left, self.target.key, {**outer, **at}, [inner])
        try:
            return replace(self.edit, state=middle).reordered(
                tree, "lines would be read before they are loaded"
            )
        except IllegalScheduleError:
            return state

    def remade(self, statement: Statement, name: str, domain: isl.Set) -> Statement:
        assert isinstance(statement.node, Store)
        part = domain.set_tuple_name(name)
        scopes = dict(statement.scopes)
        return make_statement(self.state.model, name, statement.node, statement.dims, part, scopes, copy=True)

    def innermost(self, nest: Tree, state: State, values: dict[str, Expr], renamed: dict[str, str]) -> Tree:
        """The moved nest without loops whose value the target loop decides."""

        def change(loop: LoopNode) -> Tree:
            for old, value in values.items():
                name = renamed[old]
                if name not in dict(loop.exprs):
                    continue
                statement = state.model.statement(name)
                here = replace(self.target, exprs=((name, value),), descending=False)
                outer = (
                    *(replace(each, exprs=self._renamed_exprs(each, old, name)) for each in self.plain[:-1]),
                    here,
                )
                times = time_map(statement, outer).intersect_domain(statement.domain)
                decided = times.reverse().apply_range(time_map(statement, (replace(loop, descending=False),)))
                if not decided.is_single_valued():
                    return loop
            return loop.body

        return map_loops(nest, change)

    def _renamed_exprs(self, loop: LoopNode, old: str, name: str) -> tuple[tuple[str, Expr], ...]:
        return ((name, loop.expr(old)),)


def _renamed(edit: Edit, nest: Tree | None, renamed: dict[str, str], key: str) -> Tree:
    """A copy of a nest with other statements and loops of its own."""
    assert nest is not None
    taken: list[str] = []

    def change(loop: LoopNode) -> Tree:
        name = edit.fresh(loop.name, taken)
        taken.append(name)
        exprs = tuple((renamed[old], expr) for old, expr in loop.exprs if old in renamed)
        return replace(loop, key=f"{loop.key}_{key}", name=name, exprs=exprs)

    return renamed_leaves(map_loops(nest, change), renamed)
