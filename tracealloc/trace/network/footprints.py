"""Which elements and queues each process of a family uses: boxes with strides, for all of them at once.

Called kernels are looked into: what ``pe(C, i, j)`` stores is ``C[i, j]``, where ``pe`` does. A subscript
that is not affine in the loops around may be anywhere in its dimension.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tracealloc.trace.diagnostics.source import Place
from tracealloc.trace.ir.expr import Expr, Iter, IterRef, Load, Logical, Unary, loads_of, rewrite
from tracealloc.trace.ir.program import (
    Alloc,
    Array,
    Block,
    Call,
    If,
    Loop,
    Node,
    Region,
    Slice,
    Store,
    While,
    expressions_of,
    walk_nodes,
)
from tracealloc.trace.network.families import Family
from tracealloc.trace.network.numbers import values_of
from tracealloc.trace.queries.affine import linear
from tracealloc.trace.queries.summary import summary_of
from tracealloc.trace.queries.typing_rules import binary

__all__ = ["Box", "TooMany", "Use", "uses_of"]


@dataclass(frozen=True)
class Box:
    """The subscripts in one dimension, for each of `n` processes: `low` to `high` by `step`."""

    low: np.ndarray
    high: np.ndarray
    step: int

    def at(self, row: int) -> slice:
        """Those of one process."""
        low = int(self.low[row])
        return slice(low, max(low, int(self.high[row]) + 1), self.step)


class TooMany(Exception):
    """There are more iterations than anybody wants to go through."""


@dataclass(frozen=True)
class Use:
    """An access of a family to an array from outside: a store or a load; of a queue a put or a get.

    `rows` are the processes that the boxes are of, as positions in the family.
    """

    array: Array
    stores: bool
    boxes: tuple[Box, ...]
    place: Place | None
    rows: np.ndarray


@dataclass
class _Walk:
    """One family: the values that iterators and a callee's arguments have.

    `rows` are the processes; with `most`, loops are run through while there are no more than so many rows,
    and a process is in a row for each iteration.
    """

    rows: np.ndarray
    grid: dict[Iter, Any]
    most: int = 0
    spans: dict[Iter, Box] = field(default_factory=dict)
    values: dict[Array, Expr] = field(default_factory=dict)
    regions: dict[Array, Region | None] = field(default_factory=dict)  # of a callee's arguments
    own: set[Array] = field(default_factory=set)
    depth: int = 0  # of calls
    callee: str = ""

    def block(self, block: Block) -> Iterator[Use]:
        for node in block:
            yield from self.node(node)

    def node(self, node: Node) -> Iterator[Use]:
        place = node.place
        for expr in expressions_of(node):
            for load in loads_of(expr):
                yield from self.use(Region(load.array, load.indices), False, load.place or place)
        match node:
            case Alloc(array=array):
                self.own.add(array)
            case Store(array=array, indices=indices):
                yield from self.use(Region(array, indices), True, place)
            case Loop(iter=it, start=start, stop=stop, step=step, body=body):
                inside = self.through(node) if self.most else None
                if inside is None:
                    self.spans[self.named(it)] = self.span(start, stop, step)
                yield from (inside or self).block(body)
            case While(prologue=prologue, body=body):
                yield from self.block((*prologue, *body))
            case If(cond=cond, then=then, orelse=orelse):
                for block, holds in ((then, True), (orelse, False)):
                    rows = np.flatnonzero(self.may(self.outside(cond), holds)) if self.most else None
                    if rows is None or len(rows):
                        yield from (self if rows is None else self.at(rows)).block(block)
            case Call():
                yield from self.call(node)

    @property
    def count(self) -> int:
        return len(self.rows)

    def at(self, rows: np.ndarray) -> _Walk:
        """The same in some rows."""

        def kept(values: Any) -> Any:
            return np.broadcast_to(values, self.count)[rows]

        spans = {it: Box(kept(box.low), kept(box.high), box.step) for it, box in self.spans.items()}
        grid = {it: kept(values) for it, values in self.grid.items()}
        return replace(self, rows=self.rows[rows], grid=grid, spans=spans)

    def through(self, loop: Loop) -> _Walk | None:
        """The iterations of a loop, a row for each; None where the place in the grid does not give them."""
        ends = [values_of(self.outside(end), self.grid) for end in (loop.start, loop.stop)]
        if ends[0] is None or ends[1] is None:
            return None
        start, stop = (np.broadcast_to(end, self.count) for end in ends)
        trips = np.maximum(-((start - stop) // loop.step), 0)
        if trips.sum() > self.most:
            raise TooMany
        rows = np.repeat(np.arange(self.count), trips)
        turn = np.arange(len(rows)) - np.repeat(np.cumsum(trips) - trips, trips)
        inside = self.at(rows)
        inside.grid[self.named(loop.iter)] = start[rows] + loop.step * turn
        return inside

    def may(self, cond: Expr, holds: bool) -> np.ndarray:
        """In which rows a condition may hold, or not hold."""
        found = values_of(cond, self.grid)
        if found is not None:
            return np.broadcast_to((found != 0) == holds, self.count)
        if isinstance(cond, Unary) and cond.op == "not":
            return self.may(cond.operand, not holds)
        if isinstance(cond, Logical):
            every = np.logical_and if (cond.op == "and") == holds else np.logical_or
            result: np.ndarray = every.reduce([self.may(part, holds) for part in cond.operands])
            return result
        return np.ones(self.count, bool)

    def call(self, node: Call) -> Iterator[Use]:
        """What a callee does with the caller's arrays; its results are stored to."""
        values: dict[Array, Expr] = {}
        regions: dict[Array, Region | None] = {}
        callee = node.program
        stored = summary_of(callee).writes
        for formal, part in zip(callee.args, node.args, strict=True):
            if isinstance(part, Region):
                regions[formal] = self.outer(part)
            elif formal not in stored:
                values[formal] = self.outside(part)
        inner = _Walk(
            self.rows, dict(self.grid), self.most, dict(self.spans), values, regions, set(), self.depth + 1,
            callee.name,
        )  # fmt: skip
        for use in inner.block(callee.body):
            yield replace(use, place=node.place)
        for part in node.results:
            yield from self.use(part, True, node.place)

    def named(self, it: Iter) -> Iter:
        """An iterator of a callee, told from those of its callers."""
        return Iter(f"{self.depth}:{it.key}", it.name) if self.depth else it

    def outside(self, expr: Expr) -> Expr:
        """An expression in the terms of the network."""
        if not self.depth:
            return expr

        def change(part: Expr) -> Expr | None:
            if isinstance(part, IterRef):
                return IterRef(self.named(part.iter))
            return self.values.get(part.array) if isinstance(part, Load) and not part.indices else None

        return rewrite(expr, change)

    def outer(self, part: Region) -> Region | None:
        """A view of one of the network's arrays, in its terms; None of an array of a process's own."""
        indices = tuple(
            Slice(self.outside(i.start), i.extent) if isinstance(i, Slice) else self.outside(i)
            for i in part.indices
        )
        if part.array in self.regions:
            around = self.regions[part.array]
            return None if around is None else Region(around.array, _in_view(around, indices))
        if part.array.kind == "state" and self.depth:  # calls of one kernel share what it keeps
            kept = replace(
                part.array, key=f"{self.callee}/{part.array.key}", name=f"{self.callee}:{part.array.name}"
            )
            return Region(kept, indices)
        if self.depth or part.array in self.own or part.array.kind == "constant":
            return None
        return Region(part.array, indices)

    def use(self, part: Region, stores: bool, place: Place | None) -> Iterator[Use]:
        found = self.outer(part)
        if found is not None:
            boxes = tuple(map(self.box, found.indices, found.array.shape))
            yield Use(found.array, stores, boxes, place, self.rows)

    def box(self, index: Expr | Slice, extent: int) -> Box:
        start, size = (index.start, index.extent) if isinstance(index, Slice) else (index, 1)
        found = self.of(start)
        if found is None:
            return Box(np.zeros(self.count, np.int64), np.full(self.count, extent - 1), 1)
        if size > 1:
            found = Box(found.low, found.high + size - 1, 1)
        below = np.maximum(-found.low, 0)  # elements outside are none; those inside keep their step
        low = found.low + -(-below // found.step) * found.step
        return Box(low, np.minimum(found.high, extent - 1), found.step)

    def of(self, expr: Expr) -> Box | None:
        """The values of an expression, as a box."""
        exact = values_of(expr, self.grid)
        if exact is not None:
            values = np.broadcast_to(exact, self.count)
            return Box(values, values, 1)
        form = linear(expr)
        if form is None:
            return None
        low = high = np.full(self.count, form.constant, np.int64)
        step = 0
        for atom, factor in form.terms:
            here = values_of(atom, self.grid)
            if here is not None:
                low, high = low + factor * here, high + factor * here
                continue
            span = self.spans.get(atom.iter) if isinstance(atom, IterRef) else None
            if span is None:
                return None
            ends = factor * span.low, factor * span.high
            low, high = low + np.minimum(*ends), high + np.maximum(*ends)
            step = math.gcd(step, abs(factor) * span.step)
        return Box(low, high, step or 1)

    def span(self, start: Expr, stop: Expr, step: int) -> Box:
        """The values of a loop's iterator; none where it never runs."""
        first, last = self.of(self.outside(start)), self.of(self.outside(stop))
        far = np.full(self.count, 1 << 31)
        if first is None or last is None:
            return Box(-far, far, 1)
        stride = abs(step) if np.all(first.low == first.high) else 1
        if step > 0:
            high = last.high - 1
            return Box(first.low, high - (high - first.low) % stride, stride)
        low = last.low + 1
        return Box(low + (first.high - low) % stride, first.high, stride)


def _in_view(view: Region, indices: tuple[Expr | Slice, ...]) -> tuple[Expr | Slice, ...]:
    """Subscripts in a view as subscripts in its array."""
    rest: Iterator[Any] = iter(indices)
    found: list[Expr | Slice] = []
    for part in view.indices:
        if not isinstance(part, Slice):
            found.append(part)
            continue
        inner = next(rest)
        if isinstance(inner, Slice):
            found.append(Slice(binary("+", part.start, inner.start), inner.extent))
        else:
            found.append(binary("+", part.start, inner))
    return tuple(found)


def uses_of(family: Family, made: Mapping[Array, object] | frozenset[Array], most: int = 0) -> list[Use]:
    """The accesses of a family to what is not its own; `made` are the network's arrays.

    With `most`, each iteration is looked at by itself, and by the conditions that its place in loops decides.

    Raises:
        TooMany: that would be more iterations.
    """
    points = family.points
    grid = {loop.iter: points[:, axis] for axis, loop in enumerate(family.stage.loops)}
    work = _Walk(np.arange(len(points)), grid, most)
    for node in walk_nodes(family.body):
        if isinstance(node, Alloc) or (isinstance(node, Store) and node.array.kind == "value"):
            work.own.add(node.array)
    work.own -= set(made)
    return list(work.block(family.body))
