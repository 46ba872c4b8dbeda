"""Tree and model to a lowered `Program`: isl generates the loops, we put statements and names back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import islpy as isl

from tracealloc.poly.codegen.contraction import Declaration, storages
from tracealloc.poly.codegen.dense_loops import Bounds, bounds_of, ends_of, instance_of, outer_name
from tracealloc.poly.codegen.isl_codegen import generated, has_loop, times_in
from tracealloc.poly.codegen.isomorphic import Names
from tracealloc.poly.codegen.sentinels import BRACKET
from tracealloc.poly.codegen.simplify import tidy
from tracealloc.poly.dependence.dependence import Paths, paths_of
from tracealloc.poly.isl.ast_expr import as_expr
from tracealloc.poly.isl.compared import is_within
from tracealloc.poly.isl.named import only_value
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import instances_used
from tracealloc.poly.model.tree import Leaf, LoopNode, Sequence, Tree, loops_in, upwards
from tracealloc.trace.ir.dtype import index
from tracealloc.trace.ir.expr import (
    Binary,
    Compare,
    Const,
    Expr,
    Iter,
    IterRef,
    Load,
    Unary,
    map_children,
)
from tracealloc.trace.ir.layout import UNMARKED, Marks
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    If,
    Loop,
    Node,
    Program,
    Store,
    over_elements,
)
from tracealloc.trace.ir.rewrite import Elsewhere, map_accesses, map_reads, map_subscript
from tracealloc.trace.queries.affine import constant, range_of, simplify
from tracealloc.trace.queries.intervals import values_between

__all__ = ["lower"]


@dataclass
class _Lowering:
    model: Model
    loops: Mapping[str, LoopNode]
    paths: Paths
    depth: Mapping[str, int]
    storage: Mapping[Array, Declaration]
    twins: Mapping[str, tuple[Names, ...]]
    around: Mapping[str, tuple[LoopNode, ...]]
    """The loops around each loop."""
    ranges: dict[Iter, tuple[int, int]] = field(default_factory=dict)
    running: dict[str, Expr] = field(default_factory=dict)
    """The values of the loops around, by key."""
    single: dict[str, IterRef] = field(default_factory=dict)
    """The iterators of loops that run once, by key: isl knows their values only."""
    names: Names = field(default_factory=dict)
    """Of the part that is made from the loops of another: what is called how in it."""
    done: set[str] = field(default_factory=set)
    """The statements that have their place."""

    def simple(self, expr: Expr) -> Expr:
        return simplify(expr, self.ranges)

    def node(self, ast: isl.AstNode, values: Mapping[str, Expr], pending: str | None) -> list[Node]:
        kind: Any = ast.get_type()
        types: Any = isl.ast_node_type
        if kind == types.mark:
            key, inside = ast.mark_get_id().get_name(), ast.mark_get_node()
            return self.row(key, lambda: self.marked(self.called(key), inside, values))
        if kind == types.for_:
            assert pending is not None
            return self.loop(ast, values, pending)
        if kind == types.if_:
            cond = self.simple(as_expr(ast.if_get_cond(), values))
            then = tuple(self.node(ast.if_get_then_node(), values, pending))
            orelse = (
                tuple(self.node(ast.if_get_else_node(), values, pending)) if ast.if_has_else_node() else ()
            )
            return [If(cond, then, orelse)]
        assert pending is None, pending
        if kind == types.block:
            children = ast.block_get_children()
            count = children.n_ast_node()
            parts = [self.node(children.get_ast_node(k), values, None) for k in range(count)]
            return [node for part in parts for node in part]
        assert kind == types.user, kind
        call = ast.user_get_expr()
        name = call.op_get_arg(0).id_get_id().get_name()
        return self.row(name, lambda: self.statement(self.called(name), call, values))

    def called(self, name: str) -> str:
        """The loop or statement that is called `name` where isl made loops."""
        return self.names.get(name, name)

    def row(self, name: str, make: Callable[[], list[Node]]) -> list[Node]:
        """What `make` gives for the part that `name` stands for, and for those alike after it."""
        found, around = make(), self.names
        for twin in self.twins.get(name, ()):
            self.names = {**around, **{first: around.get(own, own) for first, own in twin.items()}}
            found += make()
            self.names = around
        return found

    def marked(self, key: str, inside: isl.AstNode, values: Mapping[str, Expr]) -> list[Node]:
        """The loop `key`; isl has a `for` for it unless it runs once."""
        if has_loop(inside):
            return self.node(inside, values, key)
        plain = upwards((*self.around[key], self.loops[key]))
        outer = {f"o{k}": self.running[loop.key] for k, loop in enumerate(plain[:-1])}
        around = {**self.model.parameters, **outer}
        only = self.simple(as_expr(only_value(times_in(self.model, plain)), around))
        return self.one_trip(key, only, lambda _: self.node(inside, values, None))

    def one_trip(self, key: str, only: Expr, body: Callable[[Expr], list[Node]]) -> list[Node]:
        """A loop with the one value `only`; one that only copies is left out if no mark is on it."""
        loop = self.loops[key]
        if loop.place is None and loop.marks in (UNMARKED, Marks(unroll=0)):
            self.running[key] = only
            return self.declarations(key) + body(only)
        it = Iter(key, loop.name)
        stop = _plus(only, 1)
        self.learn_range(it, only, stop, 1)
        self.running[key] = self.single[key] = IterRef(it)
        inside = tuple(self.declarations(key) + body(IterRef(it)))
        return [Loop(it, only, stop, 1, inside, loop.reduction, loop.band, loop.marks, loop.place)]

    def loop(self, ast: isl.AstNode, values: Mapping[str, Expr], key: str) -> list[Node]:
        loop = self.loops[key]
        variable = ast.for_get_iterator().id_get_id().get_name()
        start = as_expr(ast.for_get_init(), values)
        if ast.for_is_degenerate():
            only = self.simple(Unary("-", start, index) if loop.descending else start)

            def body_at(value: Expr) -> list[Node]:
                at = self.simple(Unary("-", value, index)) if loop.descending else value
                return self.node(ast.for_get_body(), {**values, variable: at}, None)

            return self.one_trip(key, only, body_at)
        it = Iter(key, loop.name)
        value: Expr = Unary("-", IterRef(it), index) if loop.descending else IterRef(it)
        inside = {**values, variable: value}
        cond = as_expr(ast.for_get_cond(), inside)
        assert isinstance(cond, Compare) and cond.op in ("<=", "<"), cond
        stop = _plus(cond.right, 1) if cond.op == "<=" else cond.right
        step_expr = self.simple(as_expr(ast.for_get_inc(), inside))
        assert isinstance(step_expr, Const)
        step = int(step_expr.value)
        if loop.descending:
            start, stop, step = Unary("-", start, index), Unary("-", stop, index), -step
        start, stop = self.simple(start), self.simple(stop)
        return self.counted(it, start, stop, step, lambda: self.node(ast.for_get_body(), inside, None))

    def counted(
        self, it: Iter, start: Expr, stop: Expr, step: int, inside: Callable[[], list[Node]]
    ) -> list[Node]:
        """A loop that counts; `inside` makes its body."""
        loop = self.loops[it.key]
        self.learn_range(it, start, stop, step)
        self.running[it.key] = IterRef(it)
        body = tuple(self.declarations(it.key) + inside())
        return [Loop(it, start, stop, step, body, loop.reduction, loop.band, loop.marks, loop.place)]

    def scanned(self, part: Tree, known: tuple[Bounds, ...] = ()) -> list[Node]:
        """A part of the tree for which isl has no loops. `known` are the bounds of the loops around it."""
        if isinstance(part, Sequence):
            return [node for child in part.children for node in self.scanned(child, known)]
        if isinstance(part, Leaf):
            return self.scanned_leaf(part.statement, known)
        around = self.around[part.key]
        bounds = bounds_of(self.model, (*around, part))
        if bounds is None:
            return []
        values = [self.running[loop.key] for loop in around]
        low, high, single = ends_of(bounds, values, self.model.parameters)
        inner = (*known, bounds)
        if single:
            return self.one_trip(part.key, self.simple(low), lambda _: self.scanned(part.body, inner))
        it = Iter(part.key, part.name)
        start, stop, step = low, _plus(high, 1), 1
        if part.descending:
            start, stop, step = high, _plus(low, -1), -1
        start, stop = self.simple(start), self.simple(stop)
        return self.counted(it, start, stop, step, lambda: self.scanned(part.body, inner))

    def scanned_leaf(self, name: str, known: tuple[Bounds, ...]) -> list[Node]:
        """A statement under the condition that an instance runs at the values of the loops around."""
        loops = tuple(step.loop for step in self.paths[name] if step.loop is not None)
        instance = instance_of(self.model, name, loops, known)
        if instance is None:
            return []
        values = {
            **self.model.parameters,
            **{outer_name(k): self.running[x.key] for k, x in enumerate(loops)},
        }
        nodes = self.statement(name, instance.call, values)
        if instance.cond is None:
            return nodes
        return [If(self.simple(as_expr(instance.cond, values)), tuple(nodes))]

    def learn_range(self, it: Iter, start: Expr, stop: Expr, step: int) -> None:
        """Remember between which values an iterator runs, so that divisions by tile sizes vanish."""
        ends = values_between(start, stop, step, lambda end: range_of(end, self.ranges))
        self.ranges.pop(it, None)
        if ends is not None:
            self.ranges[it] = (ends[0], ends[1] - 1)

    def declarations(self, key: str | None) -> list[Node]:
        """The declarations that open the body of a loop (values declare themselves)."""
        found: list[Node] = []
        for array, storage in self.storage.items():
            if storage.owner == key and not self.declares_itself(array, storage):
                found.append(Alloc(storage.array, place=array.place))
        return found

    def declares_itself(self, array: Array, storage: Declaration) -> bool:
        """Whether a statement of the array (its value's store, its fill) stands where it is declared."""
        if array.kind == "value" and storage.array.kind == "value":
            owner_depth = len(storage.loops)
            return any(
                isinstance(s.node, Store) and s.node.array == array and self.depth[s.name] == owner_depth
                for s in self.model.statements
            )
        makers = [s for s in self.model.statements if isinstance(s.node, Alloc) and s.node.array == array]
        if storage.kept or len(makers) != 1:
            return False
        maker = makers[0]
        stands = not maker.guards and self.depth[maker.name] == len(storage.loops)
        return stands and self.is_made_for_all(array, maker)

    def is_made_for_all(self, array: Array, maker: Statement) -> bool:
        """Whether every instance of an array that a statement uses is one that `maker` makes.

        Where a value is never read, peel and compute_at may leave its making out.
        """
        made = instances_used(maker, array)
        others = (s for s in self.model.statements if s.scope(array) and s is not maker)
        return all(is_within(instances_used(s, array), made) for s in others)

    def statement(self, name: str, call: isl.AstExpr, values: Mapping[str, Expr]) -> list[Node]:
        if name.startswith(BRACKET):
            return []
        self.done.add(name)
        statement = self.model.statement(name)
        count = len(statement.dims)
        args = [self.simple(as_expr(call.op_get_arg(k + 1), values)) for k in range(count)]
        known: dict[Iter, Expr] = dict(zip(statement.dims, args, strict=True))
        for step in self.paths[name]:
            if step.loop is not None and step.loop.key in self.single:
                counts = step.loop.expr(name)
                if isinstance(counts, IterRef):
                    known[counts.iter] = self.single[step.loop.key]
        inner = _Instance(statement, known, self)
        node = statement.node
        nodes = inner.fill(node) if isinstance(node, Alloc) else [inner.node(node)]
        for guard in reversed(statement.guards):
            nodes = [If(inner.expr(guard), tuple(nodes), place=statement.place)]
        return nodes


def _plus(expr: Expr, amount: int) -> Expr:
    """``expr + amount``, moved inside ``min`` and ``max`` so that bounds read well."""
    if isinstance(expr, Binary) and expr.op in ("min", "max"):
        return Binary(expr.op, _plus(expr.left, amount), _plus(expr.right, amount), index)
    return simplify(Binary("+", expr, constant(amount), index))


@dataclass
class _Instance:
    """One statement with its iterators replaced and its scoped arrays at their storage."""

    statement: Statement
    values: dict[Iter, Expr]
    lowering: _Lowering
    places: dict[Array, Elsewhere] = field(default_factory=dict)

    def expr(self, expr: Expr) -> Expr:
        return map_reads(expr, self.stored, self.change)

    @cached_property
    def counted(self) -> dict[Expr, Expr]:
        """What the loops around count, as the statement knows it -> their iterators: ``i % 8 -> i.inner``."""
        lowering, name = self.lowering, self.statement.name
        loops = [step.loop for step in lowering.paths[name] if step.loop is not None]
        counted = {loop.expr(name): loop.key for loop in loops if not isinstance(loop.expr(name), IterRef)}
        return {expr: lowering.running[key] for expr, key in counted.items() if key in lowering.running}

    def change(self, expr: Expr) -> Expr | None:
        if isinstance(expr, IterRef):
            return self.values.get(expr.iter)
        if isinstance(expr, Load | Const):
            return None
        if expr.dtype == index:
            if expr in self.counted:
                return self.counted[expr]
            return self.lowering.simple(map_children(expr, self.expr))
        return None

    def stored(self, array: Array) -> Elsewhere:
        found = self.places.get(array)
        if found is None:
            extra, stored = self.extra(array)
            simple = self.lowering.simple
            found = stored, lambda indices: (*extra, *(map_subscript(part, simple) for part in indices))
            self.places[array] = found
        return found

    def extra(self, array: Array) -> tuple[tuple[Expr, ...], Array]:
        storage = self.lowering.storage.get(array)
        if storage is None:
            return (), array
        indices = storage.indices(self.statement, array)
        return tuple(self.lowering.simple(self.expr(e)) for e in indices), storage.array

    def node(self, node: Node) -> Node:
        return map_accesses(node, self.stored, self.change)

    def fill(self, node: Alloc) -> list[Node]:
        assert node.fill is not None
        fill = self.expr(node.fill)
        storage = self.lowering.storage.get(node.array)
        if storage is None:
            return [replace(node, fill=fill)]
        if self.lowering.declares_itself(node.array, storage):
            return [Alloc(storage.array, fill, node.place)]
        extra, stored = self.extra(node.array)
        array = node.array
        its = tuple(Iter(f"{array.key}:fill{k}", f"{array.name}_{k}") for k in range(array.rank))
        made = Store(stored, (*extra, *(IterRef(it) for it in its)), fill, place=node.place)
        return [over_elements(its, made, array.shape, place=node.place)]


def lower(
    model: Model,
    tree: Tree,
) -> Program:
    """The loop nest of a schedule as a `Program`."""
    made = generated(model, tree)
    twins = {name: row for part in made for name, row in part.twins.items()}
    paths = paths_of(tree)
    lowering = _Lowering(
        model,
        {loop.key: loop for loop in loops_in(tree)},
        paths,
        {name: sum(step.loop is not None for step in steps) for name, steps in paths.items()},
        storages(model, tree),
        twins,
        _around(paths),
    )
    program = model.program
    top = _top_declarations(model)
    top += lowering.declarations(None)
    body: list[Node] = []
    for part in made:
        own = part.ast
        body += lowering.scanned(part.part) if own is None else lowering.node(own, model.parameters, None)
    for left in model.statements:
        assert left.name in lowering.done or left.domain.is_empty(), f"{left.name} was lost"
    return replace(program, body=tidy((*top, *body)), layouts=())


def _around(paths: Paths) -> dict[str, tuple[LoopNode, ...]]:
    """The loops around each loop."""
    found: dict[str, tuple[LoopNode, ...]] = {}
    for path in paths.values():
        loops = tuple(step.loop for step in path if step.loop is not None)
        found.update((loop.key, loops[:depth]) for depth, loop in enumerate(loops))
    return found


def _top_declarations(model: Model) -> list[Node]:
    """Arrays of the whole kernel that nothing fills (a local one that no statement uses is gone)."""
    used = {access.array for s in model.statements for access in s.accesses}
    filled = {s.node.array for s in model.statements if isinstance(s.node, Alloc)}
    scoped = {array for s in model.statements for array, exprs in s.scopes if exprs}
    return [
        Alloc(array, place=array.place)
        for array in model.arrays
        if (array.kind in ("result", "stream") or (array.kind == "local" and array in used))
        and array not in filled
        and array not in scoped
        and array not in model.program.args
    ]
