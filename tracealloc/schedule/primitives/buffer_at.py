"""``buffer_at``: an on-chip copy of the part of an array that one iteration of a loop uses."""

from __future__ import annotations

from dataclasses import dataclass, replace

import islpy as isl

from tracealloc.poly.accesses import leaf_paths
from tracealloc.poly.flow import flow_of
from tracealloc.poly.footprint import footprint
from tracealloc.poly.model import Model, Statement
from tracealloc.poly.named import aff_text, flat_set, iter_names, tuple_text
from tracealloc.poly.tree import Leaf, LoopNode, Tree, leaves, replace_loop, restrict, sequence
from tracealloc.schedule.copies import in_iters, make_statement, redirect, touches_by_data, unique_name
from tracealloc.schedule.loops import chain_above
from tracealloc.schedule.primitive import ArrayRef, Edit, Result, primitive
from tracealloc.schedule.state import OpaqueLoop, State
from tracealloc.trace.affine import simplify
from tracealloc.trace.dtype import index
from tracealloc.trace.expr import Binary, Const, Expr, Iter, IterRef, Load, loads_of
from tracealloc.trace.layout import Marks
from tracealloc.trace.program import Alloc, Array, Store, expressions_of
from tracealloc.trace.text import expr_text

__all__ = ["buffer_at"]


@primitive(array="array", loop="loop")
def buffer_at(edit: Edit, array: Array, loop: LoopNode | OpaqueLoop) -> Result:
    """Keep the part of `array` that one iteration of `loop` uses in a buffer of its own.

    Rewrite:
        for i: { ... C[i, j] ... }
          ->   for i: { C_i: T[N]; for j: C_i[j] = C[i, j]; ... C_i[j] ...; for j: C[i, j] = C_i[j] }
        The copy in is there only for elements that are read before they are written, the copy out only
        for elements that are written and seen later. Where every element copied in still holds the
        constant that the array was made with, the buffer is set to that constant instead.
    Legal when:
        the part does not depend on data.

    Returns:
        The buffer.

    Raises:
        ScheduleError: the part depends on data, or the loop does not use the array.
    """
    loop = edit.affine(loop)
    users = _users(edit, array, loop)
    return _Buffer(edit, array, loop, users).build()


def _users(edit: Edit, array: Array, loop: LoopNode) -> list[Statement]:
    state = edit.state
    inside = [state.model.statement(name) for name in leaves(loop.body)]
    users = [s for s in inside if any(access.array == array for access in s.accesses)]
    if not users:
        raise edit.error(
            "TA240",
            f"finds no use of {array.name!r} inside loop {loop.name!r}",
            hint="choose a loop around the statements that use it",
        )
    for statement in users:
        if touches_by_data(statement, array):
            where = statement.place.short if statement.place else statement.name
            raise edit.error(
                "TA241",
                f"cannot tell which part of {array.name!r} an iteration of {loop.name!r} uses",
                because=[f"{where} chooses the elements by data"],
                hint="buffer the whole array outside the loops, by copying it in the kernel",
            )
    return users


@dataclass
class _Buffer:
    edit: Edit
    array: Array
    loop: LoopNode
    users: list[Statement]

    def build(self) -> Result:
        state, (key,) = self.edit.keys(1)
        model = state.model
        self.loops = chain_above(state, self.loop.key)
        self.its = tuple(Iter(f"{key}:{loop.key}", loop.name) for loop in self.loops)
        self.part = footprint(model, state.tree, self.array, self.loops, self.users, self.its)
        box = self.part.box
        self.kept = [dim for dim, extent in enumerate(box.extents) if extent > 1]
        self.buffer = Array(
            key,
            unique_name(model, f"{self.array.name}_{self.loop.name}".replace(".", "_")),
            self.array.dtype,
            tuple(box.extents[dim] for dim in self.kept),
            origin=self.origin(),
            place=self.array.place,
        )
        model = replace(model, arrays=(*model.arrays, self.buffer))
        model = replace(model, origins=(*model.origins, *self.origins(model)))
        moved = {s.name: self.moved(model, s) for s in self.users}
        statements = [moved.get(s.name, s) for s in model.statements]
        copies = self.copies(model, key)
        tree = self.tree(state.tree, copies)
        model = model.with_statements([*statements, *(statement for statement, _ in copies)], tree)
        stale = frozenset(
            access.space
            for statement in model.statements
            for access in statement.accesses
            if access.array in (self.array, self.buffer)
        )
        state = state.with_model(model, tree, stale | _spaces(self.users, self.array))
        return Result(_from_constant(state, self.array, copies), (ArrayRef(key),))

    def origin(self) -> str:
        """``C[i, :]``."""
        parts = []
        for dim, (low, extent) in enumerate(zip(self.part.box.lows, self.part.box.extents, strict=True)):
            text = expr_text(low)
            if extent == 1:
                parts.append(text)
            elif extent == self.array.shape[dim]:
                parts.append(":")
            else:
                end = expr_text(simplify(Binary("+", low, Const(extent, index), index)))
                parts.append(f"{text}:{end}")
        return f"{self.array.name}[{', '.join(parts)}]" if parts else self.array.name

    def origins(self, model: Model) -> list[isl.Map]:
        """Of which element of the array each element of the buffer is a copy."""
        names = iter_names(self.its)
        slots = {dim: f"b{dim}" for dim in self.kept}
        elements = [
            f"{aff_text(low, names)}" + (f" + {slots[dim]}" if dim in slots else "")
            for dim, low in enumerate(self.part.box.lows)
        ]
        scope = [aff_text(expr, names) for expr in self.scope_of_array()]
        return [
            isl.Map(
                f"{{ {tuple_text(model.space(self.buffer, path), [*names.values(), *slots.values()])} -> "
                f"{tuple_text(model.space(self.array, path), [*scope, *elements])} }}"
            )
            for path in leaf_paths(self.array.dtype)
        ]

    def values(self, statement: Statement) -> dict[Iter, Expr]:
        """The iteration that an instance of a statement is in."""
        return {it: loop.expr(statement.name) for it, loop in zip(self.its, self.loops, strict=True)}

    def moved(self, model: Model, statement: Statement) -> Statement:
        values = self.values(statement)
        shift = {dim: in_iters(self.part.box.lows[dim], values) for dim in self.kept}
        node, guards = redirect(statement, self.array, self.buffer, shift)
        scopes = {**dict(statement.scopes), self.buffer: tuple(values.values())}
        return make_statement(
            model,
            statement.name,
            node,
            statement.dims,
            statement.domain,
            scopes,
            guards=guards,
            origin=statement.origin,
            origin_instance=statement.origin_instance,
            copy=statement.copy,
        )

    def scope_of_array(self) -> tuple[Expr, ...]:
        """The instance of a scoped array that the copies use, in the loops around the buffer."""
        statement = self.users[0]
        found: list[Expr] = []
        for expr in statement.scope(self.array):
            match = [
                it
                for it, loop in zip(self.its, self.loops, strict=True)
                if simplify(loop.expr(statement.name)) == simplify(expr)
            ]
            if not match:
                raise self.edit.error(
                    "TA242",
                    f"needs a loop inside the one that {self.array.name!r} lives in",
                    because=[
                        f"{self.array.name} is made anew in iterations of loops inside {self.loop.name!r}"
                    ],
                )
            found.append(IterRef(match[0]))
        return tuple(found)

    def copies(self, model: Model, key: str) -> list[tuple[Statement, Tree]]:
        """The copy in and the copy out, each with its loops."""
        part = self.part
        self.first = None if part.needed.is_empty() else self.copy(model, f"{key}_init", "init", part.needed)
        self.last = None if part.left.is_empty() else self.copy(model, f"{key}_back", "back", part.left)
        return [pair for pair in (self.first, self.last) if pair is not None]

    def copy(self, model: Model, name: str, suffix: str, elements: isl.Map) -> tuple[Statement, Tree]:
        element = tuple(Iter(f"{name}:e{dim}", self.loop_name(dim, suffix)) for dim in range(self.array.rank))
        lows = self.part.box.lows
        inside = tuple(simplify(Binary("-", IterRef(element[dim]), lows[dim], index)) for dim in self.kept)
        outside = tuple(IterRef(it) for it in element)
        place = self.loop.place
        node = (
            Store(self.buffer, inside, Load(self.array, outside, place=place), place=None)
            if suffix == "init"
            else Store(self.array, outside, Load(self.buffer, inside, place=place), place=None)
        )
        scopes = {self.buffer: tuple(IterRef(it) for it in self.its), self.array: self.scope_of_array()}
        dims = (*self.its, *element)
        statement = make_statement(model, name, node, dims, flat_set(elements, name), scopes, copy=True)
        nest: Tree = Leaf(name)
        for position, dim in enumerate(reversed(self.kept)):
            marks = Marks(pipeline=1) if position == 0 else Marks()
            it = element[dim]
            nest = LoopNode(it.key, it.name, ((name, inside[-1 - position]),), nest, marks=marks)
        return statement, nest

    def loop_name(self, dim: int, suffix: str) -> str:
        """A name for the loop over a dimension: the user's iterator that indexes it, if there is one."""
        for statement in self.users:
            for expr in _indices(statement, self.array, dim):
                if isinstance(expr, IterRef):
                    return self.edit.fresh(f"{expr.iter.name}_{suffix}")
        return self.edit.fresh(f"{self.array.name}_{dim}_{suffix}")

    def tree(self, tree: Tree, copies: list[tuple[Statement, Tree]]) -> Tree:
        names = [statement.name for statement, _ in copies]
        pairs = {
            loop.key: tuple((name, IterRef(it)) for name in names)
            for it, loop in zip(self.its, self.loops, strict=True)
        }

        def change(loop: LoopNode) -> Tree:
            if loop.key not in pairs:
                return loop
            body = loop.body
            if loop.key == self.loop.key:
                before = [self.first[1]] if self.first else []
                after = [self.last[1]] if self.last else []
                body = sequence([*before, body, *after])
            return replace(loop, exprs=(*loop.exprs, *pairs[loop.key]), body=body)

        for loop in reversed(self.loops):
            tree = replace_loop(tree, loop.key, change)
        return tree


def _spaces(statements: list[Statement], array: Array) -> frozenset[str]:
    return frozenset(a.space for s in statements for a in s.accesses if a.array == array)


def _indices(statement: Statement, array: Array, dim: int) -> list[Expr]:
    found = [
        load.indices[dim]
        for expr in expressions_of(statement.node)
        for load in loads_of(expr)
        if load.array == array
    ]
    if isinstance(statement.node, Store) and statement.node.array == array:
        found.append(statement.node.indices[dim])
    return found


def _from_constant(state: State, array: Array, copies: list[tuple[Statement, Tree]]) -> State:
    """Set the buffer to the array's first constant where that is all the copy in would read.

    The fill of the array then goes, if nothing else sees it.
    """
    model = state.model
    fill = next((s for s in model.statements if isinstance(s.node, Alloc) and s.node.array == array), None)
    if fill is None or not copies or not copies[0][0].name.endswith("_init"):
        return state
    assert isinstance(fill.node, Alloc)
    if not isinstance(fill.node.fill, Const):
        return state
    name = copies[0][0].name
    flow = flow_of(model, state.tree, arrays=frozenset((array,)))
    sources = flow.sources_of(name)
    if sources != {fill.name}:
        return state
    copy = model.statement(name)
    assert isinstance(copy.node, Store)
    node = replace(copy.node, value=fill.node.fill)
    constant = make_statement(
        model,
        name,
        node,
        copy.dims,
        copy.domain,
        dict(copy.scopes),
        origin=fill.name,
        origin_instance=copy.scope(array),
    )
    statements = [constant if s.name == name else s for s in model.statements]
    tree = state.tree
    if not flow.sinks_of(fill.name) - {name}:
        statements = [s for s in statements if s.name != fill.name]
        rest = restrict(tree, frozenset(s.name for s in statements))
        assert rest is not None
        tree = rest
    return state.with_model(
        model.with_statements(statements, tree), tree, _spaces(list(model.statements), array)
    )
