"""The part of an array that iterations of a loop use, and the ways in and out of a buffer for it.

What `buffer_at` and `reuse_at` share: names of loops and iterations, the box of the part, and statements
with their accesses sent to the buffer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import islpy as isl

from tracealloc.poly.dataflow.footprint import PREFIX, Box, exact_values
from tracealloc.poly.dependence.dependence import time_map
from tracealloc.poly.dependence.stretched import has_single_value
from tracealloc.poly.isl.named import map_of, with_tuple
from tracealloc.poly.isl.texts import Parameters, aff_text, iter_names, read_map, tuple_text
from tracealloc.poly.model.model import Model, Statement
from tracealloc.poly.model.statements import (
    accessing,
    in_box,
    in_iters,
    sliced_dims,
    subscripts,
    touches_by_data,
)
from tracealloc.poly.model.tree import LoopNode, Tree, leaves, loops_above, loops_in, upwards
from tracealloc.schedule.core.names import used_arrays, user_name
from tracealloc.schedule.core.primitive import Edit
from tracealloc.schedule.storage.diagonal_box import NO_SLANT, Slant, coordinate
from tracealloc.schedule.storage.indexed_rows import Slots
from tracealloc.trace.ir.dtype import index, leaf_paths
from tracealloc.trace.ir.expr import Binary, Const, Expr, Iter, IterRef, iters_of, walk
from tracealloc.trace.ir.program import Alloc, Array, Store, walk_nodes
from tracealloc.trace.ir.rewrite import Subscript
from tracealloc.trace.ir.text import expr_text
from tracealloc.trace.queries.affine import constant, is_affine, simplify

__all__ = ["Region", "kept_dims", "running_users", "scope_over", "spaces_of", "users_of"]

_MOST_HINTED = 4


def users_of(edit: Edit, array: Array, loop: LoopNode) -> list[Statement]:
    """The statements under `loop` that use `array`.

    Raises:
        ScheduleError: there are none, or one chooses its elements by data.
    """
    users = running_users(edit, array, loop)
    for statement in users:
        if touches_by_data(statement, array):
            raise edit.error(
                "TA241",
                f"cannot tell which part of {array.name!r} an iteration of {loop.name!r} uses",
                because=[f"{statement.where} chooses the elements by data"],
                hint="buffer the whole array outside the loops, by copying it in the kernel",
            )
    return users


def running_users(edit: Edit, array: Array, loop: LoopNode) -> list[Statement]:
    """The statements under `loop` that use `array`, by whatever subscripts, and run at all.

    Raises:
        ScheduleError: there are none.
    """
    inside = [edit.state.model.statement(name) for name in leaves(loop.body)]
    running = [s for s in inside if not s.domain.is_empty()]
    users = [s for s in running if any(access.array == array for access in s.accesses)]
    if not users:
        raise edit.error(
            "TA240",
            f"finds no use of {array.name!r} inside loop {loop.name!r}",
            hint=_elsewhere(edit, array),
        )
    return users


def _elsewhere(edit: Edit, array: Array) -> str | None:
    """The outermost loops in which an array is used, or what steps have put in its place."""
    state = edit.state
    using = {s.name for s in state.model.statements if any(access.array == array for access in s.accesses)}
    loops = [loop for loop in loops_in(state.tree) if using & set(leaves(loop.body))]
    inside = {inner.key for loop in loops for inner in loops_in(loop.body)}
    names = [repr(user_name(edit, loop)) for loop in loops if loop.key not in inside]
    if names:
        return f"{' or '.join(names[:_MOST_HINTED])}, where it is used"
    made = [other.name for other in used_arrays(state) if other.name.startswith(f"{array.name}_")]
    return f"{' or '.join(map(repr, made))}, which holds its values now" if made else None


def spaces_of(statements: list[Statement], array: Array) -> frozenset[str]:
    """The isl names under which statements use an array."""
    return frozenset(a.space for s in statements for a in s.accesses if a.array == array)


@dataclass
class Region:
    """`array` as `users` see it in one iteration of the innermost of `loops`.

    `its` stand for the values of `loops` in the expressions of the box. `seen` is the name under which
    the users access the part (usually the array itself). The box is in the coordinates
    that `diagonal_box` and `indexed_rows` give.
    """

    edit: Edit
    array: Array
    loops: tuple[LoopNode, ...]
    its: tuple[Iter, ...]
    users: list[Statement]
    box: Box
    seen: Array
    slant: Slant = field(default_factory=dict)
    slots: Slots | None = None
    only_stored: bool = False
    """Whether what the users read is no part of the region."""

    @property
    def loop(self) -> LoopNode:
        """The loop whose iterations the region belongs to."""
        return self.loops[-1]

    @cached_property
    def named(self) -> list[Statement]:
        """The users, and those that never run: ranks and names do not depend on extents."""
        if not self.loops:
            return self.users
        users = {s.name: s for s in self.users}
        inside = [self.edit.state.model.statement(name) for name in leaves(self.loop.body)]
        idle = {
            s.name: s
            for s in inside
            if s.domain.is_empty() and any(access.array == self.seen for access in s.accesses)
        }
        return [{**idle, **users}[s.name] for s in inside if s.name in users or s.name in idle]

    @cached_property
    def kept(self) -> list[int]:
        """The dimensions that the buffer keeps."""
        tree, users = self.edit.state.tree, self.named
        found = kept_dims(tree, users, self.seen, self.loops, self.box, self.slant, self.only_stored)
        gone = () if self.slots is None else self.slots.dims[1:]
        return [dim for dim in found if dim not in gone]

    def text(self) -> str:
        """The region as a person writes it: ``C[i, :]`` (``d1`` is the subscript of dimension 1)."""
        parts = []
        box = self.box
        for dim, (low, extent, step) in enumerate(zip(box.lows, box.extents, box.steps, strict=True)):
            if self.slots is not None and dim in self.slots.dims:
                values = [each[self.slots.dims.index(dim)] for each in self.slots.values]
                parts.append(f"{{{', '.join(expr_text(value) for value in values)}}}")
                continue
            if dim in self.slant:
                other, factor = self.slant[dim]
                there = IterRef(Iter(f"slant:{other}", f"d{other}"))
                low = simplify(Binary("-", low, Binary("*", constant(factor), there, index), index))
            text = expr_text(low)
            if extent == 1:
                parts.append(text)
            elif extent == self.array.shape[dim] and dim not in self.slant:
                parts.append(":")
            else:
                end = Const((extent - 1) * step + 1, index)
                end_text = expr_text(simplify(Binary("+", low, end, index)))
                parts.append(f"{text}:{end_text}" + (f":{step}" if step > 1 else ""))
        return f"{self.array.name}[{', '.join(parts)}]" if parts else self.array.name

    def values(self, statement: Statement) -> dict[Iter, Expr]:
        """The iteration that an instance of a statement is in."""
        return {it: loop.expr(statement.name) for it, loop in zip(self.its, self.loops, strict=True)}

    def moved(self, model: Model, statement: Statement, buffer: Array, scope: int) -> Statement:
        """A user with its accesses sent to `buffer`, which lives in the first `scope` loops."""
        values = self.values(statement)
        lows = {dim: in_iters(self.box.lows[dim], values) for dim in self.kept}

        def place(indices: Sequence[Subscript], dim: int) -> Subscript:
            element = cast("Sequence[Expr]", indices)  # nothing is sliced along these
            if self.slots is not None and dim == self.slots.dim:
                return self.slots.number(statement, element)
            return coordinate(element, dim, self.slant)

        scopes = {**dict(statement.scopes), buffer: tuple(values.values())[:scope]}
        if self.seen != self.array:
            scopes.pop(self.seen, None)
        there = in_box(buffer, lows, self.box.steps, place)
        return accessing(model, statement, {self.seen: there}.get, scopes)

    def origins(self, model: Model, buffer: Array, inner: Sequence[str] = ()) -> list[isl.Map]:
        """Of which element of the array each element of a buffer is a copy; `inner` are dimensions behind."""
        names = iter_names(self.its)
        places = {dim: f"b{dim}" for dim in self.kept}
        elements = [
            f"{aff_text(low, names)}" + (f" + {step}*{places[dim]}" if dim in places else "")
            for dim, (low, step) in enumerate(zip(self.box.lows, self.box.steps, strict=True))
        ]
        for dim, (other, factor) in self.slant.items():
            elements[dim] += f" - {factor} * ({elements[other]})"
        scope = [aff_text(expr, names) for expr in self.scope_of_array(len(self.loops))]
        found = []
        for path in leaf_paths(self.array.dtype):
            left = tuple_text(model.space(buffer, path), [*names.values(), *places.values(), *inner])
            space = model.space(self.array, path)
            parts = []
            for number, values in enumerate(self.slots.values if self.slots else ((),)):
                where = ""
                if self.slots is not None:
                    where = f" : {places[self.slots.dim]} = {number}"
                    for dim, value in zip(self.slots.dims, values, strict=True):
                        elements[dim] = aff_text(value, names)
                parts.append(f"{left} -> {tuple_text(space, [*scope, *elements])}{where}")
            found.append(read_map(f"{{ {'; '.join(parts)} }}"))
        return found

    def scope_of_array(self, depth: int) -> tuple[Expr, ...]:
        """The instance of a scoped array that copies use, in the first `depth` loops.

        Raises:
            ScheduleError: the array is made anew inside these loops.
        """
        parameters = self.edit.state.model.parameters
        found = scope_over(self.users[0], self.array, self.loops[:depth], self.its[:depth], parameters)
        if found is None:
            inside = f" inside {self.loops[-1].name!r}" if self.loops else ""
            raise self.edit.error(
                "TA242",
                f"needs a loop inside the one that {self.array.name!r} lives in",
                because=[f"{self.array.name} is made anew in iterations of loops{inside}"],
            )
        return found

    def loop_names(self, suffix: str, also: Iterable[str] = ()) -> list[str]:
        """A name for the loop over each dimension: the user's iterator that indexes it, if there is one.

        None of them is among `also`.
        """
        found: list[str] = []
        for dim in range(self.array.rank):
            name = next(self._inner_names(dim), f"{self.array.name}_{dim}")
            if f"{name}_{suffix}" in found:
                name = f"{self.array.name}_{dim}"
            found.append(self.edit.fresh(f"{name}_{suffix}", [*found, *also]))
        return found

    def _inner_names(self, dim: int) -> Iterator[str]:
        """The iterators that index a dimension and vary inside one iteration; plain indices first."""
        inner: list[Iter] = []
        for statement in self.named:
            outer = {it for value in self.values(statement).values() for it in iters_of(value)}
            for expr in _indices(statement, self.seen, dim):
                if isinstance(expr, IterRef):
                    yield expr.iter.name
                if not is_affine(expr):
                    continue
                inner += [e.iter for e in walk(expr) if isinstance(e, IterRef) and e.iter not in outer]
        yield from (it.name for it in inner)


def scope_over(
    statement: Statement,
    array: Array,
    loops: Sequence[LoopNode],
    its: Sequence[Iter],
    parameters: Parameters,
) -> tuple[Expr, ...] | None:
    """The instance of a scoped array that a statement uses, over loops (None: they do not tell)."""
    if not statement.scope(array):
        return ()
    plain = upwards(loops)
    scope = map_of(statement.name, statement.dims, "Z", statement.scope(array))
    around = with_tuple(time_map(statement, plain).intersect_domain(statement.domain), PREFIX)
    return exact_values(around.reverse().apply_range(scope), its, parameters)


def kept_dims(
    tree: Tree,
    users: Sequence[Statement],
    array: Array,
    loops: Sequence[LoopNode],
    box: Box,
    slant: Slant = NO_SLANT,
    only_stored: bool = False,
) -> list[int]:
    """The dimensions that a buffer keeps for what `users` touch of an array in an iteration of `loops`.

    These are the dimensions with several elements (or with one only because loops inside run once), and
    those that are passed to a kernel as a slice.
    """
    sliced = sliced_dims(users, array)
    if any(isinstance(s.node, Alloc) and s.node.array == array for s in users):
        return list(range(array.rank))
    around = {s.name: loops_above(tree, s.name) for s in users}
    accesses = [
        (s, indices)
        for s in users
        for indices in (_stored(s, array) if only_stored else subscripts(s, array))
    ]
    return [
        dim
        for dim, extent in enumerate(box.extents)
        if extent > 1
        or dim in sliced
        or not has_single_value([(s, coordinate(i, dim, slant)) for s, i in accesses], loops, around)
    ]


def _stored(statement: Statement, array: Array) -> Iterator[tuple[Expr, ...]]:
    """The subscripts of `array` where a statement stores to it."""
    stores = (node for node in walk_nodes((statement.node,)) if isinstance(node, Store))
    return (node.indices for node in stores if node.array == array)


def _indices(statement: Statement, array: Array, dim: int) -> list[Expr]:
    return [indices[dim] for indices in subscripts(statement, array)]
